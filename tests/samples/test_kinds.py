"""Each kind of scene holds what it is made for."""

from __future__ import annotations

import functools

import pytest
import torch

from samples.kinds import SPAN, Kind, draw_kind, light
from samples.scenes import Scene, film

SIZE = (36, 64)


@functools.cache
def scene(kind: Kind, seed: int = 3) -> Scene:
    planes = draw_kind(kind, seed, *SIZE)
    return film(lambda t: planes, range(SPAN), *SIZE)


def speed(kind: Kind, seed: int = 3) -> torch.Tensor:
    """Pixels a frame in a picture 640 wide, of the background."""
    drawn = scene(kind, seed)
    background = drawn.layers[1:, 0] == 0
    return 640 / SIZE[1] * drawn.flow_to_previous[1:].square().sum(dim=1).sqrt()[background]


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_can_be_followed_in_every_frame(kind: Kind) -> None:
    assert scene(kind).clean[1:].mean(dim=(1, 2, 3)).min() > 0.1
    assert scene(kind).frames.std() > 0.02


def test_fast_is_fast_and_slow_is_less_than_a_pixel() -> None:
    assert speed(Kind.FAST).min() > 15 * 0.85
    assert speed(Kind.FAST).mean() > 15
    assert speed(Kind.SLOW).max() < 1
    assert speed(Kind.SLOW).min() > 0.02
    assert scene(Kind.STILL).flow_to_previous.abs().max() < 1e-3


def test_a_pan_moves_all_alike_and_parallax_does_not() -> None:
    flow = scene(Kind.PAN).flow_to_previous[1:, 0]
    assert flow.std(dim=(1, 2)).max() < 0.1 * flow.abs().mean()
    depths = scene(Kind.PARALLAX).flow_to_previous[1:, 0]
    assert depths.std(dim=(1, 2)).mean() > 0.2 * depths.abs().mean()


def test_zoom_spreads_and_rotation_turns() -> None:
    for kind in (Kind.ZOOM, Kind.ROTATION):
        dx, dy = torch.gradient(scene(kind).flow_to_next[:-1], dim=(3, 2))
        spread, turn = (dx[:, 0] + dy[:, 1]).median(), (dx[:, 1] - dy[:, 0]).median()
        assert (float(spread) > 0.01) == (kind is Kind.ZOOM)
        assert (float(turn.abs()) > 0.01) == (kind is Kind.ROTATION)


def test_what_a_passing_board_hides_comes_back_after_more_than_a_chunk() -> None:
    layers = scene(Kind.RETURN).layers[:, 0]
    board = layers == layers.max()
    longest = 0
    for row in board.flatten(1).T.tolist():
        text = "".join("x" if hidden else "." for hidden in row)
        runs = [len(run) for run in text.strip("x").split(".") if run]
        longest = max([longest, *runs])
    assert longest > 16


def test_occlusion_hides_more_than_a_pan_does() -> None:
    assert scene(Kind.OCCLUSION).occluded[1:].mean() > 1.5 * scene(Kind.PAN).occluded[1:].mean()


def test_bars_are_thin() -> None:
    planes = draw_kind(Kind.THIN, 3, 216, 384)
    layers = film(lambda t: planes, range(1), 216, 384).layers[0, 0]
    rows = ("".join("x" if layer else " " for layer in row).split() for row in layers.tolist())
    widths = torch.tensor([float(len(bar)) for bars in rows for bar in bars])
    assert 1.5 < widths.median() < 4
    assert len(widths) > 500


def test_plain_surfaces_have_less_texture_than_any_other() -> None:
    def texture(kind: Kind) -> float:
        drawn = scene(kind)
        steps = drawn.frames[1:, :, :, 1:] - drawn.frames[1:, :, :, :-1]
        return float((steps.abs() * drawn.clean[1:, :, :, 1:]).sum() / drawn.clean[1:].sum())

    assert texture(Kind.PLAIN) < 0.5 * min(texture(kind) for kind in Kind if kind is not Kind.PLAIN)


def test_light_goes_down_smoothly_and_only_where_it_should() -> None:
    falling = light(Kind.LIGHT, SPAN, *SIZE)
    assert falling[0].min() == 1
    assert torch.allclose(falling[-1], torch.tensor(0.65), atol=0.01)
    assert -0.03 < falling.diff(dim=0).min() < falling.diff(dim=0).max() <= 0
    assert light(Kind.PAN, 3, *SIZE).eq(1).all()


def test_a_seed_is_one_scene_and_another_is_another() -> None:
    again = draw_kind(Kind.PAN, 3, *SIZE)
    assert torch.equal(film(lambda t: again, range(2), *SIZE).frames, scene(Kind.PAN).frames[:2])
    assert not torch.equal(scene(Kind.PAN).frames[0], scene(Kind.PAN, 15).frames[0])
