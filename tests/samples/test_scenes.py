"""The truth about a drawn scene is true."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from samples.planes import Plane
from samples.scenes import Scene, draw_scene, film

SIZE = (72, 128)
SEEDS = [0, 1, 2, 4]


@pytest.fixture(scope="module", params=SEEDS)
def scene(request: pytest.FixtureRequest) -> Scene:
    return draw_scene(request.param, 4, *SIZE)


def sampled(frames: Tensor, flow: Tensor) -> Tensor:
    """`frames` at p + flow(p), by torch alone."""
    height, width = frames.shape[-2:]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    points = torch.stack([x, y], dim=-1) + flow.permute(0, 2, 3, 1)
    scale = torch.tensor([2 / (width - 1), 2 / (height - 1)])
    return F.grid_sample(frames, points * scale - 1, align_corners=True, padding_mode="border")


def error(scene: Scene, flow: Tensor) -> float:
    """Mean distance in 8-bit levels between each frame and the previous one, warped, where the scene is clean."""
    distance = (sampled(scene.frames[:-1], flow[1:]) - scene.frames[1:]).abs().mean(dim=1, keepdim=True)
    return float(255 * (distance * scene.clean[1:]).sum() / scene.clean[1:].sum())


@pytest.mark.parametrize("way", [(1.0, 0.0), (0.0, 1.0)])
def test_an_edge_that_moves_slowly_does_not_jump(way: tuple[float, float]) -> None:
    """A bright square before black: by a tenth of a pixel a frame, its edges gain about a tenth of a pixel's light."""

    def place(t: int) -> NDArray[np.floating]:
        return np.array([[5, 0, 10 + 0.1 * t * way[0]], [0, 5, 10 + 0.1 * t * way[1]], [0, 0, 1]])

    black, bright = (np.full((8, 8, 1), value, np.float32) for value in (0, 1))
    backdrop = Plane(lambda t: np.diag([1.0, 1.0, 2.0]), None, black, 8)
    square = Plane(place, lambda at: 1 - at.abs().amax(dim=-1), bright, 8)
    frames = film(lambda t: [backdrop, square], range(20), 20, 20).frames[:, 0]
    line = frames[:, 10, 10:] if way[0] else frames[:, 10:, 10]
    gained = line.sum(dim=1).diff()
    assert gained.min() > 0
    assert gained.max() < 0.15


def test_every_part_has_the_contract_s_shape_and_range(scene: Scene) -> None:
    shapes = {"frames": 3, "depth": 1, "flow_to_previous": 2, "flow_to_next": 2, "occluded": 1, "layers": 1, "clean": 1}
    for name, channels in shapes.items():
        part = getattr(scene, name)
        assert part.shape == (4, channels, *SIZE), name
        assert part.dtype == torch.float32, name
        assert part.isfinite().all(), name
    for part in (scene.frames, scene.depth):
        assert 0 <= part.min() <= part.max() <= 1
    assert scene.depth.min() == 0
    assert scene.depth.max() == 1


def test_warping_the_previous_frame_by_the_flow_restores_the_frame(scene: Scene) -> None:
    assert scene.clean[1:].mean() > 0.3
    assert error(scene, scene.flow_to_previous) < 2.0


def test_a_flipped_or_swapped_flow_is_caught(scene: Scene) -> None:
    true = error(scene, scene.flow_to_previous)
    for wrong in (-scene.flow_to_previous, scene.flow_to_previous.flip(1), torch.zeros_like(scene.flow_to_previous)):
        assert error(scene, wrong) > 1.5 * true


def test_flow_is_exact_where_textures_are_smooth() -> None:
    def smooth(texture: NDArray[np.float32], layer: int) -> NDArray[np.float32]:
        angle = np.arange(len(texture)) / len(texture) * 2 * np.pi
        waves = 0.5 + 0.25 * np.sin(angle)[:, None] + 0.25 * np.cos(angle)[None, :]
        return np.repeat(waves[..., None], 3, axis=2).astype(np.float32)

    scene = draw_scene(0, 4, *SIZE, paint=smooth)
    background = scene.clean * (scene.layers == 0)  # the others are shaded towards their rims
    distance = (sampled(scene.frames[:-1], scene.flow_to_previous[1:]) - scene.frames[1:]).abs()
    assert float((distance * background[1:]).max()) < 0.05 / 255


def test_the_two_directions_of_flow_undo_each_other(scene: Scene) -> None:
    there = scene.flow_to_previous[1:]
    returned = there + sampled(scene.flow_to_next[:-1], there)
    assert float((returned.abs() * scene.clean[1:]).max()) < 0.02


def test_ends_of_a_clip_have_no_flow_beyond_them(scene: Scene) -> None:
    assert scene.flow_to_previous[0].abs().max() == 0
    assert scene.flow_to_next[-1].abs().max() == 0
    assert scene.occluded[0].min() == 1


def test_what_is_occluded_was_another_layer_or_outside(scene: Scene) -> None:
    for t in range(1, 4):
        ids = scene.layers[t - 1 : t]
        mixed = F.max_pool2d(ids, 3, 1, 1) + F.max_pool2d(-ids, 3, 1, 1)
        flow = scene.flow_to_previous[t : t + 1]
        before, pure = sampled(ids, flow)[0, 0], sampled(mixed, flow)[0, 0] == 0
        points = scene.layers.new_ones(SIZE).nonzero().view(*SIZE, 2).flip(-1) + flow[0].permute(1, 2, 0)
        inside = ((points >= 0) & (points <= torch.tensor([SIZE[1] - 1, SIZE[0] - 1]))).all(dim=-1)
        visible = inside & ((before - scene.layers[t, 0]).abs() < 1e-3)
        agree = visible[pure] == (scene.occluded[t, 0] == 0)[pure]
        assert agree.float().mean() > 0.998  # all but what hides behind a slat between two pixel centres
        assert (scene.occluded[t] * scene.clean[t]).max() == 0


@pytest.mark.parametrize("seed", range(8))
def test_nearer_layers_hide_farther_ones(seed: int) -> None:
    scene = draw_scene(seed, 1, *SIZE)
    ids = [i for i in range(10) if i != 1 and (scene.layers == i).any()]  # 1 may be a ground
    standing = [scene.depth[scene.layers == i] for i in ids]
    assert all(far.max() < near.min() for far, near in itertools.pairwise(standing))
    assert len(standing) >= 3


def test_depth_and_motion_agree_nearer_moves_more_under_a_travelling_camera() -> None:
    closer = 0
    for seed in range(6):
        scene = draw_scene(seed, 2, *SIZE)
        speed, depth = scene.flow_to_previous[1].norm(dim=0).flatten(), scene.depth[1].flatten()
        closer += float(torch.corrcoef(torch.stack([speed, depth]))[0, 1]) > 0
    assert closer >= 4


def test_a_seed_is_a_scene_whatever_the_length() -> None:
    short, long = draw_scene(5, 2, *SIZE), draw_scene(5, 3, *SIZE)
    assert torch.equal(short.frames, long.frames[:2])
    assert not torch.equal(short.frames, draw_scene(6, 2, *SIZE).frames)


def test_paint_changes_the_look_and_nothing_else() -> None:
    plain, painted = draw_scene(2, 2, *SIZE), draw_scene(2, 2, *SIZE, paint=lambda texture, layer: 1 - texture)
    assert not torch.allclose(plain.frames, painted.frames, atol=0.1)
    assert torch.equal(plain.flow_to_previous, painted.flow_to_previous)
    assert torch.equal(plain.depth, painted.depth)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (17, 9)])
def test_any_size_can_be_drawn(size: tuple[int, int]) -> None:
    scene = draw_scene(0, 2, *size)
    assert scene.frames.shape == (2, 3, *size)
    assert all(part.isfinite().all() for part in (scene.frames, scene.depth, scene.flow_to_previous, scene.clean))
