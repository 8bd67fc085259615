"""The nouns of this bench: a clip with its truth, a trial of it, the motion that a method may use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from consistency.metrics import Seam


@dataclass(frozen=True)
class Motion:
    """What a method may know of the source's motion, true or estimated.

    to_previous, to_next: `[T, 2, H, W]`, pixels, `frame[t](p) = frame[t - 1](p + to_previous[t](p))`, and towards
    t + 1; zeros in the first frame of the one and the last of the other.
    """

    to_previous: Tensor
    to_next: Tensor


@dataclass(frozen=True)
class Clip:
    """A source and the truth about it.

    source: `[T, 3, H, W]`, 0 to 1. motion: the true one in drawn clips, a careful estimate in real ones. counts:
    `[T, 1, H, W]`, 1 where warping can be held to account (visible in the frame before, on no edge); none in the first.
    """

    name: str
    source: Tensor
    motion: Motion
    counts: Tensor


@dataclass(frozen=True)
class Part:
    """What the stand-in for a video model gives back for the frames from `start` on: `[L, 3, H, W]`."""

    start: int
    frames: Tensor


@dataclass(frozen=True)
class Trial:
    """One clip, restyled with one known fault.

    case: "D1" to "D9". severity: "low", "mid" or "high". parts: overlapping, in order. answers: the results that would
    be right, `[T, 3, H, W]` each: one, but where every part may have its own texture any of them.
    """

    clip: Clip
    case: str
    severity: str
    parts: tuple[Part, ...]
    answers: tuple[Tensor, ...]

    @property
    def flickering(self) -> Tensor:
        """The result of doing nothing: every part from its first frame on, `[T, 3, H, W]`."""
        kept = [left.frames[: right.start - left.start] for left, right in pairwise(self.parts)]
        return torch.cat([*kept, self.parts[-1].frames])

    @property
    def seams(self) -> list[Seam]:
        """Where parts meet."""
        return [Seam(right.start, left.start + len(left.frames) - right.start) for left, right in pairwise(self.parts)]


Method = Callable[[Trial, Motion], Tensor]
"""What is judged: it makes `[T, 3, H, W]` of a trial's source and parts, and never looks at its answers."""
