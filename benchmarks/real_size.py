"""Models as large as the real ones, with random weights: what they say means nothing, how long it takes them does.

The reader of words alone is small where it would only take time to write: it is asked once a job.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
from torch import nn

from tests.engine.diffusion import tiny_animatediff, tiny_sd15, tiny_wan

LIBRARY: Any = diffusers  # its classes reach a type checker as dummies
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
