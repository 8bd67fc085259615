"""Take the fine from the coarse."""

from __future__ import annotations

import cv2
import torch
from kornia.filters import gaussian_blur2d
from torch import Tensor

DARK = 0.05
"""What is darker than this is too dark to tell light by."""


def blur(frames: Tensor, sigma: float, reach: float = 2.5) -> Tensor:
    """This blurs `[T, C, H, W]` by a Gaussian of `sigma` pixels, cut off at `reach` sigmas or at what fits."""
    size = min(2 * max(1, round(reach * sigma)) + 1, *(2 * side - 1 for side in frames.shape[-2:]))
    if frames.device.type == "cpu":
        return _blurred_by_opencv(frames, size, max(sigma, 0.3))
    return gaussian_blur2d(frames, (size, size), (max(sigma, 0.3),) * 2, border_type="reflect")


def _blurred_by_opencv(frames: Tensor, size: int, sigma: float) -> Tensor:
    """The same on a processor, where torch's convolutions take three to ten times as long."""
    blurred = torch.empty(frames.shape, dtype=frames.dtype)
    for plane, soft in zip(frames.flatten(0, 1).numpy(), blurred.flatten(0, 1).numpy(), strict=True):
        cv2.GaussianBlur(plane, (size, size), sigma, soft, borderType=cv2.BORDER_REFLECT_101)
    return blurred


def energy(frames: Tensor, sigma: float) -> Tensor:
    """This is the mean square nearby and over channels, `[T, 1, H, W]`."""
    return blur(frames.square().mean(dim=1, keepdim=True), sigma)


def light(here: Tensor, there: Tensor) -> Tensor:
    """This is how much lighter `here` is than `there`, `[N, C, H, W]` both and blurred: a factor, .5 to 2."""
    return ((here + DARK) / (there + DARK)).clamp(0.5, 2)
