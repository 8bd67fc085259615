"""Go over what a small model has painted: strokes along its forms, flat tones, firm lines, cut paper, light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from consistency.drawing import (
    Image,
    between,
    blur,
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
    """How a model's frames are gone over, each by itself, in this order and in pixels of the size that it works at.

    flat: how often surfaces are smoothed between their contours. strokes: length of those that a brush leaves along the
    forms. tones: how many steps from black to white surfaces are printed in. sheets: of how many sheets of paper, one
    upon the other, the picture is cut out. lines: how black its contours become, 0 to 1. glow: how far what is bright
    shines, 1 as a neon tube. Of each, 0 is none.
    """

    flat: int = 0
    strokes: int = 0
    tones: int = 0
    sheets: int = 0
    lines: float = 0.0
    glow: float = 0.0

    def __call__(self, frames: Tensor) -> Tensor:
        """This goes over frames `[T, 3, H, W]`, 0 to 1."""
        done = torch.empty_like(frames)
        for frame, into in zip(frames, done, strict=True):  # one by one: a chunk is large, and is held once more only
            picture = self._over(frame.permute(1, 2, 0).contiguous().numpy())
            into.copy_(torch.from_numpy(picture).permute(2, 0, 1))
        return done

    def _over(self, picture: Image) -> Image:
        drawn = self.lines * contours(picture, 0.8, 0.03)[..., None] if self.lines else None
        if self.flat:
            picture = flatten(picture, self.flat, 0.1, 4)
        if self.strokes:
            picture = brushed(picture, self.strokes)
        if self.tones:
            picture = printed(picture, self.tones)
        if self.sheets:
            picture = layered(picture, self.sheets)
        if drawn is not None:
            picture = clip(picture * (1 - drawn))
        return glowing(picture, self.glow) if self.glow else picture


def brushed(picture: Image, length: int) -> Image:
    """This makes dabs of what lies together, draws them out along the forms, and has their ridges catch light."""
    calm = soft_dabs(picture, 2)
    return clip(sharpened(smear(calm, along_forms(calm), length), 2.5, 1.6))


def along_forms(picture: Image) -> Image:
    """The angle along what is left of a picture when its grain is not: along that strokes would run in a maze."""
    return direction(blur(picture, 2.0), 6.0)


def printed(picture: Image, tones: int) -> Image:
    """This prints a picture in a few tones whose borders are a little soft, or they would crackle in a film."""
    bright = np.maximum(luma(picture), DARK)
    scaled = np.minimum(bright * tones, tones - DARK)
    step = np.floor(scaled)
    stepped = (step + between(scaled - step, 0.25, 0.75)) / tones
    return saturate(clip(picture * (stepped / bright)[..., None]), 1.1)


def layered(picture: Image, sheets: int) -> Image:
    """This cuts the picture out of sheets of paper, as fine as scissors can."""
    return clip(stacked(simplify(picture, 5), sheets, 0.25, 2, 1.2))


def glowing(picture: Image, amount: float) -> Image:
    """This adds the light that what is bright throws about itself, near and far."""
    light = np.maximum(picture - 0.6, 0)
    return clip(picture + amount * (0.9 * blur(light, 3.0) + 0.6 * blur(light, 9.0)))
