"""Peers that steady a finished clip along the source's motion, as published or as a careful user would build them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from benchmarks.steadiness.motion import seen_before
from benchmarks.steadiness.peers_join import hard_cut
from benchmarks.steadiness.trial import Method, Motion, Trial
from consistency.warp import warp


class Steady(Protocol):
    """What steadies frames `[T, 3, H, W]`, given their source `[T, 3, H, W]` and its motion."""

    def __call__(self, frames: Tensor, source: Tensor, motion: Motion) -> Tensor:
        """This gives the steadied frames `[T, 3, H, W]`."""
        ...


@dataclass(frozen=True)
class Steadied:
    """This joins the parts first, by a hard cut if nothing else is said, and then steadies the clip."""

    steady: Steady
    join: Method = hard_cut

    def __call__(self, trial: Trial, motion: Motion) -> Tensor:
        """This makes the clip."""
        return self.steady(self.join(trial, motion), trial.clip.source, motion)


@dataclass(frozen=True)
class RecursiveBlend:
    """This mixes every frame with the result before it, carried along, where the motion is seen from both sides.

    keep: the share of the past, 0 to below 1; larger is steadier, softer, and slower to take up what is new.
    mode: how the past is looked up, "bilinear" or "bicubic", which keeps more detail.
    """

    keep: float = 0.8
    mode: str = "bilinear"

    def __call__(self, frames: Tensor, source: Tensor, motion: Motion) -> Tensor:
        """This steadies the clip, from its first frame on."""
        share = self.keep * seen_before(motion)
        made = [frames[:1]]
        for t in range(1, len(frames)):
            past = warp(made[-1], motion.to_previous[t : t + 1], self.mode)[0]
            made.append(torch.lerp(frames[t : t + 1], past, share[t : t + 1]))
        return torch.cat(made).clamp(0, 1)


@dataclass(frozen=True)
class MotionAverage:
    """This is the mean over `reach` frames to either side, each carried here along the chained motion.

    A neighbour counts where every step of its way is seen from both sides. mode: as in `RecursiveBlend`.
    """

    reach: int = 4
    mode: str = "bilinear"

    def __call__(self, frames: Tensor, source: Tensor, motion: Motion) -> Tensor:
        """This steadies the clip."""
        total, weight = frames.clone(), torch.ones_like(frames[:, :1])
        before = _carried(frames, motion.to_previous, seen_before(motion), self.reach, self.mode)
        turned = Motion(motion.to_next.flip(0), motion.to_previous.flip(0))
        after = _carried(frames.flip(0), turned.to_previous, seen_before(turned), self.reach, self.mode)
        for offset, (brought, seen) in enumerate(before, 1):
            total[offset:] += brought * seen
            weight[offset:] += seen
        for offset, (brought, seen) in enumerate(after, 1):
            total[:-offset] += (brought * seen).flip(0)
            weight[:-offset] += seen.flip(0)
        return (total / weight).clamp(0, 1)


@dataclass(frozen=True)
class ScreenedPoisson:
    """Blind video consistency (Bonneel et al., SIGGRAPH Asia 2015), solved from the equation in the paper.

    Frame by frame the result O minimises |grad O - grad P|^2 + w |O - warp(O before)|^2: the gradients of the frame P,
    which flickers, and the values of the past. w = strength * exp(-|V - warp(V before)|^2 / (2 tolerance^2)) for the
    source V, and 0 where the past lies outside the picture. strength: larger is steadier and loses detail. tolerance:
    larger is more trusting. mode: how the past is looked up, "bilinear" or "bicubic", which keeps more detail.
    """

    strength: float = 1.0
    tolerance: float = 0.05
    mode: str = "bilinear"

    def __call__(self, frames: Tensor, source: Tensor, motion: Motion) -> Tensor:
        """This steadies the clip, from its first frame on."""
        weight = self._weight(source, motion)
        made = [frames[0]]
        for t in range(1, len(frames)):
            past = warp(made[-1][None], motion.to_previous[t : t + 1], self.mode)[0][0]
            made.append(frames[t] + solve_screened(weight[t], past - frames[t]))
        return torch.stack(made).clamp(0, 1)

    def _weight(self, source: Tensor, motion: Motion) -> Tensor:
        brought, inside = warp(source.roll(1, dims=0), motion.to_previous)
        differ = (source - brought).square().sum(dim=1, keepdim=True)
        return self.strength * torch.exp(-differ / (2 * self.tolerance**2)) * inside


def solve_screened(weight: Tensor, towards: Tensor, rounds: int = 1000, exact: float = 1e-4) -> Tensor:
    """This finds x `[3, H, W]` that minimises |grad x|^2 + weight |x - towards|^2, by conjugate gradients.

    weight: `[1, H, W]`, 0 or more. The slope is 0 at the border; the diagonal is the preconditioner. x begins at 0, and
    stays there where nothing weighs. exact: the share of the first residual at which it is done; values then are right
    to a fifth of an 8-bit level.
    """
    x, residual = torch.zeros_like(towards), weight * towards
    ease = 1 / (_neighbours(weight) + weight).clamp(min=1e-6)
    step = ease * residual
    energy = (residual * step).sum(dim=(1, 2), keepdim=True)
    enough = exact**2 * energy
    for _ in range(rounds):
        if (energy <= enough).all():
            break
        turned = weight * step - _laplacian(step)
        length = energy / (step * turned).sum(dim=(1, 2), keepdim=True).clamp(min=1e-20)
        x, residual = x + length * step, residual - length * turned
        eased = ease * residual
        last, energy = energy, (residual * eased).sum(dim=(1, 2), keepdim=True)
        step = eased + energy / last.clamp(min=1e-20) * step
    return x


def _laplacian(x: Tensor) -> Tensor:
    """This sums the differences to the neighbours there are."""
    out = torch.zeros_like(x)
    down, right = x.diff(dim=-2), x.diff(dim=-1)
    out[..., :-1, :] += down
    out[..., 1:, :] -= down
    out[..., :-1] += right
    out[..., 1:] -= right
    return out


def _neighbours(like: Tensor) -> Tensor:
    """This counts the neighbours that each pixel has."""
    count = torch.zeros_like(like)
    for side in (count[..., :-1, :], count[..., 1:, :], count[..., :-1], count[..., 1:]):
        side += 1
    return count


def _carried(
    frames: Tensor, to_previous: Tensor, seen: Tensor, reach: int, mode: str
) -> Iterator[tuple[Tensor, Tensor]]:
    """This brings each frame from the k-th on the frame k before it, and says where that holds: `[T - k, ...]` both.

    k runs from 1 to `reach`.
    """
    way, visible = torch.zeros_like(to_previous), torch.ones_like(seen)
    for offset in range(1, min(reach, len(frames) - 1) + 1):
        # One step further back: the motion of the frame that the way has reached, looked up where it has arrived.
        onward, still = (warp(values[1 : len(values) - offset + 1], way[1:])[0] for values in (to_previous, seen))
        way, visible = way[1:] + onward, visible[1:] * (still > 0.999)
        yield warp(frames[: len(frames) - offset], way, mode)[0], visible
