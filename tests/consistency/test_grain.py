"""Laws of grain: it sticks to what moves, is as strong in every frame, is still where nothing moves, spares white."""

import pytest
import torch
from torch import Tensor

from consistency.grain import PERIOD, SHEET, Grain, settled
from consistency.warp import warp
from samples.kinds import Kind, draw_kind
from samples.scenes import film

SIZE = (144, 256)
LENGTH = 2 * PERIOD + 3


def laid(flows: list[tuple[Tensor, Tensor] | None]) -> Tensor:
    """The grain of all frames, `[T, 1, H, W]`."""
    grain = Grain(SIZE)
    return torch.cat([grain.add(flow) for flow in flows])


def pan(x: float, y: float) -> tuple[Tensor, Tensor]:
    flow = torch.tensor([x, y], dtype=torch.float32).view(2, 1, 1).expand(-1, *SIZE)
    return flow, -flow


def alike(one: Tensor, other: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1])


def test_where_nothing_moves_it_is_still():
    grain = laid([None, *[pan(0, 0)] * LENGTH])
    assert torch.allclose(grain, grain[:1].expand_as(grain), atol=1e-5)


@pytest.mark.parametrize("speed", [0.3, 2.5, 11.0])
def test_it_goes_along_with_a_pan_and_is_as_strong_all_the_time(speed):
    grain, flow = laid([None, *[pan(speed, -speed / 3)] * LENGTH]), pan(speed, -speed / 3)[0][None]
    for number in range(1, LENGTH):
        moved, inside = warp(grain[number - 1 : number], flow)
        assert alike(grain[number][inside[0] == 1], moved[0][inside[0] == 1]) > 0.93
    strength = grain.std(dim=(1, 2, 3))
    assert strength.min() > 0.9
    assert strength.max() < 1.1
    assert grain.mean(dim=(1, 2, 3)).abs().max() < 0.25


def test_it_sticks_to_every_thing_of_a_scene_and_what_comes_out_from_behind_has_some_too():
    planes = draw_kind(Kind.OCCLUSION, 2, *SIZE)
    scene = film(lambda t: planes, range(24), *SIZE)
    grain = laid([None, *zip(scene.flow_to_previous[1:], scene.flow_to_next, strict=False)])
    stuck, loose = [], []
    for number in range(1, 24):
        seen = (scene.clean[number] == 1) & (scene.layers[number] > 0)  # the ground stands still
        moved, _ = warp(grain[number - 1 : number], scene.flow_to_previous[number : number + 1])
        stuck.append(alike(grain[number][seen], moved[0][seen]))
        loose.append(alike(grain[number][seen], grain[number - 1][seen]))
    assert min(stuck) > 0.95
    assert sum(loose) / len(loose) < 0.4
    steps = grain.diff(dim=-1).square().mean(dim=(1, 2, 3))
    assert float(steps.min() / steps[0]) > 0.8  # torn apart it would be smooth
    assert float(steps.max() / steps[0]) < 1.1


def test_motion_that_is_no_number_spoils_nothing_after_it():
    broken = pan(1, 0)[0].clone()
    broken[:, 40:60, 40:60] = torch.nan
    assert laid([None, (broken, -broken), pan(1, 0)]).isfinite().all()


def test_the_sheet_has_no_seam():
    grain = laid([None, pan(SHEET, 0), pan(-SHEET, 3 * SHEET)])
    assert torch.allclose(grain, grain[:1].expand_as(grain), atol=1e-3)


def test_paint_is_thicker_where_grain_is_and_white_and_black_stay():
    grain = laid([None])
    grey = settled(torch.full((1, 3, *SIZE), 0.5), grain, 0.1)
    assert alike(grey[:, :1], -grain) > 0.99
    assert 0.02 < grey.std() < 0.05
    for light in (0.0, 1.0):
        assert (settled(torch.full((1, 3, *SIZE), light), grain, 0.1) == light).all()


def test_a_large_picture_does_not_show_the_sheet_again_and_again():
    grain = Grain((SHEET, 2 * SHEET)).add()
    assert abs(alike(grain[..., SHEET:], grain[..., :SHEET])) < 0.2


def test_it_is_the_same_each_time():
    flows = [None, pan(1.5, 0.5), pan(1.5, 0.5)]
    assert torch.equal(laid(flows), laid(flows))
