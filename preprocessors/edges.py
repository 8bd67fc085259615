"""Edges: thin and certain (Canny), or as strong as they are (soft lines)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
import torch
from torch import Tensor

from preprocessors.lines import soft_lines


@dataclass(frozen=True)
class Canny:
    """Canny edges (1986): white lines a pixel wide on black, in one channel.

    low, high: steps in brightness, in 8-bit levels, below which nothing is an edge and above which everything is one;
    lower finds more. The same for all frames, so that edges come and go with the picture only.
    """

    low: float = 60
    high: float = 140
    name: str = "canny"
    lookbehind: int = 0

    @property
    def key(self) -> str:
        """Its thresholds."""
        return f"{self.low} {self.high}"

    def fit(self, frames: Iterable[Tensor]) -> Self:
        """This gives itself: the thresholds are fixed."""
        return self

    def __call__(self, frames: Tensor, number: int = 0) -> Tensor:
        """This draws edges `[T, 1, H, W]`, 0 or 1, of frames `[T, 3, H, W]`."""
        pictures = frames.clamp(0, 1).mul(255).round().byte().permute(0, 2, 3, 1).numpy()
        edges = [cv2.Canny(cv2.GaussianBlur(picture, (0, 0), 1.0), self.low, self.high) for picture in pictures]
        return torch.from_numpy(np.stack(edges))[:, None].float() / 255


@dataclass(frozen=True)
class SoftLines:
    """Contours by how strong they are: no threshold that noise could cross back and forth."""

    name: str = "edges"
    lookbehind: int = 0

    @property
    def key(self) -> str:
        """It has no settings."""
        return ""

    def fit(self, frames: Iterable[Tensor]) -> Self:
        """This gives itself: the response is local."""
        return self

    def __call__(self, frames: Tensor, number: int = 0) -> Tensor:
        """This draws lines `[T, 1, H, W]` of frames `[T, 3, H, W]`."""
        return soft_lines(frames)
