"""Blurred colour: the source's palette and where it lies, without its detail."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

CELL = 16  # pixels


def blurred_colour(frames: Tensor) -> Tensor:
    """This blurs frames `[T, 3, H, W]`, 0 to 1, to their mean over cells of 16 pixels, smoothly joined; same shape."""
    height, width = frames.shape[-2:]
    cells = (max(1, round(height / CELL)), max(1, round(width / CELL)))
    small = F.interpolate(frames, size=cells, mode="area")
    return F.interpolate(small, size=(height, width), mode="bilinear", align_corners=False).clamp(0, 1)
