"""The decoder once more, on what the finished denoiser answers: the encoder stays as it is.

A small denoiser's answer is soft where it could not be sure. Asked for the nearest picture, a decoder leaves it soft;
before a critic it commits itself: a line is black or it is not there. And so it is in the next frame: what changes
along the motion counts against it, too.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderDC
from torch import Tensor, nn
from torch.nn import functional as F

from consistency.occlusion import motion_boundary
from consistency.warp import warp
from training import loop
from training.answers import Answers, Neighbours, pixels
from training.autoencoder import psnr
from training.critic import Critic, learning, verdict
from training.hints import FACTOR
from training.loop import Stage, seeded
from training.styles import STYLES

CROP = 12  # latents a side
SIZE, OWN = 8, 3  # crops of a batch, from answers; so many of them also from their target's own latents
NOISE = 0.08  # of unit latents: no latents are quite clean
BROAD = 4  # pixels: an answer's target is surely right in what is as large
PAIRS = 3  # crops of neighbouring frames
STRICT, ALIKE, STEADY = 0.1, 2.0, 3.0  # weights: the critic's verdict, what it goes by, what changes along the motion


class Decoder(nn.Module):
    """The half of an autoencoder that learns here, and the critic that learns beside it."""

    def __init__(self, vae: AutoencoderDC, versions: int) -> None:
        super().__init__()
        self.scale = float(vae.config.scaling_factor)
        self.decoder = vae.decoder
        self.critic = Critic(versions)

    def forward(self, latents: Tensor) -> Tensor:
        """This decodes scaled latents `[B, c, h, w]` to pictures `[B, 3, 8h, 8w]`, -1 to 1."""
        return self.decoder(latents / self.scale)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Batch:
    """Crops: answers and latents `[B, c, h, w]`, pictures `[B, 3, 8h, 8w]`, -1 to 1, versions `[B]`.

    And crops of neighbouring frames: `before`, `after` `[P, c, h, w]`, the flow between them `[P, 2, 8h, 8w]`, pixels.
    """

    answers: Tensor
    latents: Tensor
    pictures: Tensor
    versions: Tensor
    before: Tensor
    after: Tensor
    flow: Tensor


def crops(drawn: Answers, moving: Neighbours, rng: torch.Generator) -> Iterator[Batch]:
    """This draws crops of answers, and of neighbouring ones, for ever."""
    room, wider = (latents.shape[-1] - CROP + 1 for latents in (drawn.latents, moving.after))
    while True:
        cuts = _cuts(SIZE, len(drawn.versions), room, rng)
        pairs = _cuts(PAIRS, len(moving.after), wider, rng)
        before, after, flow = (
            torch.stack([part[n, :, y, x] for n, y, x in pairs]).float()
            for part in (moving.before, moving.after, moving.flow)
        )
        yield Batch(
            torch.stack([drawn.answers[n, :, y, x] for n, y, x in cuts]).float(),
            torch.stack([drawn.latents[n, :, y, x] for n, y, x in cuts]).float(),
            torch.stack([drawn.pictures[n, :, pixels(y), pixels(x)] for n, y, x in cuts]).float() / 127.5 - 1,
            drawn.versions[[n for n, _, _ in cuts]],
            before,
            after,
            F.interpolate(FACTOR * flow, scale_factor=FACTOR, mode="bilinear"),
        )


def _cuts(size: int, count: int, room: int, rng: torch.Generator) -> list[tuple[int, slice, slice]]:
    ids = torch.randint(0, count, (size,), generator=rng).tolist()
    places = torch.randint(0, room, (size, 2), generator=rng).tolist()
    return [(n, slice(y, y + CROP), slice(x, x + CROP)) for n, (y, x) in zip(ids, places, strict=True)]


def loss_of(model: Decoder, batch: Batch, rng: torch.Generator) -> Tensor:
    """This is what pictures from answers lack before the critic, and pictures from their own latents by the pixel."""
    own = batch.latents[:OWN]
    noise = NOISE * torch.rand(len(own), 1, 1, 1, generator=rng)
    own = own + noise * torch.randn(own.shape, generator=rng)
    parts = [batch.answers, own, batch.before, batch.after]
    from_answers, from_own, before, after = model(torch.cat(parts)).float().split([len(part) for part in parts])
    score, apart = verdict(model.critic, from_answers, batch.pictures, batch.versions)
    broad = F.l1_loss(F.avg_pool2d(from_answers, BROAD), F.avg_pool2d(batch.pictures, BROAD))
    judged = broad + 0.5 * F.l1_loss(from_answers, batch.pictures) + ALIKE * apart + STRICT * score
    learned = learning(model.critic, from_answers, batch.pictures, batch.versions)
    return _distance(from_own, batch.pictures[:OWN]) + judged + learned + STEADY * _flicker(before, after, batch.flow)


def _flicker(before: Tensor, after: Tensor, flow: Tensor) -> Tensor:
    """How much pictures change along the motion, where nothing is hidden."""
    moved, inside = warp(before, flow)
    seen = inside * (1 - motion_boundary(flow))
    return ((after - moved).abs().mean(dim=1, keepdim=True) * seen).sum() / seen.sum().clamp(min=1)


def _distance(made: Tensor, target: Tensor) -> Tensor:
    """The error of colours and of their steps to the next pixel."""
    steps = sum(F.l1_loss(made.diff(dim=d), target.diff(dim=d)) for d in (-1, -2))
    total: Tensor = F.l1_loss(made, target) + steps + F.mse_loss(made, target)
    return total


def train(
    vae: AutoencoderDC,
    learned: Callable[[], tuple[Answers, Neighbours]],
    held_out: Tensor,
    run: Path,
    steps: int,
    seed: int,
) -> AutoencoderDC:
    """This trains the decoder on, going on from `run/decoder.pt`; gives the autoencoder with the averaged one."""
    stage = Stage(run / "decoder.pt", steps, rate=1e-3, warm_up=50, averaging=0.995, seed=seed)
    model = seeded(seed, lambda: Decoder(vae, 1 + len(STYLES)))

    def report(average: nn.Module) -> str:
        whole = copy.copy(vae)
        whole._modules = {**vae._modules, "decoder": average.decoder}
        return f"held-out {psnr(whole, held_out):.2f} dB"

    trained = loop.train(
        stage,
        model,
        lambda rng: crops(*learned(), rng),
        lambda batch, rng: loss_of(model, batch, rng),
        report,
    )
    vae.decoder = trained.decoder
    return vae
