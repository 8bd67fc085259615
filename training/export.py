"""From checkpoints to `engine/starter/`: the folder that the engine loads, in diffusers' own layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderDC, MotionAdapter, UNetMotionModel
from torch import nn

from training.diffusion import CONTROLS, WIDTHS, Denoiser, build_scheduler

MOTION_FRAMES = 32


def export(vae: AutoencoderDC, scale: float, model: Denoiser, target: Path) -> None:
    """This writes all parts as half-precision safetensors into `target`."""
    vae.register_to_config(scaling_factor=scale)
    vae.half().save_pretrained(target / "vae")
    _let_pipelines_see_the_factor(target / "vae" / "config.json")
    _with_motion(model).half().save_pretrained(target / "unet")
    for name in CONTROLS:
        net: Any = model.controlnets[name]
        net.half().save_pretrained(target / f"controlnet_{name}")
    model.text_encoder.half().save_pretrained(target / "text_encoder")
    model.tokenizer.save_pretrained(target / "tokenizer")
    build_scheduler().save_pretrained(target / "scheduler")


def _with_motion(model: Denoiser) -> UNetMotionModel:
    """This adds motion modules that change nothing yet: their last layer is zero until they are trained."""
    adapter = MotionAdapter(
        block_out_channels=WIDTHS,
        motion_layers_per_block=1,
        motion_mid_block_layers_per_block=1,
        motion_num_attention_heads=4,
        motion_norm_num_groups=16,
        motion_max_seq_length=MOTION_FRAMES,
        use_motion_mid_block=False,
    )
    for name, parameter in adapter.named_parameters():
        if ".proj_out." in name:
            nn.init.zeros_(parameter)
    with torch.no_grad():
        return UNetMotionModel.from_unet2d(model.unet, adapter)


def _let_pipelines_see_the_factor(path: Path) -> None:
    """AnimateDiff's pipelines count the autoencoder's halvings by a key that this class spells otherwise."""
    config = json.loads(path.read_text(encoding="utf-8"))
    config["block_out_channels"] = config["encoder_block_out_channels"]
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
