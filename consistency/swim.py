"""Whether the textures of a result swim: too slowly to show from one frame to the next, so seen over nine of them."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor
from torch.nn import functional as F

from consistency.blur import blur, light
from consistency.flicker import CELL, UNSEEN, between, cells
from consistency.occlusion import further, motion_boundary
from consistency.warp import warped

HOP, HOPS = 3, 3
"""One frame in so many is looked at, beside the one so many of these before it."""
REACH = HOP * HOPS
FINE = 0.75
"""Pixels at half size: what a Gaussian of this width takes away is not looked at."""
BROAD = 4.0
"""Pixels at half size over which light is compared: a change of light, the result's own as well, is no change of
texture."""
ENDS = (3.2, 4.5)
"""How many times the source's change, each over its contrast, the result's must be: up to the first it is the motion's
own error, from the second on textures swim. On drawn clips that error made up to 2.7 of them, a grain that sticks to
the screen 5.0 at least where all of the picture moves."""
LEAST = 0.5
"""What a place counts at least: one that is steadier than its source says nothing of the others."""


class Swim:
    """This sees all frames of one shot in order, and keeps a few of them at half size.

    A texture that swims differs everywhere by about as much, a motion that is a little wrong at contours above all: so
    it is the typical place that tells, and the whole that tells of flicker.
    """

    def __init__(self) -> None:
        self._looks: list[Tensor] = []
        self._links: list[Tensor] = []
        self._link: Tensor | None = None
        self._came = 0

    def see(self, picture: Tensor, grey: Tensor, link: Tensor | None) -> float | None:
        """This takes the next frame `[1, 3, H, W]` and its source's grey `[1, 1, H, W]`; it says if textures swim.

        link: `[1, 3, H, W]`, flow and trust to the frame before; None for the first. 0 is no, 1 yes; None: this frame
        says nothing new.
        """
        number, self._came = self._came, self._came + 1
        if link is not None:
            halved = torch.cat([_half(link[:, :2]) / 2, _half(link[:, 2:])], dim=1)
            self._link = halved if self._link is None else further(halved, self._link)
        if number % HOP:
            return None
        self._looks.append(_half(torch.cat([picture, grey], dim=1)))
        if self._link is not None:
            self._links.append(self._link)
            self._link = None
        if len(self._links) < HOPS:
            return None
        return between(self._ratio(), ENDS)

    def _ratio(self) -> float:
        """This is how much more the last look differs from the first than the sources of both do."""
        link = reduce(lambda older, newer: further(newer, older), self._links)
        self._links.pop(0)
        here, then = self._looks[-1], self._looks.pop(0)
        seen = warped(then, link[:, :2], "bicubic")
        apart = blur(here - light(blur(here, BROAD), blur(seen, BROAD)) * seen, FINE)
        weight = link[:, 2:] * (1 - blur(motion_boundary(link[:, :2]), 1))
        return typical(apart[:, :3], here[:, :3], apart[:, 3:], here[:, 3:], weight)


def typical(apart: Tensor, picture: Tensor, missed: Tensor, grey: Tensor, weight: Tensor) -> float:
    """This is a picture's fine change over that of its source, each over its contrast: the geometric mean of cells.

    apart: `[1, 3, H, W]`, by how much the picture `[1, 3, H, W]` differs from another one; missed, grey: the same of
    the source, `[1, 1, H, W]`; weight: `[1, 1, H, W]`, where the motion is believed.
    """
    counted = _cells(weight) + 1e-6
    change = _fine(apart, weight, counted) / (_contrast(picture) + UNSEEN)
    source_change = (_fine(missed, weight, counted) + UNSEEN) / (_contrast(grey) + UNSEEN)
    ratio = (change / source_change).clamp(min=LEAST)
    return float((ratio.log() * counted).sum().div(counted.sum()).exp())


def _fine(change: Tensor, weight: Tensor, counted: Tensor) -> Tensor:
    broad = _cells(weight * change).square() / counted
    return ((_cells(weight * change.square()) - broad).mean(dim=1, keepdim=True) / counted).clamp(min=0)


def _contrast(picture: Tensor) -> Tensor:
    return (_cells(picture.square()) - _cells(picture).square()).mean(dim=1, keepdim=True).clamp(min=0)


def _cells(values: Tensor) -> Tensor:
    return cells(values, CELL // 2)


def _half(values: Tensor) -> Tensor:
    return F.avg_pool2d(values, 2, ceil_mode=True, count_include_pad=False)
