"""Depth: how near each thing is, on one scale for a whole shot."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from preprocessors.spread import Spread

ENDS = (0.01, 0.99)
"""The shares of a shot's pixels below which all is far (0) and above which all is near (1)."""
FLATTEST = 0.1
"""Of the guesses' range 0 to 1: a shot that spans less is flat, and is not stretched further."""


@dataclass(frozen=True)
class Depth:
    """Relative inverse depth in one channel: 1 is near, 0 is far.

    network: frames `[T, 3, H, W]` to inverse depth `[T, 1, H, W]` inside 0 to 1, of unknown but steady scale and shift,
    each frame by itself. far, near: the guesses that are drawn as 0 and 1; `fit` finds them for a shot.
    weights: a mark by which the network's weights are known.
    """

    network: Callable[[Tensor], Tensor]
    far: float = 0.0
    near: float = 1.0
    weights: str = ""
    name: str = "depth"
    lookbehind: int = 0

    @property
    def key(self) -> str:
        """The network's weights, and the ends of the scale."""
        return f"{self.weights} {self.far} {self.near}"

    def fit(self, frames: Iterable[Tensor]) -> Self:
        """This puts 0 and 1 at the ends of all guesses over the shot, in one pass and little memory."""
        spread = Spread(1.0)
        for window in frames:
            spread.add(self._guess(window))
        if not spread.total:
            return self
        far, near = (spread.below(share) for share in ENDS)
        return replace(self, far=far, near=max(near, far + FLATTEST))

    def __call__(self, frames: Tensor, number: int = 0) -> Tensor:
        """This draws depth `[T, 1, H, W]` of frames `[T, 3, H, W]`."""
        return ((self._guess(frames) - self.far) / (self.near - self.far)).clamp(0, 1)

    def _guess(self, frames: Tensor) -> Tensor:
        with torch.no_grad():
            return self.network(frames)
