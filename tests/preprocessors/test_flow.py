"""Flow is found, in the contract's direction, and doubted where it fails."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from preprocessors.flow import DisFlow, FlowMap, flow_confidence, flow_map
from samples.scenes import Scene, draw_scene


@pytest.fixture(scope="module")
def scene() -> Scene:
    return draw_scene(4, 3, 108, 192)


def miss(found: Tensor, scene: Scene) -> float:
    """Mean error in pixels where the surface is visible in both frames."""
    distance = (found - scene.flow_to_previous[2]).norm(dim=0)
    return float(distance[scene.occluded[2, 0] == 0].mean())


def test_flow_is_found_to_a_fraction_of_a_pixel(scene: Scene) -> None:
    motion = scene.flow_to_previous[2].norm(dim=0).mean()
    assert motion > 1.5
    assert miss(DisFlow()(scene.frames[1], scene.frames[2]), scene) < 0.5


def test_fine_is_finer(scene: Scene) -> None:
    fine = miss(DisFlow(fine=True)(scene.frames[1], scene.frames[2]), scene)
    assert fine < 0.8 * miss(DisFlow()(scene.frames[1], scene.frames[2]), scene)


def test_flow_points_from_current_to_previous() -> None:
    picture = draw_scene(0, 1, 96, 128).frames[0]
    moved = picture.roll(3, dims=2)  # 3 pixels to the right
    flow = DisFlow(fine=True)(picture, moved)[:, 20:-20, 20:-20]
    assert flow[0].median() == pytest.approx(-3, abs=0.1)
    assert flow[1].median() == pytest.approx(0, abs=0.1)


def test_both_directions_are_the_two_single_ones(scene: Scene) -> None:
    search = DisFlow()
    to_previous, to_next = search.both(scene.frames[1], scene.frames[2])
    assert torch.equal(to_previous, search(scene.frames[1], scene.frames[2]))
    assert torch.equal(to_next, search(scene.frames[2], scene.frames[1]))


def test_one_estimator_serves_frames_of_any_size_in_any_order(scene: Scene) -> None:
    search = DisFlow()
    first = search(scene.frames[1], scene.frames[2])
    search(torch.rand(3, 5, 300), torch.rand(3, 5, 300))
    assert torch.equal(search(scene.frames[1], scene.frames[2]), first)


def test_confidence_is_one_for_true_flows_and_falls_with_the_miss() -> None:
    flow = torch.zeros(2, 20, 30)
    flow[0] = -2.0
    inner = (slice(None), slice(4, -4), slice(4, -4))
    assert flow_confidence(flow, -flow)[inner].min() > 0.999
    limit = (0.5 + 0.01 * (4 + (2 + 0.72) ** 2)) ** 0.5
    wrong = -flow + torch.tensor([limit, 0]).view(2, 1, 1)
    assert flow_confidence(flow, wrong)[inner].mean() == pytest.approx(0.5, abs=0.02)
    assert flow_confidence(flow, flow)[inner].max() < 0.01


def test_confidence_is_none_where_the_flow_leaves_the_picture() -> None:
    flow = torch.zeros(2, 8, 10)
    flow[0] = -3.0
    assert flow_confidence(flow, -flow)[0, :, :3].max() == 0


def test_what_is_hidden_is_doubted(scene: Scene) -> None:
    search = DisFlow(fine=True)
    trust = flow_confidence(*search.both(scene.frames[1], scene.frames[2]))[0]
    hidden = scene.occluded[2, 0] == 1
    assert trust[hidden].mean() < 0.7 * trust[~hidden].mean()


def test_the_map_shows_direction_and_speed_on_a_fixed_scale() -> None:
    flow = torch.zeros(2, 40, 80)
    flow[0], flow[1] = 5.0, -10.0  # an eighth of 80 is 10
    drawn = flow_map(flow, torch.ones(1, 40, 80))
    assert drawn[0].mean() == pytest.approx(0.75)
    assert drawn[1].max() == 0
    assert flow_map(flow * 9, torch.ones(1, 40, 80)).max() == 1


def test_windows_that_begin_one_frame_early_show_the_same_motion(scene: Scene) -> None:
    draw = FlowMap(DisFlow())
    whole, late = draw(scene.frames), draw(scene.frames[1:])
    assert torch.equal(whole[2], late[1])
    assert torch.equal(late[0, 2], torch.zeros_like(late[0, 2]))


def test_a_shots_own_speed_fills_the_map_however_it_is_cut(scene: Scene) -> None:
    fitted = FlowMap(DisFlow()).fit([scene.frames])
    for windows in (scene.frames.split(1), scene.frames.split(2)):
        assert FlowMap(DisFlow()).fit(windows).reach == fitted.reach
    speed = (fitted(scene.frames)[1:, :2] - 0.5).norm(dim=1) * 2
    assert speed.flatten().quantile(0.98) == pytest.approx(1, abs=0.05)


def test_a_shot_that_stands_still_is_not_stretched_until_its_noise_shows() -> None:
    frames = draw_scene(0, 1, 96, 128).frames.expand(4, -1, -1, -1)
    grain = 0.01 * torch.randn(frames.shape, generator=torch.Generator().manual_seed(0))
    drawn = FlowMap(DisFlow()).fit([frames + grain])(frames + grain)
    assert (drawn[:, :2] - 0.5).abs().mean() < 0.1


def test_flow_is_the_same_from_several_threads_at_once() -> None:
    frames = draw_scene(7, 7, 96, 128).frames
    search = DisFlow()
    alone = [search.both(*pair) for pair in pairwise(frames)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda pair: search.both(*pair), [*pairwise(frames)] * 5))
    for flows, expected in zip(together, alone * 5, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(flows, expected, strict=True))
