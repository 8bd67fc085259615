"""Models as large as the real ones, with random weights: what they say means nothing, how long it takes them does.

The reader of words alone is small where it would only take time to write: it is asked once a job. Beside each model
stands how the library's own pipeline runs it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import diffusers
import torch
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

from engine.diffusion.setup import Setup
from tests.engine.diffusion import tiny_animatediff, tiny_sd15, tiny_wan

LIBRARY: Any = diffusers  # its classes reach a type checker as dummies
Run = Callable[[int], object]
"""Runs so many steps."""
CONTROLS = ("canny", "depth")
LEVELS = 4
SD15: Mapping[str, Callable[[], nn.Module]] = {
    "unet": lambda: LIBRARY.UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8),
    "motion_adapter": lambda: LIBRARY.MotionAdapter(use_motion_mid_block=False),
    "vae": lambda: LIBRARY.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * LEVELS,
        up_block_types=("UpDecoderBlock2D",) * LEVELS,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        sample_size=512,
    ),
    **{
        f"controlnet_{control}": lambda: LIBRARY.ControlNetModel(cross_attention_dim=768, attention_head_dim=8)
        for control in CONTROLS
    },
}
"""Stable Diffusion 1.5 with the motion modules of AnimateDiff v3, and two ControlNets."""
WAN: Mapping[str, Callable[[], nn.Module]] = {
    "transformer": lambda: LIBRARY.WanVACETransformer3DModel(
        num_attention_heads=12,
        attention_head_dim=128,
        text_dim=4096,
        ffn_dim=8960,
        num_layers=30,
        vace_layers=list(range(0, 30, 2)),
        vace_in_channels=96,
    ),
    "vae": LIBRARY.AutoencoderKLWan,
}
"""Wan 2.1 VACE 1.3B."""


def build_sd15(folder: Path) -> Path:
    """This writes it whole, in half precision: about 4.5 GB."""
    _write(SD15, folder)
    sizes = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
    tiny_animatediff.words(folder, **sizes)
    tiny_sd15.scheduler().save_pretrained(folder / "scheduler")
    return folder


def build_wan(folder: Path) -> Path:
    """This writes it in half precision, about 5.5 GB, with a reader of words of one layer."""
    _write(WAN, folder)
    tiny_wan.words(folder, d_model=4096, d_kv=64, d_ff=10240, num_heads=64)
    tiny_wan.scheduler().save_pretrained(folder / "scheduler")
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "WanVACEPipeline", "boundary_ratio": None}))
    return folder


def _write(parts: Mapping[str, Callable[[], nn.Module]], folder: Path) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for name, make in parts.items():
            net: Any = make().to(torch.bfloat16)
            net.save_pretrained(folder / name)


@dataclass(frozen=True)
class Case:
    """A model: how it is built and run by the library, and the frames, height and width of one window."""

    name: str
    build: Callable[[Path], Path]
    plain: Callable[[Path, Setup, Case], Run]
    frames: int
    size: tuple[int, int]
    controls: tuple[str, ...]
    guidance: float = 5.0

    def maps(self, seed: int) -> torch.Tensor:
        """This draws frames, or a control map in three channels, `[T, 3, H, W]`."""
        return torch.rand(self.frames, 3, *self.size, generator=torch.Generator().manual_seed(seed))


def plain_animatediff(folder: Path, setup: Setup, case: Case) -> Run:
    """This is AnimateDiff as the library runs it."""
    kinds = {"unet": "UNet2DConditionModel", "motion_adapter": "MotionAdapter", "vae": "AutoencoderKL"}
    nets = {name: _load(folder, name, kind, setup.dtype) for name, kind in kinds.items()}
    controlnets = [_load(folder, f"controlnet_{name}", "ControlNetModel", setup.dtype) for name in case.controls]
    made = LIBRARY.AnimateDiffVideoToVideoControlNetPipeline(
        tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        text_encoder=CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=setup.dtype),
        controlnet=controlnets,
        scheduler=LIBRARY.DDIMScheduler.from_pretrained(folder / "scheduler"),
        **nets,
    ).to(setup.device)
    made.set_progress_bar_config(disable=True)
    frames, maps = list(case.maps(0)), [list(case.maps(1 + number)) for number in range(len(controlnets))]
    return lambda steps: made(
        video=frames,
        prompt="ink",
        conditioning_frames=maps,
        controlnet_conditioning_scale=[1.0] * len(controlnets),
        num_inference_steps=steps,
        strength=1.0,
        guidance_scale=case.guidance,
        height=case.size[0],
        width=case.size[1],
        output_type="pt",
    )


def plain_wan(folder: Path, setup: Setup, case: Case) -> Run:
    """This is Wan VACE as the library runs it, words read already."""
    transformer = _load(folder, "transformer", "WanVACETransformer3DModel", setup.dtype)
    made = LIBRARY.WanVACEPipeline(
        tokenizer=None,
        text_encoder=None,
        transformer=transformer,
        vae=_load(folder, "vae", "AutoencoderKLWan", torch.float32),
        scheduler=LIBRARY.UniPCMultistepScheduler.from_pretrained(folder / "scheduler"),
    ).to(setup.device)
    made.set_progress_bar_config(disable=True)
    words = torch.randn(2, 1, 512, transformer.config.text_dim).to(setup.device, setup.dtype)
    control = case.maps(1)[None]
    return lambda steps: made(
        video=control,
        mask=torch.ones_like(control),
        prompt_embeds=words[0],
        negative_prompt_embeds=words[1],
        num_inference_steps=steps,
        num_frames=case.frames,
        guidance_scale=case.guidance,
        height=case.size[0],
        width=case.size[1],
        output_type="pt",
    )


def _load(folder: Path, part: str, kind: str, dtype: torch.dtype) -> Any:  # noqa: ANN401
    return getattr(LIBRARY, kind).from_pretrained(folder, subfolder=part, dtype=dtype)


CASES = {
    "sd15": Case("Stable Diffusion 1.5 with two ControlNets", build_sd15, plain_animatediff, 16, (512, 512), CONTROLS),
    "wan": Case("Wan VACE 1.3B", build_wan, plain_wan, 81, (480, 832), ("depth",)),
}
TINY = {
    "sd15": replace(CASES["sd15"], build=tiny_sd15.build, frames=8, size=(48, 64)),
    "wan": replace(CASES["wan"], build=tiny_wan.build, frames=9, size=(32, 48)),
}
"""The same by the tests' small models."""
