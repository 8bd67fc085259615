"""How much each picture differs from the one before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray
from torch import Tensor

HEIGHT = 180  # pixels: changes are seen at thumbnail size, and twenty times faster


def changes(windows: Iterable[Tensor]) -> Iterator[float]:
    """This gives for every frame how much hue, saturation and value differ from the frame before; 0 for the first.

    windows: frames `[T, 3, H, W]`, 0 to 1, a few at a time. The difference is the mean over all pixels and all three,
    in 8-bit levels.
    """
    before: MatLike | None = None
    for picture in _thumbnails(windows):
        now = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)
        yield 0.0 if before is None else float(cv2.absdiff(now, before).mean())
        before = now


def _thumbnails(windows: Iterable[Tensor]) -> Iterator[NDArray[np.uint8]]:
    for frames in windows:
        height, width = frames.shape[-2:]
        scale = min(1.0, HEIGHT / min(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        for frame in frames.numpy():
            small = cv2.merge([cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in frame])
            yield np.rint(small * 255).astype(np.uint8)
