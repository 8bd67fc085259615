"""Laws of telling flicker from the error of following a motion."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from consistency.blur import blur
from consistency.flicker import around, flicker

SIZE = (72, 128)


def smooth(seed: int, sigma: float = 3.0) -> Tensor:
    drawn = torch.randn(1, 3, *SIZE, generator=torch.Generator().manual_seed(seed))
    soft = blur(drawn, sigma)
    return 0.5 + 0.12 * soft / soft.std()


def told(change: Tensor) -> float:
    """This asks about a picture that follows its source a quarter of a pixel wrongly, and changes so besides."""
    picture = smooth(1)
    miss = 0.25 * (picture - picture.roll(1, -1))
    grey, missed = (values.mean(dim=1, keepdim=True) for values in (picture, miss))
    return flicker(2 * miss + change, 2 * picture, missed, grey, torch.ones(1, 1, *SIZE))


def test_the_error_of_the_motion_is_no_flicker() -> None:
    assert told(torch.zeros(1, 3, *SIZE)) == 0


def test_a_change_of_brightness_is() -> None:
    assert told(torch.full((1, 3, *SIZE), 0.02)) == 1


def test_another_texture_is() -> None:
    assert told(0.5 * (smooth(2) - 0.5)) == 1


def test_rounding_to_eight_bits_is_not() -> None:
    rounded = torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(3)).sub(0.5) / 255
    still = torch.zeros(1, 1, *SIZE)
    assert flicker(blur(rounded, 1.5), smooth(1), still, smooth(1)[:, :1], still + 1) == 0


def test_where_no_motion_is_believed_nothing_can_be_told() -> None:
    picture, none = smooth(1), torch.zeros(1, 1, *SIZE)
    assert flicker(picture - smooth(2), picture, none, none, none) == 0


def test_what_is_done_about_it_rises_and_falls_evenly() -> None:
    found = [0.0] * 9 + [1.0] + [0.0] * 9
    done = [around(found, middle, 4) for middle in range(len(found))]
    assert done[9] == 1
    assert done[4] == done[14] == 0
    assert max(abs(one - other) for one, other in pairwise(done)) <= 0.4001
