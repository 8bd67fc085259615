"""The source's colours without its detail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from torch import Tensor

from preprocessors.colour import blurred_colour


@dataclass(frozen=True)
class Palette:
    """Which colours lie where, blurred."""

    name: str = "colour"
    lookbehind: int = 0

    @property
    def key(self) -> str:
        """It has no settings."""
        return ""

    def fit(self, frames: Iterable[Tensor]) -> Self:
        """This gives itself: colours are what they are."""
        return self

    def __call__(self, frames: Tensor, number: int = 0) -> Tensor:
        """This blurs frames `[T, 3, H, W]` to cells; same shape."""
        return blurred_colour(frames)
