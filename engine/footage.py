"""A clip at the size that is worked on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.media import Reader, is_sequence, scaled
from engine.stoppable import heed
from engine.windows import Span

SLICE = 8  # frames read and scaled at once
Looked = Callable[[int, int], None]
"""`looked(stop, frames)`: through how many frames of how many."""


def slices(reader: Reader, looked: Looked) -> Iterator[Tensor]:
    """This reads a clip through, a few frames `[T, 3, H, W]` at a time."""
    frames = reader.info.frames
    for start in range(0, frames, SLICE):
        stop = min(start + SLICE, frames)
        yield reader.read(start, stop)
        looked(stop, frames)


def read_stills(reader: Reader, looked: Looked) -> None:
    """This reads a clip through if it is stills, where nobody else does before the work: any of them may be torn.

    Raises:
        MediaError: one is.
    """
    if is_sequence(reader.info.path):
        for _ in slices(reader, looked):
            heed()


def read_frames(reader: Reader, span: Span, size: tuple[int, int]) -> Tensor:
    """This reads frames at `size`, a few at a time, so that large sources never stand whole in memory."""
    frames = torch.empty(len(span), 3, *size)
    for start in range(span.start, span.stop, SLICE):
        heed()
        stop = min(start + SLICE, span.stop)
        frames[start - span.start : stop - span.start] = scaled(reader.read(start, stop), size)
    return frames


@dataclass(frozen=True)
class Footage:
    """Frames by their numbers, `[T, 3, H, W]` at `size`, height and width."""

    reader: Reader
    size: tuple[int, int]

    def read(self, span: Span) -> Tensor:
        """This reads a window."""
        return read_frames(self.reader, span, self.size)

    def around(self, wanted: Span, span: Span, frames: Tensor) -> Tensor:
        """This gives the window `wanted` where `frames` of `span` are at hand: only what they lack is read."""
        start, stop = max(wanted.start, span.start), min(wanted.stop, span.stop)
        if start >= stop:
            return self.read(wanted)
        parts = [frames[start - span.start : stop - span.start]]
        if wanted.start < start:
            parts.insert(0, self.read(Span(wanted.start, start)))
        if stop < wanted.stop:
            parts.append(self.read(Span(stop, wanted.stop)))
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def windows(self, span: Span) -> Iterator[Tensor]:
        """This gives a longer span, a few frames at a time."""
        for start in range(span.start, span.stop, SLICE):
            yield self.read(Span(start, min(start + SLICE, span.stop)))
