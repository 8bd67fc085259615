"""Peers that join overlapping parts: what pipelines of chunks do where two of them meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from kornia.filters import gaussian_blur2d
from torch import Tensor

from benchmarks.steadiness.trial import Motion, Part, Trial

Mix = Callable[[Tensor, Tensor], Tensor]
"""Two versions of one overlap, `[K, 3, H, W]` each, left and right, to one."""

Match = Callable[[Tensor, Tensor], Tensor]
"""A part `[L, 3, H, W]` and what its first K frames should look like, `[K, 3, H, W]`, to the part in that colour."""


def hard_cut(trial: Trial, motion: Motion) -> Tensor:
    """This takes every part from its first frame on."""
    return trial.flickering


def as_it_is(frames: Tensor, reference: Tensor) -> Tensor:
    """This leaves a part in its own colour."""
    return frames


def affine_match(frames: Tensor, reference: Tensor) -> Tensor:
    """This gives a part the mean and the spread of every channel that the reference has over the overlap.

    The parameters are found once for the part (Reinhard et al. 2001, in RGB), so it does not flicker by itself.
    """
    shared = frames[: len(reference)]
    spread, mean = torch.std_mean(shared, dim=(0, 2, 3), correction=0)
    wanted_spread, wanted_mean = torch.std_mean(reference, dim=(0, 2, 3), correction=0)
    gain = (wanted_spread / spread.clamp(min=1e-4)).where(spread > 1e-4, 1.0)
    return ((frames - mean.view(3, 1, 1)) * gain.view(3, 1, 1) + wanted_mean.view(3, 1, 1)).clamp(0, 1)


def linear(progress: Tensor) -> Tensor:
    """This is a fade of even speed; progress and weight of the right version: 0 to 1."""
    return progress


def raised_cosine(progress: Tensor) -> Tensor:
    """This is a fade that begins and ends gently."""
    return 0.5 - 0.5 * torch.cos(torch.pi * progress)


@dataclass(frozen=True)
class Fade:
    """This mixes the two versions of every overlap; of K frames the weights lie at 1/(K+1) to K/(K+1)."""

    shape: Callable[[Tensor], Tensor] = linear
    match: Match = as_it_is

    def __call__(self, trial: Trial, motion: Motion) -> Tensor:
        """This joins the parts."""
        return joined(trial.parts, self._mix, self.match)

    def _mix(self, left: Tensor, right: Tensor) -> Tensor:
        return torch.lerp(left, right, self.shape(_progress(left)))


@dataclass(frozen=True)
class BandFade:
    """This mixes coarse bands over the whole overlap and every finer one over half as long, about its middle.

    Burt and Adelson's blend (1983) along time, as editors have it: fine detail, which a long mix would double,
    changes within a frame or two. bands: how many there are; 1 is a linear fade.
    """

    bands: int = 3
    match: Match = as_it_is

    def __call__(self, trial: Trial, motion: Motion) -> Tensor:
        """This joins the parts."""
        return joined(trial.parts, self._mix, self.match)

    def _mix(self, left: Tensor, right: Tensor) -> Tensor:
        made, fine = torch.zeros_like(left), self.bands - 1
        for band in range(fine, -1, -1):  # from the finest, the shortest fade, to what is left: the coarsest
            weight = ((_progress(left) - 0.5) * 2**band + 0.5).clamp(0, 1)
            sigma = 1.5 * 2 ** (fine - band)
            low_left, low_right = (blurred(side, sigma) if band else torch.zeros_like(side) for side in (left, right))
            made += torch.lerp(left - low_left, right - low_right, weight)
            left, right = low_left, low_right
        return made.clamp(0, 1)


@dataclass(frozen=True)
class RandomBlend:
    """Randomised blending (StreamingT2V, CVPR 2025): the frame at which the left version gives way is drawn by chance.

    Frame f of K (from 1) comes from the left with probability 1 - f/(K+1), and no place goes back to the left. There
    the draw is made for whole frames, anew in every denoising step; finished pictures have no steps, so here it is made
    for every block of `block` x `block` pixels. Large blocks are hard cuts at other frames.
    """

    block: int = 8
    seed: int = 0

    def __call__(self, trial: Trial, motion: Motion) -> Tensor:
        """This joins the parts; the same seed draws the same blocks."""
        generator = torch.Generator().manual_seed(self.seed)
        return joined(trial.parts, lambda left, right: self._mix(left, right, generator), as_it_is)

    def _mix(self, left: Tensor, right: Tensor, generator: torch.Generator) -> Tensor:
        height, width = left.shape[-2:]
        rows, columns = (-(-side // self.block) for side in (height, width))
        last = torch.randint(0, len(left) + 1, (rows, columns), generator=generator)
        last = last.repeat_interleave(self.block, 0).repeat_interleave(self.block, 1)[:height, :width]
        frame = torch.arange(1, len(left) + 1).view(-1, 1, 1, 1)
        return torch.where(frame <= last, left, right)


def joined(parts: Sequence[Part], mix: Mix, match: Match) -> Tensor:
    """This joins parts in order, each matched to what stands before it."""
    made = parts[0].frames
    for part in parts[1:]:
        start = part.start - parts[0].start
        before = made[start:]
        if not len(before):
            made = torch.cat([made, part.frames])
            continue
        frames = match(part.frames, before)
        made = torch.cat([made[:start], mix(before, frames[: len(before)]), frames[len(before) :]])
    return made


def blurred(frames: Tensor, sigma: float) -> Tensor:
    """This blurs, by a kernel that always fits into the picture."""
    reach = min(2 * round(3 * sigma) + 1, *(2 * side - 1 for side in frames.shape[-2:]))
    return gaussian_blur2d(frames, (reach, reach), (sigma, sigma), border_type="reflect")


def _progress(frames: Tensor) -> Tensor:
    count = len(frames)
    return (torch.arange(count, dtype=frames.dtype) + 1).div(count + 1).view(-1, 1, 1, 1)
