"""What a denoiser is asked in training: noised latents, and the answer that leads from there to the target."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

LEVELS = 1000
FEWEST_STEPS, MOST_STEPS = 3, 6  # of a job that somebody looks at

Predict = Callable[[Tensor, Tensor], Tensor]
"""Noised latents `[B, c, h, w]` and times `[B]` in, v of the latents' shape out."""


def noised_pair(
    source: Tensor, target: Tensor, alphas: Tensor, rng: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """This draws noise levels and noise for latents `[B, c, h, w]`: noised, times `[B]`, the wanted v, sigmas `[B]`.

    What is noised lies mostly between source and target. Times lie where the looks' strengths are, a quarter of them
    anywhere.
    """
    count = len(target)
    times = 0.3 + 0.55 * torch.rand(count, generator=rng)
    times[: count // 4] = 0.1 + 0.85 * torch.rand(count // 4, generator=rng)
    times = (LEVELS * times).long()
    times[: count // 16] = LEVELS - 1  # some from pure noise: strength 1
    start = target + _share(times, rng) * (source - target)
    return noised_at(times, start, target, torch.randn(start.shape, generator=rng), alphas)


def noised_clip(
    source: Tensor, target: Tensor, noise: Tensor, alphas: Tensor, rng: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """This gives what `noised_pair` gives for the frames `[T, c, h, w]` of a clip: all at one time, under its noise."""
    time = torch.randint(LEVELS // 10, LEVELS * 95 // 100, (1,), generator=rng)
    return noised_at(time, target + _share(time, rng) * (source - target), target, noise, alphas)


def noised_at(
    times: Tensor, start: Tensor, target: Tensor, noise: Tensor, alphas: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """This noises `start` `[B, c, h, w]` at times `[B]` or `[1]`: noised, times, the v to the target, sigmas."""
    alpha, sigma = _parts(alphas, times)
    noised = alpha * start + sigma * noise
    return noised, times, (alpha * noised - target) / sigma, sigma.flatten()


def _share(times: Tensor, rng: torch.Generator) -> Tensor:
    """How much of the source is in what is noised: all of it at a first step, less and less at later ones."""
    first = (torch.rand(len(times), generator=rng) < 0.5) & (times > 300)
    fading = torch.rand(len(times), generator=rng) * torch.rand(len(times), generator=rng) * (times / LEVELS)
    return torch.where(first, 1.0, fading).view(-1, 1, 1, 1)


def rolled_out(
    source: Tensor, target: Tensor, alphas: Tensor, rng: torch.Generator, predict: Predict, noise: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """This goes the first steps of a job, as the model goes them now, and asks for the target from where they led.

    A model that has only seen noised pictures takes what its own first steps left over for texture, and makes more of
    it at each step: grain. Here it sees its own steps. Gives what `noised_pair` gives; the whole batch is at one time.
    `noise`, of the latents' shape, is drawn if None.
    """
    times = _times(rng)
    gone = int(torch.randint(0, len(times), (1,), generator=rng))
    alpha, sigma = _parts(alphas, times[:1])
    noised = alpha * source + sigma * (torch.randn(source.shape, generator=rng) if noise is None else noise)
    with torch.no_grad():
        for now, then in pairwise(times[: gone + 1]):
            noised = _step(noised, predict(noised, now.expand(len(source))).float(), alphas, now, then)
    alpha, sigma = _parts(alphas, times[gone : gone + 1])
    reached = times[gone].expand(len(source))
    return noised, reached, (alpha * noised - target) / sigma, sigma.flatten().expand(len(source))


def answered(
    source: Tensor, alphas: Tensor, rng: torch.Generator, predict: Predict, noise: Tensor | None = None
) -> Tensor:
    """This goes all the steps of a job from latents `[B, c, h, w]`: where they lead, of the same shape.

    `noise` is drawn if None.
    """
    times = _times(rng, FEWEST_STEPS)
    alpha, sigma = _parts(alphas, times[:1])
    noised = alpha * source + sigma * (torch.randn(source.shape, generator=rng) if noise is None else noise)
    for now, then in pairwise(times):
        noised = _step(noised, predict(noised, now.expand(len(source))), alphas, now, then)
    alpha, sigma = _parts(alphas, times[-1:])
    return alpha * noised - sigma * predict(noised, times[-1].expand(len(source)))


def _times(rng: torch.Generator, fewest: int = 1) -> Tensor:
    """The times of a job of `fewest` to six steps: mostly at a strength about .65, a quarter at one from .3 to 1."""
    steps = int(torch.randint(fewest, MOST_STEPS + 1, (1,), generator=rng))
    low, spread = (0.3, 0.35) if torch.rand(1, generator=rng) < 0.25 else (0.45, 0.2)
    strength = low + spread * float(torch.rand(2, generator=rng).sum())
    stride = int(LEVELS * strength / steps)
    return torch.arange(steps, 0, -1) * stride - 1


def _step(noised: Tensor, answer: Tensor, alphas: Tensor, now: Tensor, then: Tensor) -> Tensor:
    """DDIM's step (Song et al. 2021) from one time to another, by an answer that is v (Salimans and Ho 2022)."""
    alpha, sigma = _parts(alphas, now[None])
    clean, noise = alpha * noised - sigma * answer, sigma * noised + alpha * answer
    alpha, sigma = _parts(alphas, then[None])
    return alpha * clean + sigma * noise


def _parts(alphas: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
    """How much picture and how much noise there is at times `[B]`: `[B, 1, 1, 1]` each."""
    return alphas[times].sqrt().view(-1, 1, 1, 1), (1 - alphas[times]).sqrt().view(-1, 1, 1, 1)
