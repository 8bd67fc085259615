"""Pixels are carried to where the flow says, to a fraction of a pixel."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from consistency.warp import warp, warped
from samples.scenes import draw_scene


def ramp(height: int = 12, width: int = 20) -> Tensor:
    """Brightness 0.03 x + 0.02 y, on which bilinear lookup is exact."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return (0.03 * x + 0.02 * y).expand(1, 3, -1, -1).float()


def steady(dx: float, dy: float, height: int = 12, width: int = 20) -> Tensor:
    return torch.tensor([dx, dy]).view(1, 2, 1, 1).expand(1, 2, height, width)


@pytest.mark.parametrize(("dx", "dy"), [(0.0, 0.0), (0.25, -0.5), (1.0, 2.0), (-0.125, 0.75), (-2.5, -1.25)])
def test_a_ramp_is_looked_up_at_p_plus_flow(dx: float, dy: float) -> None:
    warped, _ = warp(ramp(), steady(dx, dy))
    expected = ramp() + 0.03 * dx + 0.02 * dy
    assert (warped - expected)[..., 5:-5, 5:-5].abs().max() < 1e-5


def test_bicubic_keeps_more_detail_than_bilinear() -> None:
    frames = draw_scene(0, 1, 40, 60).frames
    half = steady(0.5, 0.5, 40, 60)
    there = [warp(warp(frames, half, mode)[0], -half, mode)[0] for mode in ("bilinear", "bicubic")]
    linear, cubic = ((back - frames)[..., 3:-3, 3:-3].square().mean() for back in there)
    assert cubic < 0.6 * linear


def test_a_whole_step_moves_pixels_as_they_are() -> None:
    frames = torch.rand(1, 3, 12, 20, generator=torch.Generator().manual_seed(0))
    warped, _ = warp(frames, steady(3, -2))
    assert torch.allclose(warped[..., 2:, :-3], frames[..., :-2, 3:], atol=1e-4)


def test_the_true_flow_restores_the_frame() -> None:
    scene = draw_scene(0, 3, 72, 128)
    warped, inside = warp(scene.frames[:-1], scene.flow_to_previous[1:])
    miss = ((warped - scene.frames[1:]).abs() * scene.clean[1:]).sum() / (3 * scene.clean[1:].sum())
    assert 255 * miss < 1
    assert (scene.clean[1:] * (1 - inside)).max() == 0


def test_what_lies_outside_is_marked_and_takes_the_border() -> None:
    warped, inside = warp(ramp(), steady(-4, 0))
    assert inside[0, 0, :, :4].max() == 0
    assert inside[0, 0, :, 4:].min() == 1
    assert torch.allclose(warped[..., :4], ramp()[..., :1].expand(-1, -1, -1, 4), atol=1e-5)


def test_no_flow_leaves_no_pixel_outside() -> None:
    for size in ((1, 1), (1, 5), (3, 2), (37, 111)):
        frames = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1))
        warped, inside = warp(frames, torch.zeros(2, 2, *size))
        assert torch.allclose(warped, frames, atol=1e-4)
        assert inside.min() == 1


def test_a_picture_of_one_pixel_has_an_outside() -> None:
    for dx, dy in ((1.0, 0.0), (0.0, -1.0), (0.01, 0.0)):
        warped, inside = warp(torch.full((1, 3, 1, 1), 0.5), steady(dx, dy, 1, 1))
        assert warped.mean() == 0.5
        assert inside.item() == 0


def test_a_fraction_of_a_pixel_is_exact_far_from_the_middle() -> None:
    frames = torch.rand(1, 3, 6, 1000, generator=torch.Generator().manual_seed(2))
    warped, _ = warp(frames, steady(0.3, 0, 6, 1000))
    expected = 0.7 * frames[..., :-1] + 0.3 * frames[..., 1:]
    assert (warped[..., :-1] - expected).abs().max() < 2e-4


def test_a_flow_that_does_not_fit_is_refused_with_both_shapes() -> None:
    with pytest.raises(ValueError, match=r"\(1, 2, 12, 20\).*\(1, 3, 12, 19\)"):
        warp(torch.zeros(1, 3, 12, 19), steady(0, 0))


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_a_place_is_looked_up_to_a_thousandth_of_a_pixel_with_whichever_library(mode: str) -> None:
    generator = torch.Generator().manual_seed(0)
    frames, flow = torch.rand(2, 4, 37, 51, generator=generator), 20 * torch.randn(2, 2, 37, 51, generator=generator)
    plain, inside = warp(frames, flow, mode)
    exact, inside_exactly = warp(frames.double(), flow.double(), mode)  # by torch, as on other devices
    assert (plain - exact).abs().max() < 3e-5
    assert torch.equal(inside, inside_exactly.float())
    assert torch.equal(plain, warped(frames, flow, mode))


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("far", [1e4, 3e9, float("inf")])
def test_what_is_far_outside_takes_the_border_on_its_side(mode: str, far: float) -> None:
    flow = steady(far, -far)
    assert torch.allclose(warped(ramp(), flow, mode), ramp()[..., :1, -1:].expand(-1, -1, 12, 20), atol=1e-5)


def test_longer_sides_than_opencv_takes_are_looked_up_too() -> None:
    line = torch.linspace(0, 1, 32800).view(1, 1, 1, -1)
    flow = torch.tensor([7.0, 0.0]).view(1, 2, 1, 1).expand(1, 2, 1, 32800)
    assert torch.allclose(warped(line, flow)[..., :-7], line[..., 7:], atol=1e-5)


def test_what_is_learned_through_it_is_carried_back() -> None:
    frames = torch.rand(1, 3, 12, 20, requires_grad=True)
    warp(frames, steady(3, 0))[0].sum().backward()
    assert frames.grad is not None
    assert torch.allclose(frames.grad[..., 3:-1], torch.ones(1, 3, 12, 16), atol=1e-4)
