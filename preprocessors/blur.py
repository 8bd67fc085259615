"""The source without its detail: shapes and colours, as Cosmos-Transfer2.5 was trained to be told of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
import torch
from torch import Tensor

HALF = 2  # how much smaller a picture is smoothed: its makers' medium strength, as are the rest
DIAMETER, LEVELS, PIXELS = 30, 150.0, 100.0


@dataclass(frozen=True)
class Blur:
    """A picture smoothed within its edges (bilateral), then made `times` smaller and as large as it was again.

    A larger `times` leaves less detail. Every frame by itself.
    """

    times: int = 10
    name: str = "blur"
    lookbehind: int = 0

    @property
    def key(self) -> str:
        """How much smaller it is made."""
        return f"{self.times}"

    def fit(self, frames: Iterable[Tensor]) -> Self:
        """This gives itself: nothing is normalised."""
        return self

    def __call__(self, frames: Tensor, number: int = 0) -> Tensor:
        """This blurs frames `[T, 3, H, W]`; same shape."""
        pictures = frames.clamp(0, 1).mul(255).round().byte().permute(0, 2, 3, 1).numpy()
        blurred = np.stack([self._blur(picture) for picture in pictures])
        return torch.from_numpy(blurred).permute(0, 3, 1, 2).float() / 255

    def _blur(self, picture: np.ndarray) -> np.ndarray:
        smooth = cv2.bilateralFilter(_smaller(picture, HALF), DIAMETER, LEVELS, PIXELS)
        height, width = picture.shape[:2]
        whole = cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR)
        return cv2.resize(_smaller(whole, self.times), (width, height), interpolation=cv2.INTER_CUBIC)


def _smaller(picture: np.ndarray, times: int) -> np.ndarray:
    height, width = picture.shape[:2]
    return cv2.resize(picture, (max(1, width // times), max(1, height // times)), interpolation=cv2.INTER_AREA)
