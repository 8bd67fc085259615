"""The autoencoder: 8x8 pixels to 32 numbers and back, cheap enough for two cores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderDC
from torch import Tensor
from torch.nn import functional as F

from training import loop
from training.loop import Stage
from training.photos import Picture, crop, to_tensor

CHANNELS = 32
NOISE = 0.05  # of a latent's deviation: the decoder must bear what a sampler leaves over


def build() -> AutoencoderDC:
    """This builds the network: half resolution costs one block, the rest works at a quarter and an eighth."""
    widths = (16, 32, 64, 128)
    return AutoencoderDC(
        latent_channels=CHANNELS,
        attention_head_dim=32,
        encoder_block_types="ResBlock",
        decoder_block_types="ResBlock",
        encoder_block_out_channels=widths,
        decoder_block_out_channels=widths,
        encoder_layers_per_block=(0, 1, 2, 3),
        decoder_layers_per_block=(0, 1, 2, 3),
        encoder_qkv_multiscales=((), (), (), ()),
        decoder_qkv_multiscales=((), (), (), ()),
        upsample_block_type="pixel_shuffle",
        downsample_block_type="pixel_unshuffle",
        decoder_norm_types="rms_norm",
        decoder_act_fns="silu",
        scaling_factor=1.0,
    )


def batches(pictures: list[Picture], size: int, count: int, rng: np.random.Generator) -> Iterator[Tensor]:
    """This draws batches of random crops `[count, 3, size, size]` for ever."""
    while True:
        chosen = rng.integers(0, len(pictures), count)
        yield to_tensor([crop(pictures[i], size, rng) for i in chosen])


def loss_of(model: AutoencoderDC, frames: Tensor) -> Tensor:
    """This is the mean absolute error of colours and of their steps to the next pixel (crispness)."""
    target = frames * 2 - 1
    latents = model.encode(target).latent
    spread = latents.detach().std(dim=(0, 2, 3), keepdim=True)
    made = model.decode(latents + torch.randn_like(latents) * spread * NOISE).sample
    steps = sum(F.l1_loss(made.diff(dim=d), target.diff(dim=d)) for d in (-1, -2))
    mean, square = latents.mean(dim=(0, 2, 3)), latents.square().mean(dim=(0, 2, 3))
    unit = mean.square().mean() + (square - 1).square().mean()  # keeps every channel at mean 0, deviation 1
    total: Tensor = F.l1_loss(made, target) + steps + 0.5 * F.mse_loss(made, target) + 0.002 * unit
    return total


def psnr(model: AutoencoderDC, frames: Tensor) -> float:
    """This is the peak signal-to-noise ratio in dB of frames `[T, 3, H, W]` after one round trip."""
    with torch.inference_mode():
        made = (model.decode(model.encode(frames * 2 - 1).latent).sample / 2 + 0.5).clamp(0, 1)
    error = (made - frames).square().mean(dim=(1, 2, 3))
    return float((-10 * torch.log10(error)).mean())


def train(pictures: list[Picture], held_out: Tensor, run: Path, seconds: float, seed: int = 0) -> Any:  # noqa: ANN401
    """This trains an `AutoencoderDC` for `seconds`, going on from `run/autoencoder.pt` where it exists."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = build()
    stage = Stage(run / "autoencoder.pt", seconds, rate=2e-3, warm_up=100, averaging=0.99)
    stream = batches(pictures, 96, 24, np.random.default_rng(seed))
    return loop.train(
        stage, model, stream, lambda frames: loss_of(model, frames), lambda m: f"held-out {psnr(m, held_out):.2f} dB"
    )
