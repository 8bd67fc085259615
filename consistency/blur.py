"""Take the fine from the coarse."""

from __future__ import annotations

from kornia.filters import gaussian_blur2d
from torch import Tensor


def blur(frames: Tensor, sigma: float, reach: float = 2.5) -> Tensor:
    """This blurs `[T, C, H, W]` by a Gaussian of `sigma` pixels, cut off at `reach` sigmas or at what fits."""
    size = min(2 * max(1, round(reach * sigma)) + 1, *(2 * side - 1 for side in frames.shape[-2:]))
    return gaussian_blur2d(frames, (size, size), (max(sigma, 0.3),) * 2, border_type="reflect")


def energy(frames: Tensor, sigma: float) -> Tensor:
    """This is the mean square nearby and over channels, `[T, 1, H, W]`."""
    return blur(frames.square().mean(dim=1, keepdim=True), sigma)
