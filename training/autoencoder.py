"""The autoencoder: 8x8 pixels to 32 numbers and back, cheap enough for two cores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderDC
from torch import Tensor
from torch.nn import functional as F

from training import loop
from training.loop import Stage, seeded
from training.photos import Picture, crop, to_tensor

CHANNELS = 32
BATCH = 24
CROP = 96  # pixels a side
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


def batches(pictures: list[Picture], chance: torch.Generator) -> Iterator[Tensor]:
    """This draws batches of random crops `[BATCH, 3, CROP, CROP]` for ever."""
    while True:
        rng = np.random.default_rng(int(torch.randint(2**31, (), generator=chance)))
        chosen = rng.integers(0, len(pictures), BATCH)
        yield to_tensor([crop(pictures[i], CROP, rng) for i in chosen])


def loss_of(model: AutoencoderDC, frames: Tensor, rng: torch.Generator) -> Tensor:
    """This is the mean absolute error of colours and of their steps to the next pixel (crispness)."""
    target = frames * 2 - 1
    latents = model.encode(target).latent
    spread = latents.detach().std(dim=(0, 2, 3), keepdim=True)
    made = model.decode(latents + torch.randn(latents.shape, generator=rng) * spread * NOISE).sample
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


@torch.inference_mode()
def scale_of(model: AutoencoderDC, pictures: list[Picture]) -> float:
    """This is the factor that brings latents of pictures to unit deviation."""
    whole = [picture[: len(picture) // 8 * 8, : picture.shape[1] // 8 * 8] for picture in pictures]
    latents = [model.encode(to_tensor([picture]) * 2 - 1).latent.flatten() for picture in whole]
    return float(1 / torch.cat(latents).std())


def train(pictures: list[Picture], held_out: Tensor, run: Path, steps: int, seed: int) -> AutoencoderDC:
    """This trains an autoencoder, going on from `run/autoencoder.pt` where it exists."""
    model = seeded(seed, build)
    stage = Stage(run / "autoencoder.pt", steps, rate=2e-3, warm_up=100, averaging=0.99, seed=seed)
    trained: AutoencoderDC = loop.train(
        stage,
        model,
        lambda rng: batches(pictures, rng),
        lambda frames, rng: loss_of(model, frames, rng),
        lambda average: f"held-out {psnr(average, held_out):.2f} dB",
    )
    trained.register_to_config(scaling_factor=scale_of(trained.eval(), pictures[::8]))
    return trained
