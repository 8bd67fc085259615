"""The catalogue itself: a row for every model that a person can ask for by name, and what their families do best."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.diffusion.row import Family, Licence, Part, Row, parts
from engine.diffusion.stylizer import Capabilities, Defaults

STARTER = Path(__file__).parent.parent / "starter"

SD15 = parts("stable-diffusion-v1-5/stable-diffusion-v1-5", unet=1.72, vae=0.17, text_encoder=0.25, tokenizer=0.0)
NETS = tuple(
    Part(f"controlnet_{control}", f"lllyasviel/control_{net}", size=0.72)
    for control, net in {
        "canny": "v11p_sd15_canny",
        "depth": "v11f1p_sd15_depth",
        "lineart": "v11p_sd15_lineart",
        "normal": "v11p_sd15_normalbae",
        "openpose": "v11p_sd15_openpose",
        "softedge": "v11p_sd15_softedge",
    }.items()
)
ADAPTER = (
    Part("ip_adapter", "h94/IP-Adapter", "models", file="ip-adapter_sd15.safetensors", size=0.04),  # Apache-2.0
    Part("image_encoder", "h94/IP-Adapter", "models/image_encoder", size=2.53),
)
# The variance that the motion modules were trained with differs from that of Stable Diffusion 1.5 itself.
LINEAR = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "linear", "steps_offset": 1}
DDIM = {**LINEAR, "_class_name": "DDIMScheduler", "clip_sample": False, "set_alpha_to_one": False}
LCM = {**LINEAR, "_class_name": "LCMScheduler", "original_inference_steps": 50, "set_alpha_to_one": False}
EULER = {**LINEAR, "_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing"}
OPEN_RAIL = Licence("CreativeML OpenRAIL-M", commercial=True, note="with limits of use")


def _animatediff(name: str, title: str, adapter: tuple[Part, ...], defaults: Defaults, **rest: Any) -> Row:  # noqa: ANN401
    controls = frozenset(part.component.removeprefix("controlnet_") for part in NETS)
    takes = Capabilities(controls, negative_prompt=True, references=4, weighs_references=True, masks=True)
    own = (*SD15, *adapter, *NETS, *ADAPTER)
    given = {"licence": OPEN_RAIL, "scheduler": DDIM, "parts": own, "takes": takes, **rest}
    return Row(name, title, Family.ANIMATEDIFF, window=16, defaults=defaults, **given)


def _lightning(steps: int) -> Row:
    file = f"animatediff_lightning_{steps}step_diffusers.safetensors"
    return _animatediff(
        f"animatediff-lightning-{steps}",
        f"AnimateDiff-Lightning, distilled to {steps} steps, fewer at less strength",
        (Part("motion_adapter", "ByteDance/AnimateDiff-Lightning", file=file, size=0.91),),
        Defaults(steps, guidance=1.0, noise_carried=0.5, controls=GUIDED, distilled=True),
        scheduler={**EULER, "original_inference_steps": steps},
    )


GUIDED = {"canny": 0.5, "depth": 1.0}
WAN_WINDOW, WAN_SIDE = 81, 480
# Each latent of a video had noise of its own when Wan was trained.
WAN_DEFAULTS = Defaults(steps=30, guidance=5.0, noise_carried=0.0, controls={"depth": 1.0})
WAN_CONTROLS = frozenset({"canny", "depth", "edges", "flow", "lineart", "openpose", "softedge"})
WAN_TAKES = Capabilities(WAN_CONTROLS, negative_prompt=True, several=False, references=4, masks=True)
WAN_FAST = {
    "_class_name": "UniPCMultistepScheduler",
    "prediction_type": "flow_prediction",
    "use_flow_sigmas": True,
    "flow_shift": 5.0,
}
WAN_LORA = "wan2.1_t2v_14b_lora_rank64_lightx2v_4step.safetensors"


def _wan_parts(repository: str, **experts: float) -> tuple[Part, ...]:
    index = Part("index", repository, file="model_index.json")  # says where a second expert takes over
    return *parts(repository, "main", vae=0.51, text_encoder=11.36, tokenizer=0.02, scheduler=0.0, **experts), index


def _wan_vace(name: str, title: str, own: tuple[Part, ...], defaults: Defaults = WAN_DEFAULTS, **rest: Any) -> Row:  # noqa: ANN401
    given = {
        "parts": own,
        "takes": WAN_TAKES,
        "licence": Licence("Apache-2.0", commercial=True),
        "working": 10.0,
        **rest,
    }
    return Row(name, title, Family.WAN_VACE, window=WAN_WINDOW, defaults=defaults, side=WAN_SIDE, **given)


COSMOS_WINDOW, COSMOS_SIDE = 93, 704
COSMOS_LICENCE = Licence("NVIDIA Open Model License", commercial=True, note="it ends where the guardrail is bypassed")
# NVIDIA counts guidance from the answer with the prompt: its 3 is 4 here.
COSMOS_DEFAULTS = Defaults(steps=35, guidance=4.0, noise_carried=0.0, controls={"depth": 1.0})
COSMOS = "nvidia/Cosmos-Transfer2.5-2B"
COSMOS_NETS = tuple(
    Part(f"controlnet_{control}", COSMOS, revision=f"diffusers/controlnet/general/{name}", size=0.94)
    for control, name in {"blur": "blur", "canny": "edge", "depth": "depth", "seg": "seg"}.items()
)

LTX2_WINDOW, LTX2_SIDE = 121, 512
LTX2_LICENCE = Licence("LTX-2 Community License", commercial=True, note="to be paid for above $10M of yearly revenue")
LTX2_DEFAULTS = Defaults(steps=30, guidance=4.0, noise_carried=0.0, controls={"depth": 1.0})
LTX2_LORAS = tuple(
    Part(
        f"iclora_{control}",
        f"Lightricks/LTX-2-19b-IC-LoRA-{name}-Control",
        file=f"ltx-2-19b-ic-lora-{name.lower()}-control.safetensors",
        size=0.65,
    )
    for control, name in {"canny": "Canny", "depth": "Depth", "openpose": "Pose"}.items()
)

COGVIDEOX_WINDOW = 49
COGVIDEOX_DEFAULTS = Defaults(steps=30, guidance=6.0, noise_carried=0.0, controls={"depth": 1.0})


ROWS = (
    Row(
        name="starter",
        title="Small AnimateDiff, bundled: knows the looks of `restyle looks`, runs on a processor",
        family=Family.ANIMATEDIFF,
        licence=Licence("Apache-2.0", commercial=True),
        window=16,
        defaults=Defaults(steps=6, guidance=1.0, noise_carried=1.0),
        takes=Capabilities(frozenset({"colour", "depth", "edges", "flow"}), negative_prompt=True, masks=True),
        side=288,
        folder=STARTER,
    ),
    _animatediff(
        "animatediff",
        "AnimateDiff v3 on Stable Diffusion 1.5",
        (Part("motion_adapter", "guoyww/animatediff-motion-adapter-v1-5-3", size=0.84),),
        Defaults(steps=20, guidance=7.5, noise_carried=0.5, controls=GUIDED),
    ),
    _animatediff(
        "animatediff-v2",
        "AnimateDiff v2, which motion LoRAs are made for",
        (Part("motion_adapter", "guoyww/animatediff-motion-adapter-v1-5-2", size=0.91),),
        Defaults(steps=20, guidance=7.5, noise_carried=0.5, controls=GUIDED),
    ),
    _animatediff(
        "animatediff-lcm",
        "AnimateLCM, distilled to 4 to 8 steps",
        (
            Part("motion_adapter", "wangfuyun/AnimateLCM", size=0.91),
            Part("lora_lcm", "wangfuyun/AnimateLCM", file="AnimateLCM_sd15_t2v_lora.safetensors", size=0.13),
        ),
        Defaults(steps=6, guidance=2.0, noise_carried=0.5, controls=GUIDED),
        licence=Licence("AnimateLCM names none", commercial=None),
        scheduler=LCM,
        loras={"lora_lcm": 0.8},
    ),
    _lightning(4),
    _lightning(8),
    _wan_vace(
        "wan-vace-1.3b",
        "Wan 2.1 VACE, the small one",
        _wan_parts("Wan-AI/Wan2.1-VACE-1.3B-diffusers", transformer=7.15),
    ),
    _wan_vace("wan-vace-14b", "Wan 2.1 VACE", _wan_parts("Wan-AI/Wan2.1-VACE-14B-diffusers", transformer=34.7)),
    _wan_vace(
        "wan-vace-14b-fast",
        "Wan 2.1 VACE, distilled to 4 steps, fewer at less strength",
        (
            *_wan_parts("Wan-AI/Wan2.1-VACE-14B-diffusers", transformer=34.7),
            Part("lora_fast", "lightx2v/Wan2.1-Distill-Loras", file=WAN_LORA, size=0.63),
        ),
        replace(WAN_DEFAULTS, steps=4, guidance=1.0, distilled=True),
        scheduler=WAN_FAST,
        loras={"lora_fast": 1.0},
    ),
    _wan_vace(
        "wan2.2-vace-14b",
        "Wan 2.2 VACE Fun: one expert for shapes, one for detail",
        _wan_parts("linoyts/Wan2.2-VACE-Fun-14B-diffusers", transformer=34.7, transformer_2=34.7),
    ),
    Row(
        "cosmos-transfer2.5-2b",
        "Cosmos-Transfer2.5; refuses some prompts, pixelates faces",
        Family.COSMOS_TRANSFER,
        COSMOS_LICENCE,
        window=COSMOS_WINDOW,
        defaults=COSMOS_DEFAULTS,
        takes=Capabilities(frozenset({"blur", "canny", "depth", "seg"}), negative_prompt=True, masks=True),
        side=COSMOS_SIDE,
        working=22.0,
        parts=(
            *parts(
                COSMOS,
                "diffusers/general",
                transformer=4.83,
                vae=0.51,
                text_encoder=16.58,
                tokenizer=0.01,
                scheduler=0.0,
            ),
            *COSMOS_NETS,
        ),
    ),
    Row(
        "ltx-2-19b",
        "LTX-2 with control by in-context LoRAs, pictures alone",
        Family.LTX2,
        LTX2_LICENCE,
        window=LTX2_WINDOW,
        defaults=LTX2_DEFAULTS,
        takes=Capabilities(frozenset({"canny", "depth", "openpose"}), negative_prompt=True, several=False, masks=True),
        side=LTX2_SIDE,
        working=14.0,
        parts=(
            *parts(
                "Lightricks/LTX-2",
                transformer=37.75,
                vae=2.44,
                connectors=2.86,
                text_encoder=24.38,
                tokenizer=0.04,
                scheduler=0.0,
            ),
            *LTX2_LORAS,
        ),
    ),
    Row(
        "cogvideox-fun-5b",
        "CogVideoX-Fun 1.1 Control",
        Family.COGVIDEOX_FUN,
        Licence("CogVideoX", commercial=None, note="read it before you sell"),
        window=COGVIDEOX_WINDOW,
        defaults=COGVIDEOX_DEFAULTS,
        takes=Capabilities(frozenset({"canny", "depth"}), negative_prompt=True, several=False, masks=True),
        side=480,
        working=7.5,
        parts=parts(
            "alibaba-pai/CogVideoX-Fun-V1.1-5b-Control",
            transformer=11.1,
            vae=0.43,
            text_encoder=9.52,
            tokenizer=0.0,
            scheduler=0.0,
        ),
    ),
)
