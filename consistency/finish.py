"""Go over what a small model has painted: with strokes along its forms, in flat tones and firm lines, in cut paper."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from consistency.drawing import (
    Image,
    between,
    clip,
    contours,
    direction,
    flatten,
    luma,
    saturate,
    sharpened,
    simplify,
    smear,
    soft_dabs,
    stacked,
)

DARK = 1e-3  # brightness below which nothing is divided by it


@dataclass(frozen=True)
class Finish:
    """How a model's frames are gone over, each by itself, in pixels of the size that the model works at.

    strokes: length of the strokes that a brush leaves along the forms. tones: how many steps from black to white
    surfaces are printed in. sheets: of how many sheets of paper, one upon the other, the picture is cut out. lines: how
    black contours become, 0 to 1. Of each, 0 is none.
    """

    strokes: int = 0
    tones: int = 0
    sheets: int = 0
    lines: float = 0.0

    def __call__(self, frames: Tensor) -> Tensor:
        """This goes over frames `[T, 3, H, W]`, 0 to 1."""
        pictures = frames.permute(0, 2, 3, 1).contiguous().numpy()
        done = np.stack([self._over(picture) for picture in pictures])
        return torch.from_numpy(done).permute(0, 3, 1, 2).contiguous()

    def _over(self, picture: Image) -> Image:
        drawn = self.lines * contours(picture, 0.8, 0.03)[..., None] if self.lines else None
        if self.strokes:
            picture = brushed(picture, self.strokes)
        if self.tones:
            picture = printed(picture, self.tones)
        if self.sheets:
            picture = layered(picture, self.sheets)
        return picture if drawn is None else clip(picture * (1 - drawn))


def brushed(picture: Image, length: int) -> Image:
    """This makes dabs of what lies together, draws them out along the forms, and has their ridges catch light."""
    calm = soft_dabs(picture, 2)
    return clip(sharpened(smear(calm, direction(calm, 4.0), length), 2.5, 1.4))


def printed(picture: Image, tones: int) -> Image:
    """This prints surfaces flat, in a few tones whose borders are a little soft, or they would crackle in a film."""
    flat = flatten(picture, 2, 0.1, 4)
    bright = np.maximum(luma(flat), DARK)
    scaled = np.minimum(bright * tones, tones - DARK)
    step = np.floor(scaled)
    stepped = (step + between(scaled - step, 0.25, 0.75)) / tones
    return saturate(clip(flat * (stepped / bright)[..., None]), 1.1)


def layered(picture: Image, sheets: int) -> Image:
    """This cuts the picture out of sheets of paper, as fine as scissors can."""
    return clip(stacked(simplify(flatten(picture, 2, 0.12, 4), 5), sheets, 0.25, 2, 1.2))
