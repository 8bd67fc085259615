"""Colours become those of another picture, by one change for all frames."""

import pytest
import torch

from consistency.palette import Duotone, Palette
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


def luma(frames):
    return torch.einsum("tchw,c->thw", frames, torch.tensor([0.299, 0.587, 0.114]))


def test_two_colours_and_what_lies_between_are_as_light_as_the_picture():
    dark, light = (0.13, 0.11, 0.14), (0.96, 0.91, 0.80)
    printed = Duotone(dark, light)(scene(1))
    first, last = (luma(torch.tensor(colour).view(1, 3, 1, 1)).item() for colour in (dark, light))
    assert torch.allclose(luma(printed), luma(scene(1)).clamp(first, last), atol=1e-5)
    way = torch.tensor(light) - torch.tensor(dark)
    share = (printed - torch.tensor(dark).view(3, 1, 1)) / way.view(3, 1, 1)
    assert torch.allclose(share, share[:, :1].expand_as(share), atol=1e-5)
    assert share.max() - share.min() > 0.3


def test_what_is_printed_in_two_colours_stays_as_it_is():
    printed = Duotone((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))(scene(2))
    assert torch.allclose(printed, luma(scene(2))[:, None].expand_as(printed), atol=1e-6)
    assert torch.allclose(Duotone((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))(printed), printed, atol=1e-6)


def test_nothing_is_printed_in_two_colours_of_which_the_second_is_the_darker():
    with pytest.raises(ValueError, match="no lighter"):
        Duotone((1.0, 1.0, 0.9), (0.1, 0.1, 0.1))
