"""Soft lines: how strongly each pixel lies on a contour."""

from __future__ import annotations

import torch
from kornia.filters import gaussian_blur2d
from torch import Tensor

NARROW, WIDE = 0.8, 1.6  # pixels: the two blurs whose difference answers to contours about 2 px wide


def soft_lines(frames: Tensor) -> Tensor:
    """This draws the contours of frames `[T, 3, H, W]`, 0 to 1, as `[T, 1, H, W]`: 0 plain, 1 a strong line.

    A difference of Gaussians of the brightness, its size taken through `1 - exp(-x)`: local and the same for every
    frame, so it cannot flicker by itself (Marr and Hildreth 1980, made soft).
    """
    luma = (frames * frames.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    response = (_blur(luma, NARROW) - _blur(luma, WIDE)).abs()
    return 1 - torch.exp(-response / 0.03)


def _blur(luma: Tensor, sigma: float) -> Tensor:
    side = 2 * int(3 * sigma + 0.5) + 1
    border = "reflect" if min(luma.shape[-2:]) > side // 2 else "replicate"
    return gaussian_blur2d(luma, (side, side), (sigma, sigma), border_type=border)
