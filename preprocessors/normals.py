"""Which way surfaces face, worked out of depth, in the colours that ControlNets of normals were trained on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import radians, tan
from typing import Self

import torch
from kornia.filters import gaussian_blur2d
from torch import Tensor

from preprocessors.preprocessor import Preprocessor

FARTHEST = 0.1
"""Inverse depth of what depth draws as 0, over that of what it draws as 1: relative depth does not say."""
VIEW = 2 * tan(radians(55) / 2)
"""Width of what is seen at distance 1, across the picture's longer side: a common lens, as the clip's is not known."""
SOFT = 1 / 300
"""Of the shorter side: how far depth is blurred first, since slopes of its small steps would be seen."""


@dataclass(frozen=True)
class Normals:
    """Normals from inverse depth: red where a surface faces left, green where up, blue where it faces the camera.

    The colours are those of NormalBae: 0.5 is neither. depth: a preprocessor whose map is inverse depth, 1 near. As its
    scale is relative and the lens unknown, how steep a slope is, is a guess; which way it falls is not.
    """

    depth: Preprocessor
    name: str = "normal"

    @property
    def lookbehind(self) -> int:
        """Whatever depth needs."""
        return self.depth.lookbehind

    @property
    def key(self) -> str:
        """What decides depth."""
        return self.depth.key

    def fit(self, frames: Iterable[Tensor]) -> Self:
        """This normalises depth over the shot."""
        return replace(self, depth=self.depth.fit(frames))

    def __call__(self, frames: Tensor, number: int = 0) -> Tensor:
        """This draws normals `[T, 3, H, W]` of frames `[T, 3, H, W]`, the first of which is the shot's `number`."""
        return normals_of(self.depth(frames, number)) * 0.5 + 0.5


def normals_of(depth: Tensor) -> Tensor:
    """This gives normals `[T, 3, H, W]` of length 1 (to the left, up, to the camera) of inverse depth `[T, 1, H, W]`.

    Inverse depth is linear over the picture along any plane `a X + b Y + c Z = 1`: its slopes there are a and b, and
    where the lens points it is c.
    """
    height, width = depth.shape[-2:]
    inverse = _blurred(FARTHEST + (1 - FARTHEST) * depth)
    pixel = VIEW / max(height, width)
    y = (torch.arange(height).view(-1, 1) - (height - 1) / 2) * pixel
    x = (torch.arange(width).view(1, -1) - (width - 1) / 2) * pixel
    a, b = (_slope(inverse, axis) / pixel for axis in (-1, -2))
    return torch.nn.functional.normalize(torch.cat([a, b, inverse - x * a - y * b], dim=1), dim=1)


def _slope(depth: Tensor, axis: int) -> Tensor:
    """The change from pixel to pixel along an axis; none where there is one only."""
    if depth.shape[axis] == 1:
        return torch.zeros_like(depth)
    return torch.gradient(depth, dim=axis)[0]


def _blurred(depth: Tensor) -> Tensor:
    sigma = SOFT * min(depth.shape[-2:])
    side = 2 * int(3 * sigma + 0.5) + 1
    return gaussian_blur2d(depth, (side, side), (sigma, sigma), border_type="replicate") if side > 1 else depth
