"""The decoder once more: the encoder stays as it is, and the decoder learns on pictures in all looks.

Latents stay what they are for the denoiser, so this can run beside it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderDC
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from training import loop
from training.autoencoder import psnr
from training.hints import FACTOR
from training.loop import Stage

CROP = 12  # latents a side
NOISE = 0.08  # of unit latents: a denoiser's answer is never quite clean


class Decoder(nn.Module):
    """The half of an autoencoder that learns here."""

    def __init__(self, vae: AutoencoderDC) -> None:
        super().__init__()
        self.scale = float(vae.config.scaling_factor)
        self.decoder = vae.decoder

    def forward(self, latents: Tensor) -> Tensor:
        """This decodes scaled latents `[B, c, h, w]` to pictures `[B, 3, 8h, 8w]`, -1 to 1."""
        return self.decoder(latents / self.scale)  # type: ignore[no-any-return]


def crops(
    latents: Tensor, pictures: NDArray[np.uint8], size: int, rng: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """This draws latents `[N, V, c, h, w]` with their pictures `[N, V, 8h, 8w, 3]`, by crops, for ever."""
    highs = (*latents.shape[:2], latents.shape[-2] - CROP + 1, latents.shape[-1] - CROP + 1)
    side = CROP * FACTOR
    while True:
        places = torch.stack([torch.randint(0, high, (size,), generator=rng) for high in highs], dim=1).tolist()
        cut = [latents[n, v, :, y : y + CROP, x : x + CROP] for n, v, y, x in places]
        seen = [pictures[n, v, y * FACTOR : y * FACTOR + side, x * FACTOR : x * FACTOR + side] for n, v, y, x in places]
        yield torch.stack(cut).float(), torch.from_numpy(np.stack(seen)).permute(0, 3, 1, 2).float() / 127.5 - 1


def loss_of(model: Decoder, batch: tuple[Tensor, Tensor], rng: torch.Generator) -> Tensor:
    """This is the error of colours and of their steps to the next pixel, on latents as a denoiser leaves them."""
    latents, target = batch
    noise = torch.rand(len(latents), 1, 1, 1, generator=rng) * NOISE
    made = model(latents + noise * torch.randn(latents.shape, generator=rng)).float()
    steps = sum(F.l1_loss(made.diff(dim=d), target.diff(dim=d)) for d in (-1, -2))
    total: Tensor = F.l1_loss(made, target) + steps + F.mse_loss(made, target)
    return total


def train(
    vae: AutoencoderDC,
    learned: Callable[[], tuple[Tensor, NDArray[np.uint8]]],
    held_out: Tensor,
    run: Path,
    steps: int,
    seed: int,
) -> AutoencoderDC:
    """This trains the decoder on, going on from `run/decoder.pt`; gives the autoencoder with the averaged one.

    `learned` makes the latents and pictures that `crops` takes.
    """
    stage = Stage(run / "decoder.pt", steps, rate=1e-3, warm_up=50, averaging=0.995, seed=seed)
    model = Decoder(vae)

    def report(average: nn.Module) -> str:
        whole = copy.copy(vae)
        whole._modules = {**vae._modules, "decoder": average.decoder}
        return f"held-out {psnr(whole, held_out):.2f} dB"

    trained = loop.train(
        stage,
        model,
        lambda rng: crops(*learned(), 16, rng),
        lambda batch, rng: loss_of(model, batch, rng),
        report,
    )
    vae.decoder = trained.decoder
    return vae
