"""Lines as a network draws them, each picture by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from preprocessors.network_input import padded, seen_size, shrunk, stretched

MOST = 1 << 20
"""Pixels that it looks at; larger pictures are looked at smaller."""


@dataclass(frozen=True)
class LearnedLines:
    """Lines by a network, in one channel: 0 plain, 1 a line. They are kept in float, and as the network gave them.

    network: one picture `[1, 3, H, W]`, 0 to 1, whose sides are multiples of `multiple`, to lines `[1, 1, H, W]`, 0 to
    1. weights: a mark by which it is known. Pictures are padded by their edges, so that nothing is stretched.
    """

    network: Callable[[Tensor], Tensor]
    name: str
    multiple: int = 1
    weights: str = ""
    lookbehind: int = 0

    @property
    def key(self) -> str:
        """The network's weights."""
        return self.weights

    def fit(self, frames: Iterable[Tensor]) -> Self:
        """This gives itself: what the network calls a line is the same for all frames."""
        return self

    def __call__(self, frames: Tensor, number: int = 0) -> Tensor:
        """This draws lines `[T, 1, H, W]` of frames `[T, 3, H, W]`, 0 to 1."""
        with torch.no_grad():
            return torch.cat([self._draw(frame[None]) for frame in frames])

    def _draw(self, frame: Tensor) -> Tensor:
        height, width = frame.shape[-2:]
        seen = seen_size(height, width, MOST)
        lines = self.network(padded(shrunk(frame, seen), self.multiple))[..., : seen[0], : seen[1]]
        return stretched(lines.float(), (height, width)).clamp(0, 1)
