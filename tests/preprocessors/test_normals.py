"""Normals of planes and balls come out as geometry says, in the colours of NormalBae."""

from __future__ import annotations

import torch
from torch import Tensor

from preprocessors.depth import Depth
from preprocessors.normals import FARTHEST, VIEW, Normals, normals_of

SIZE = (90, 160)


def plane(left: float, up: float) -> Tensor:
    """Inverse depth, as a preprocessor draws it, of a plane whose slopes are `left` and `up` at distance 2."""
    pixel = VIEW / max(SIZE)
    y, x = ((torch.arange(side) - (side - 1) / 2) * pixel for side in SIZE)
    inverse = 0.5 + left * x + up * y[:, None]
    return ((inverse - FARTHEST) / (1 - FARTHEST))[None, None]


def test_normals_of_planes_are_exact_all_over() -> None:
    for left, up in ((0.0, 0.0), (0.3, 0.0), (-0.2, 0.25)):
        true = torch.nn.functional.normalize(torch.tensor([left, up, 0.5]), dim=0).view(3, 1, 1)
        found = normals_of(plane(left, up))[0]
        torch.testing.assert_close(found[:, 4:-4, 4:-4], true.expand_as(found)[:, 4:-4, 4:-4], atol=1e-3, rtol=0)


def test_red_is_left_green_is_up_and_blue_is_towards_us() -> None:
    floor = torch.linspace(0, 1, 90).view(1, 1, 90, 1).expand(1, 3, 90, 160)  # bright is near: nearer further down
    wall = torch.linspace(1, 0, 160).view(1, 1, 1, 160).expand(1, 3, 90, 160)  # goes away to the right: faces right
    draw = Normals(Depth(lambda frames: frames.mean(dim=1, keepdim=True)))
    red, green, blue = draw.fit([floor])(floor)[0, :, 45, 80]
    assert green > 0.6
    assert abs(red - 0.5) < 0.01
    assert blue > 0.5
    assert draw.fit([wall])(wall)[0, 0, 45, 80] < 0.4
    flat = draw(torch.full((1, 3, 90, 160), 0.5))[0]
    torch.testing.assert_close(flat[:, 45, 80], torch.tensor([0.5, 0.5, 1.0]), atol=1e-3, rtol=0)


def test_their_scale_is_the_shots() -> None:
    ramp = torch.linspace(0.2, 0.6, 160).view(1, 1, 1, 160).expand(1, 3, 90, 160)
    clip = torch.cat([ramp, torch.ones_like(ramp), torch.zeros_like(ramp)])
    draw = Normals(Depth(lambda frames: frames.mean(dim=1, keepdim=True)))
    whole = draw.fit([clip])(clip)
    torch.testing.assert_close(draw.fit(clip.split(1))(clip[:1]), whole[:1], rtol=0, atol=1e-5)
    assert (draw.fit([clip[:1]])(clip[:1]) - whole[:1]).abs().max() > 0.02
