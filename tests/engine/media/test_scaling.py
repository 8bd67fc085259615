"""Larger and smaller pictures: in place, smooth, in range."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.media import scaled


def wave(height: int, width: int, periods: float = 12.0) -> Tensor:
    """A smooth picture that can be drawn at any size: waves across and down."""
    y, x = ((torch.arange(side) + 0.5) / side for side in (height, width))
    picture = 0.5 + 0.2 * torch.sin(6.2832 * periods * x)[None] + 0.2 * torch.cos(6.2832 * periods / 2 * y)[:, None]
    return picture.expand(1, 3, height, width)


def test_a_larger_result_is_scaled_up_by_a_cubic_kernel_in_its_place() -> None:
    small, large = wave(72, 96), wave(270, 360)
    size = (270, 360)
    inside = (..., slice(20, -20), slice(20, -20))
    error = (scaled(small, size) - large)[inside].abs().max()
    assert error < 0.02
    for mode in ("nearest", "bilinear"):
        plain = F.interpolate(small, size=size, mode=mode)
        assert (plain - large)[inside].abs().max() > 2 * error, mode


def test_scaling_keeps_flat_pictures_flat_and_steps_within_range() -> None:
    for value in (0.0, 0.3, 1.0):
        flat = torch.full((1, 3, 9, 16), value)
        torch.testing.assert_close(scaled(flat, (31, 50)), torch.full((1, 3, 31, 50), value))
    step = torch.zeros(1, 3, 8, 8)
    step[..., 4:] = 1
    result = scaled(step, (64, 64))
    assert result.min() == 0
    assert result.max() == 1


def test_scaling_down_averages_what_is_too_fine() -> None:
    fine = (torch.arange(240) % 2).float().expand(1, 3, 240, 240)
    assert (scaled(fine, (50, 50)) - 0.5).abs().max() < 0.05
    assert (scaled(fine, (300, 50)) - 0.5).abs().max() < 0.05  # one side up, one down


def test_what_has_its_size_is_not_touched() -> None:
    frames = torch.rand(2, 3, 20, 30)
    assert scaled(frames, (20, 30)) is frames
