"""Windows, overlaps and sizes: pure arithmetic, the only place that counts frames.

A *chunk* is what is denoised together and kept on disk when done; neighbouring chunks of a shot overlap. A *size* is
padded to what a model takes and cropped back, never rounded: the picture keeps its pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Span:
    """Frames `start` to `stop - 1`."""

    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.stop:
            raise ValueError(f"a span needs 0 <= start < stop, got {self.start} to {self.stop}")

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class FrameRule:
    """Which lengths and sizes a model takes: `stride * k + offset` frames, sides that are multiples of `multiple`.

    A model without temporal compression has stride 1 and offset 0; a causal temporal autoencoder of factor 4 takes
    4k + 1 frames, so stride 4 and offset 1.
    """

    multiple: int = 8
    stride: int = 1
    offset: int = 0

    def __post_init__(self) -> None:
        if self.multiple < 1 or self.stride < 1 or not 0 <= self.offset <= self.stride:
            raise ValueError(f"no model has such a rule: {self}")

    def length(self, frames: int) -> int:
        """This gives the smallest valid length that holds `frames` (at least 1)."""
        if frames < 1:
            raise ValueError(f"a length must be at least 1, got {frames}")
        steps = max(0, -(-(frames - self.offset) // self.stride))
        return max(self.stride * steps + self.offset, self.offset or self.stride)

    def side(self, pixels: int) -> int:
        """This gives the smallest valid side that holds `pixels`."""
        return -(-pixels // self.multiple) * self.multiple


def plan_chunks(length: int, longest: int, overlap: int, rule: FrameRule = FrameRule()) -> list[Span]:
    """This cuts a shot of `length` frames into overlapping chunks of nearly equal size.

    No chunk is longer than `longest` frames, which must be a valid length and exceed `overlap`; neighbours share at
    least `overlap` frames; every chunk but one that holds the whole shot has a valid length, so only a shot shorter
    than its chunk is ever padded.
    """
    if longest <= overlap or rule.length(longest) != longest:
        raise ValueError(f"chunks of {longest} frames cannot overlap by {overlap} under {rule}")
    if length <= longest:
        return [Span(0, length)]
    count = -(-(length - overlap) // (longest - overlap))
    size = min(longest, rule.length(-(-(length + (count - 1) * overlap) // count)))
    last = length - size
    starts = [round(i * last / (count - 1)) for i in range(count)]
    return [Span(start, start + size) for start in starts]


@dataclass(frozen=True)
class Padding:
    """How frames are brought to a valid size and length, and their result back."""

    frames: int
    height: int
    width: int
    rule: FrameRule

    def pad(self, frames: Tensor) -> Tensor:
        """This pads `[T, C, H, W]` below and to the right by its edge, and at the end by its last frame."""
        below = self.rule.side(self.height) - self.height
        right = self.rule.side(self.width) - self.width
        after = self.rule.length(self.frames) - self.frames
        padded = F.pad(frames, (0, right, 0, below), mode="replicate") if below or right else frames
        return torch.cat([padded, padded[-1:].expand(after, -1, -1, -1)]) if after else padded

    def crop(self, frames: Tensor) -> Tensor:
        """This undoes `pad`."""
        return frames[: self.frames, :, : self.height, : self.width]
