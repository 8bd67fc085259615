"""Trust goes where it should."""

from __future__ import annotations

import pytest
import torch

from consistency.occlusion import confidence, motion_boundary, occluded
from samples.scenes import Scene, draw_scene


@pytest.fixture(scope="module")
def scene() -> Scene:
    return draw_scene(4, 3, 72, 128)


def test_true_flows_confirm_each_other_where_the_surface_is_visible(scene: Scene) -> None:
    found = occluded(scene.flow_to_previous[1:], scene.flow_to_next[:-1])
    assert (found * scene.clean[1:]).sum() < 0.002 * scene.clean[1:].sum()


def test_what_another_layer_hides_or_the_border_cuts_is_found(scene: Scene) -> None:
    found = occluded(scene.flow_to_previous[1:], scene.flow_to_next[:-1])
    hidden = scene.occluded[1:]
    assert (found * hidden).sum() > 0.5 * hidden.sum()  # the rest was hidden by what moved much the same way


def test_the_limit_is_half_a_squared_pixel_and_a_hundredth_of_the_motion() -> None:
    flow = torch.zeros(1, 2, 10, 40)
    for motion in (0.0, 10.0):
        flow[:, 0] = motion
        for share, expected in ((0.9, 0.0), (1.1, 1.0)):
            miss = share * (0.5 + 0.02 * motion**2) ** 0.5
            back = -flow + torch.tensor([0, miss]).view(1, 2, 1, 1)
            assert occluded(flow, back)[..., :20].mean() == expected


def test_motion_boundaries_lie_where_layers_part_and_not_on_them(scene: Scene) -> None:
    found = motion_boundary(scene.flow_to_previous[1:])
    edges = torch.nn.functional.max_pool2d(scene.layers, 3, 1, 1) != scene.layers
    assert found[edges[1:]].mean() > 2 * found[~edges[1:]].mean()
    turning = torch.zeros(1, 2, 20, 20)
    turning[:, 0] = 0.01 * torch.arange(20)[:, None]
    assert motion_boundary(turning).max() == 0


@pytest.mark.parametrize("size", [(1, 2), (2, 2), (3, 1), (9, 14)])
def test_a_flow_changes_by_central_differences_and_at_the_ends_by_one_sided_ones(size: tuple[int, int]) -> None:
    flow = 0.2 * torch.rand(3, 2, *size, generator=torch.Generator().manual_seed(0))
    slopes = [torch.gradient(flow, dim=axis)[0] for axis in (-1, -2) if flow.shape[axis] > 1]
    steepness = sum(slope.square().sum(dim=1, keepdim=True) for slope in slopes)
    expected = steepness > 0.01 * flow.square().sum(dim=1, keepdim=True) + 0.002
    assert expected.any()
    assert (motion_boundary(flow) == expected).all()


def test_confidence_is_high_on_truth_and_low_on_what_is_hidden(scene: Scene) -> None:
    trust = confidence(scene.flow_to_previous[1:], scene.flow_to_next[:-1], scene.frames[1:], scene.frames[:-1])
    visible, hidden = scene.clean[1:] == 1, scene.occluded[1:] == 1
    assert 0 <= trust.min() <= trust.max() <= 1
    assert trust[visible].mean() > 0.9
    assert trust[hidden].mean() < 0.3


def test_confidence_falls_with_a_difference_in_colour_as_the_tolerance_says() -> None:
    still, grey = torch.zeros(1, 2, 8, 8), torch.full((1, 3, 8, 8), 0.5)
    trust = confidence(still, still, grey, grey + 0.05, tolerance=0.05)
    assert trust.mean() == pytest.approx(0.6065, abs=1e-3)
    assert confidence(still, still, grey, grey).min() == 1


def test_a_picture_of_one_pixel_has_no_boundary() -> None:
    still = torch.zeros(1, 2, 1, 1)
    assert motion_boundary(still).item() == 0
    assert confidence(still, still, torch.rand(1, 3, 1, 1), torch.rand(1, 3, 1, 1)).shape == (1, 1, 1, 1)
