"""Controls that are known by the frames' numbers, not drawn from what the frames show."""

from __future__ import annotations

from typing import Protocol, Self

from torch import Tensor

from engine.windows import Span


class Given(Protocol):
    """One control of a clip: maps 0 to 1 of 1 or 3 channels, at the size that is worked on."""

    def fit(self, shot: Span) -> Self:
        """This normalises it over one shot, `shot` in frames of the clip."""
        ...

    def __call__(self, span: Span, frames: Tensor) -> Tensor:
        """This gives the maps `[T, C, H, W]` of frames `span` of the clip, which lie in that shot.

        frames: `[T, 3, H, W]`, what they show.
        """
        ...
