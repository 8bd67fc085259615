"""How people hold themselves, as the stick figures that ControlNets of OpenPose were trained on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from preprocessors.network_input import seen_size, shrunk, stretched
from preprocessors.people import JointFinder, PersonFinder

OF_COCO = (0, None, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
"""For each joint of OpenPose which of COCO's it is; the neck is between the shoulders."""
NECK, SHOULDERS = 1, (2, 5)
LIMBS = (
    *((1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13)),
    *((1, 0), (0, 14), (14, 16), (0, 15), (15, 17)),
)
"""Which joints of OpenPose are joined, in the order of `COLOURS`."""
COLOURS = (
    *((255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0), (0, 255, 0), (0, 255, 85)),
    *((0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255), (0, 0, 255), (85, 0, 255), (170, 0, 255)),
    *((255, 0, 255), (255, 0, 170), (255, 0, 85)),
)
"""Of joints; limbs have six tenths of it."""
THICK = 4 / 512
"""Of the shorter side: half a limb's width, and a joint's radius."""
FINE = 4
"""Bits of a pixel that places are drawn by."""
MOST = 1 << 22
"""Pixels that are drawn; larger frames are drawn smaller."""


@dataclass(frozen=True)
class Pose:
    """Stick figures of all people on black, in three channels. Each frame is looked at by itself.

    sure: how certain it must be (0 to 1) that somebody is there. seen: the same of a joint. weights: a mark by which
    the networks are known.
    """

    people: PersonFinder
    joints: JointFinder
    weights: str = ""
    sure: float = 0.5
    seen: float = 0.3
    name: str = "openpose"
    lookbehind: int = 0

    @property
    def key(self) -> str:
        """The networks' weights, and what counts as certain."""
        return f"{self.weights} {self.sure} {self.seen}"

    def fit(self, frames: Iterable[Tensor]) -> Self:
        """This gives itself: there is nothing to normalise."""
        return self

    def __call__(self, frames: Tensor, number: int = 0) -> Tensor:
        """This draws figures `[T, 3, H, W]` of frames `[T, 3, H, W]`, 0 to 1."""
        return torch.cat([self._draw(frame) for frame in frames])

    def _draw(self, frame: Tensor) -> Tensor:
        height, width = frame.shape[-2:]
        size = seen_size(height, width, MOST)
        small = shrunk(frame[None], size)[0]
        canvas = np.zeros((*size, 3), np.uint8)
        for box in self.people(small, self.sure):
            draw_figure(canvas, to_openpose(self.joints(small, box)), self.seen)
        drawn = torch.from_numpy(canvas).permute(2, 0, 1)[None].float() / 255
        return stretched(drawn, (height, width))


def to_openpose(joints: Tensor) -> Tensor:
    """This orders COCO's 17 joints `[17, 3]` (x, y, certainty) as OpenPose's 18; a neck is as certain as both sides."""
    ordered = joints[[number or 0 for number in OF_COCO]].clone()
    left, right = (ordered[number] for number in SHOULDERS)
    ordered[NECK] = torch.cat([(left[:2] + right[:2]) / 2, torch.minimum(left[2:], right[2:])])
    return ordered


def draw_figure(canvas: NDArray[np.uint8], joints: Tensor, seen: float) -> None:
    """This draws joints `[18, 3]` of OpenPose that are at least as certain as `seen` on a picture `[H, W, 3]`."""
    thick = max(0.5, THICK * min(canvas.shape[:2]))
    there = [certainty > seen for certainty in joints[:, 2].tolist()]
    places = np.asarray(joints[:, :2], np.float64)
    for (one, other), colour in zip(LIMBS, COLOURS, strict=False):
        if there[one] and there[other]:
            outline = _bits(_limb(places[one], places[other], thick))
            cv2.fillConvexPoly(canvas, outline, [0.6 * part for part in colour], cv2.LINE_AA, FINE)
    for place, colour, visible in zip(places, COLOURS, there, strict=True):
        if visible:
            x, y = _bits(place).tolist()
            cv2.circle(canvas, (x, y), int(thick * (1 << FINE)), colour, -1, cv2.LINE_AA, FINE)


def _limb(one: NDArray[np.float64], other: NDArray[np.float64], thick: float) -> NDArray[np.float64]:
    """The outline of an ellipse from joint to joint."""
    along = (other - one) / 2
    length = float(np.hypot(*along))
    across = np.array([-along[1], along[0]]) * (thick / max(length, 1e-6))
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)[:, None]
    return np.asarray((one + other) / 2 + np.cos(turn) * along + np.sin(turn) * across)


def _bits(places: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.asarray(np.round(np.clip(places, -1e5, 1e5) * (1 << FINE)), np.int32)
