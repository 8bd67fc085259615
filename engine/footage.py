"""A clip at the size that is worked on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from engine.media import Reader, scaled
from engine.windows import Span

SLICE = 8  # frames read and scaled at once


def read_frames(reader: Reader, span: Span, size: tuple[int, int]) -> Tensor:
    """This reads frames at `size`, a few at a time, so that large sources never stand whole in memory."""
    frames = torch.empty(len(span), 3, *size)
    for start in range(span.start, span.stop, SLICE):
        stop = min(start + SLICE, span.stop)
        frames[start - span.start : stop - span.start] = scaled(reader.read(start, stop), size)
    return frames


@dataclass
class Footage:
    """Frames by their numbers, `[T, 3, H, W]` at `size`, height and width."""

    reader: Reader
    size: tuple[int, int]
    _last: tuple[Span, Tensor] | None = field(default=None, repr=False)

    def read(self, span: Span) -> Tensor:
        """This reads a window, and remembers it: the next control often wants the same. Leave it as it is."""
        if self._last is None or self._last[0] != span:
            self._last = None  # or two windows would be held at once
            self._last = (span, read_frames(self.reader, span, self.size))
        return self._last[1]

    def windows(self, span: Span) -> Iterator[Tensor]:
        """This gives a longer span, a few frames at a time."""
        for start in range(span.start, span.stop, SLICE):
            yield read_frames(self.reader, Span(start, min(start + SLICE, span.stop)), self.size)
