"""The catalogue itself: a row for every model that a person can ask for by name; where it is the first, its family."""

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
GUIDED = {"canny": 0.5, "depth": 1.0}
# The motion modules of Stable Diffusion 1.5 were trained on 16 frames of independent noise.
SLOW = Defaults(steps=20, guidance=7.5, noise_carried=0.5)
SD15_CONTROLS = frozenset(part.component.removeprefix("controlnet_") for part in NETS)
ANIMATEDIFF = Family(
    "animatediff",
    frozenset({f"AnimateDiff{kind}Pipeline" for kind in ("", "ControlNet", "VideoToVideo", "VideoToVideoControlNet")})
    | {"StableDiffusionPipeline", "UNet2DConditionModel", "UNetMotionModel"},
    window=16,
    side=512,
    defaults=SLOW,
    takes=Capabilities(
        SD15_CONTROLS, negative_prompt=True, references=4, weighs_references=True, masks=True, times=True
    ),
)


def _animatediff(name: str, title: str, adapter: tuple[Part, ...], defaults: Defaults, **rest: Any) -> Row:  # noqa: ANN401
    licence = Licence("CreativeML OpenRAIL-M", commercial=True, note="with limits of use")
    given = {"licence": licence, "scheduler": DDIM, "parts": (*SD15, *adapter, *NETS, *ADAPTER), **rest}
    return ANIMATEDIFF.row(name, title, defaults=replace(defaults, controls=GUIDED), **given)


def _lightning(steps: int) -> Row:
    file = f"animatediff_lightning_{steps}step_diffusers.safetensors"
    return _animatediff(
        f"animatediff-lightning-{steps}",
        f"AnimateDiff-Lightning, distilled to {steps} steps, fewer at less strength",
        (Part("motion_adapter", "ByteDance/AnimateDiff-Lightning", file=file, size=0.91),),
        Defaults(steps, guidance=1.0, noise_carried=0.5, distilled=True),
        scheduler={**EULER, "original_inference_steps": steps},
    )


WAN_CONTROLS = frozenset({"canny", "depth", "edges", "flow", "lineart", "openpose", "softedge"})
WAN_VACE = Family(
    "wan_vace",
    frozenset({"WanVACEPipeline", "WanVACETransformer3DModel"}),
    window=81,
    side=480,
    # Each latent of a video had noise of its own when Wan was trained.
    defaults=Defaults(steps=30, guidance=5.0, noise_carried=0.0, controls={"depth": 1.0}),
    takes=Capabilities(WAN_CONTROLS, negative_prompt=True, several=False, references=4, masks=True, times=True),
    working=10.0,
)
WAN_LICENCE = Licence("Apache-2.0", commercial=True)
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


WAN_14B = _wan_parts("Wan-AI/Wan2.1-VACE-14B-diffusers", transformer=34.7)
COSMOS = "nvidia/Cosmos-Transfer2.5-2B"
COSMOS_NETS = tuple(
    Part(f"controlnet_{control}", COSMOS, revision=f"diffusers/controlnet/general/{name}", size=0.94)
    for control, name in {"blur": "blur", "canny": "edge", "depth": "depth", "seg": "seg"}.items()
)

LTX2_LORAS = tuple(
    Part(
        f"iclora_{control}",
        f"Lightricks/LTX-2-19b-IC-LoRA-{name}-Control",
        file=f"ltx-2-19b-ic-lora-{name.lower()}-control.safetensors",
        size=0.65,
    )
    for control, name in {"canny": "Canny", "depth": "Depth", "openpose": "Pose"}.items()
)
LTX23_LORAS = tuple(
    Part(
        f"iclora_{control}",
        "Lightricks/LTX-2.3-22b-IC-LoRA-Union-Control",
        file="ltx-2.3-22b-ic-lora-union-control-ref0.5.safetensors",
        size=0.65,
    )
    for control in ("canny", "depth", "openpose")
)
LTX2 = Family(
    "ltx2",
    frozenset({f"LTX2{kind}Pipeline" for kind in ("", "Condition", "ImageToVideo", "InContext")})
    | {"LTX2VideoTransformer3DModel"},
    window=121,
    side=512,
    defaults=Defaults(steps=30, guidance=4.0, noise_carried=0.0, controls={"depth": 1.0}),
    takes=Capabilities(frozenset({"canny", "depth", "openpose"}), negative_prompt=True, several=False, masks=True),
    licence=Licence("LTX-2 Community License", commercial=True, note="to be paid for above $10M of yearly revenue"),
    working=14.0,
)


def _ltx2_parts(repository: str, **nets: float) -> tuple[Part, ...]:
    return parts(repository, "main", text_encoder=24.38, tokenizer=0.04, scheduler=0.0, **nets)


ROWS = (
    ANIMATEDIFF.row(
        "starter",
        "Small AnimateDiff, bundled: knows the looks of `restyle looks`, runs on a processor",
        licence=Licence("Apache-2.0", commercial=True),
        defaults=Defaults(steps=4, guidance=1.0, noise_carried=1.0, finished=True),
        takes=Capabilities(
            frozenset({"colour", "depth", "edges", "flow"}), negative_prompt=True, masks=True, times=True
        ),
        side=288,
        folder=STARTER,
    ),
    _animatediff(
        "animatediff",
        "AnimateDiff v3 on Stable Diffusion 1.5",
        (Part("motion_adapter", "guoyww/animatediff-motion-adapter-v1-5-3", size=0.84),),
        SLOW,
    ),
    _animatediff(
        "animatediff-v2",
        "AnimateDiff v2, which motion LoRAs are made for",
        (Part("motion_adapter", "guoyww/animatediff-motion-adapter-v1-5-2", size=0.91),),
        SLOW,
    ),
    _animatediff(
        "animatediff-lcm",
        "AnimateLCM, distilled to 4 to 8 steps",
        (
            Part("motion_adapter", "wangfuyun/AnimateLCM", size=0.91),
            Part("lora_lcm", "wangfuyun/AnimateLCM", file="AnimateLCM_sd15_t2v_lora.safetensors", size=0.13),
        ),
        Defaults(steps=6, guidance=2.0, noise_carried=0.5),
        licence=Licence("AnimateLCM names none", commercial=None),
        scheduler=LCM,
        loras={"lora_lcm": 0.8},
    ),
    _lightning(4),
    _lightning(8),
    WAN_VACE.row(
        "wan-vace-1.3b",
        "Wan 2.1 VACE, the small one",
        licence=WAN_LICENCE,
        parts=_wan_parts("Wan-AI/Wan2.1-VACE-1.3B-diffusers", transformer=7.15),
    ),
    WAN_VACE.row("wan-vace-14b", "Wan 2.1 VACE", licence=WAN_LICENCE, parts=WAN_14B),
    WAN_VACE.row(
        "wan-vace-14b-fast",
        "Wan 2.1 VACE, distilled to 4 steps, fewer at less strength",
        licence=WAN_LICENCE,
        parts=(
            *WAN_14B,
            Part("lora_fast", "lightx2v/Wan2.1-Distill-Loras", file=WAN_LORA, size=0.63),
        ),
        defaults=replace(WAN_VACE.defaults, steps=4, guidance=1.0, distilled=True),
        scheduler=WAN_FAST,
        loras={"lora_fast": 1.0},
    ),
    WAN_VACE.row(
        "wan2.2-vace-14b",
        "Wan 2.2 VACE Fun: one expert for shapes, one for detail",
        licence=WAN_LICENCE,
        parts=_wan_parts("linoyts/Wan2.2-VACE-Fun-14B-diffusers", transformer=34.7, transformer_2=34.7),
    ),
    Family(
        "cosmos_transfer",
        frozenset({"Cosmos2_5_TransferPipeline", "CosmosTransformer3DModel"}),
        window=93,
        side=704,
        # NVIDIA counts guidance from the answer with the prompt: its 3 is 4 here.
        defaults=Defaults(steps=35, guidance=4.0, noise_carried=0.0, controls={"depth": 1.0}),
        takes=Capabilities(frozenset({"blur", "canny", "depth", "seg"}), negative_prompt=True, masks=True),
        licence=Licence("NVIDIA Open Model License", commercial=True, note="it ends where the guardrail is bypassed"),
        working=22.0,
    ).row(
        "cosmos-transfer2.5-2b",
        "Cosmos-Transfer2.5; refuses some prompts, pixelates faces",
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
    LTX2.row(
        "ltx-2-19b",
        "LTX-2 with control by in-context LoRAs, pictures alone",
        parts=(*_ltx2_parts("Lightricks/LTX-2", transformer=37.75, vae=2.44, connectors=2.86), *LTX2_LORAS),
    ),
    LTX2.row(
        "ltx-2.3-22b",
        "LTX-2.3 with one in-context LoRA for all controls, pictures alone",
        parts=(*_ltx2_parts("diffusers/LTX-2.3-Diffusers", transformer=37.98, vae=1.45, connectors=6.34), *LTX23_LORAS),
        defaults=replace(LTX2.defaults, guidance=3.0),
    ),
    Family(
        "cogvideox",
        frozenset({"CogVideoXFunControlPipeline", "CogVideoXTransformer3DModel"}),
        window=49,
        side=480,
        defaults=Defaults(steps=30, guidance=6.0, noise_carried=0.0, controls={"depth": 1.0}),
        takes=Capabilities(frozenset({"canny", "depth"}), negative_prompt=True, several=False, masks=True),
        working=7.5,
    ).row(
        "cogvideox-fun-5b",
        "CogVideoX-Fun 1.1 Control",
        licence=Licence("CogVideoX", commercial=None, note="read it before you sell"),
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
