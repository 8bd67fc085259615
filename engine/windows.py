"""Windows, overlaps and sizes: pure arithmetic, the only place that counts frames and latents.

A *chunk* is what is denoised together and kept on disk when done; neighbouring chunks of a shot overlap. A *size* is
padded to what a model takes and cropped back, never rounded: the picture keeps its pixels.

A *latent* stands for one frame or for `stride` of them, and a shot is one row of latents: chunks begin and end where
latents do, so that those which two chunks share are the same ones and pass from one to the other bit by bit.
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

    The last `weak` latents of a chunk are given up where its shot goes on, and made anew with what follows them: what
    looks ahead has had nothing to look at there.

    A model without temporal compression has stride 1 and offset 0; a causal temporal autoencoder of factor 4 takes
    4k + 1 frames, so stride 4 and offset 1. Its first latent stands for `offset` frames, every later one for `stride`
    (without an offset all do): latent j ends with frame `stride * j + offset - 1`.
    """

    multiple: int = 8
    stride: int = 1
    offset: int = 0
    weak: int = 0

    def __post_init__(self) -> None:
        if self.multiple < 1 or self.stride < 1 or self.weak < 0 or not 0 <= self.offset <= self.stride:
            raise ValueError(f"no model has such a rule: {self}")

    @property
    def first(self) -> int:
        """How many frames the first latent stands for."""
        return self.offset or self.stride

    def latents(self, frames: int) -> int:
        """This gives the number of latents that hold `frames` (at least 1); the last one may hold more."""
        if frames < 1:
            raise ValueError(f"a length must be at least 1, got {frames}")
        return 1 + max(0, -(-(frames - self.first) // self.stride))

    def frames(self, latents: int) -> int:
        """This gives the number of frames that so many latents (at least 1) stand for: always a valid length."""
        if latents < 1:
            raise ValueError(f"a number of latents must be at least 1, got {latents}")
        return self.stride * (latents - 1) + self.first

    def length(self, frames: int) -> int:
        """This gives the smallest valid length that holds `frames` (at least 1)."""
        return self.frames(self.latents(frames))

    def made(self, kept: Span, shot: Span) -> Span:
        """This gives the frames that a chunk of a shot is made with: behind those that are kept, the weak ones."""
        return Span(kept.start, min(shot.stop, kept.stop + self.stride * self.weak))

    def side(self, pixels: int) -> int:
        """This gives the smallest valid side that holds `pixels`."""
        return -(-pixels // self.multiple) * self.multiple


def plan_chunks(length: int, longest: int, overlap: int, rule: FrameRule = FrameRule()) -> list[Span]:
    """This cuts a shot of `length` frames into overlapping chunks of nearly equal size.

    No chunk is made with more than `longest` frames (see `FrameRule.made`), which must be a valid length and exceed
    `overlap`; neighbours share at least `overlap` frames, and at least a latent where the first one stands for fewer
    frames than the others. Every chunk starts at a multiple of the rule's stride, and every one but the last has a
    valid length: only the last latent of a shot is ever padded.
    """
    whole, most = rule.latents(length), rule.latents(longest)
    shared = rule.latents(overlap) if overlap else int(rule.first < rule.stride)
    if most - rule.weak <= shared or rule.length(longest) != longest:
        raise ValueError(f"chunks of {longest} frames cannot overlap by {overlap} under {rule}")
    if whole <= most:
        return [Span(0, length)]
    most -= rule.weak
    count = -(-(whole - shared) // (most - shared))
    size = min(most, -(-(whole + (count - 1) * shared) // count))
    starts = [round(i * (whole - size) / (count - 1)) for i in range(count)]
    return [Span(rule.stride * i, min(length, rule.stride * i + rule.frames(size))) for i in starts]


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
