"""Colours become those of another picture, by one change for all frames."""

import torch

from consistency.palette import Palette
from samples.scenes import draw_scene


def scene(seed: int):
    return 0.25 + 0.5 * draw_scene(seed, 3, 48, 64).frames


def test_the_colours_get_the_mean_and_spread_of_the_others():
    one, other = scene(1), scene(2)
    change = Palette.of([one]).onto(Palette.of([other]))
    moved = torch.einsum("ij,tjhw->tihw", change.matrix, one) + change.offset.view(3, 1, 1)
    found, wanted = Palette.of([moved]), Palette.of([other])
    assert torch.allclose(found.mean, wanted.mean, atol=1e-4)
    assert torch.allclose(found.spread, wanted.spread, atol=4e-4)


def test_its_own_colours_change_nothing():
    frames = scene(3)
    assert torch.allclose(Palette.of([frames]).onto(Palette.of([frames]))(frames), frames, atol=1e-5)


def test_frames_that_come_in_parts_count_as_one():
    frames = scene(1)
    whole, parts = Palette.of([frames]), Palette.of(frames)
    assert torch.allclose(whole.spread, parts.spread)


def test_a_frame_changes_the_same_whatever_stands_beside_it():
    frames = scene(1)
    change = Palette.of([frames]).onto(Palette.of([scene(2)]))
    assert torch.equal(change(frames)[1], change(frames[1:2])[0])


def test_a_grey_picture_makes_grey():
    made = Palette.of([scene(1)]).onto(Palette.of([torch.full((3, 8, 8), 0.5)]))(scene(1))
    assert (made - 0.5).abs().max() < 0.15
    assert made.var() < 0.1 * scene(1).var()
    assert torch.isfinite(Palette.of([torch.full((3, 8, 8), 0.5)]).onto(Palette.of([scene(1)])).matrix).all()
