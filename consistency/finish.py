"""Go over what a small model has painted: it ends where the source's forms do, is calm where nothing is, has lines."""

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
    guided,
    luma,
    saturate,
    sharpened,
    simplify,
    smear,
    soft_dabs,
    stacked,
)

DARK = 1e-3  # brightness below which nothing is divided by it
FAINT = 0.02  # the same of its square, where a colour is to be told
EVEN, UNEVEN = 0.008, 0.03  # deviation of brightness: up to the one a surface shows nothing, from the other on it does
NEAR, AROUND = 3.0, 5.0  # pixels that this is told over, and that what was painted there is blurred by
WIDE = 1 / 170  # of the picture's shorter side: lines and tubes
CLEAR = 0.025  # by how much brightness changes where they are all there
SHADOW = 1 / 75  # of the picture's shorter side, that of a sheet of paper


@dataclass(frozen=True)
class Finish:
    """How a model's frames are gone over, each by itself, in this order and at the size that it works at.

    calm: how far what was painted where the source shows nothing (a black stage, a white wall) is evened out, as
    the model hatches it; 1 is all of it. forms: how far what was painted ends where the forms of the source do, as it
    runs over them and loses what is small; 1 is exactly. flat: how often surfaces are smoothed between their contours.
    strokes: length of those that a brush leaves along the forms. tones: how many steps from black to white surfaces
    are printed in. sheets: of how many sheets of paper, one upon the other, the picture is cut out. rich: by what
    share colours become richer. lines: how black the source's contours are drawn, 0 to 1. tubes: how bright they
    shine, in the colours painted there. thick: times as wide as usual lines and tubes are. glow: how far what is bright
    shines, 1 as a lamp. Of each but `thick`, 0 is none.
    grain: how much thicker and thinner paint is where it settles in the paper; it moves with the picture, so it is laid
    over the finished shot, as `consistency.grain` does, and not here.
    """

    calm: float = 0.0
    forms: float = 0.0
    flat: int = 0
    strokes: int = 0
    tones: int = 0
    sheets: int = 0
    rich: float = 0.0
    lines: float = 0.0
    tubes: float = 0.0
    thick: float = 1.0
    glow: float = 0.0
    grain: float = 0.0

    def __call__(self, frames: Tensor, source: Tensor) -> Tensor:
        """This goes over frames `[T, 3, H, W]` that were made of those of the source, both 0 to 1."""
        done = torch.empty_like(frames)
        for frame, given, into in zip(frames, source, done, strict=True):  # one by one: a chunk is held once more only
            into.copy_(_tensor(self._over(_image(frame), _image(given))))
        return done

    def _over(self, picture: Image, source: Image) -> Image:
        if self.calm:
            picture = calmed(picture, source, self.calm)
        painted = picture
        if self.forms or self.lines or self.tubes:
            plain = flatten(source, 2, 0.16, 3)
        if self.forms:
            picture = clip(picture + self.forms * (guided(picture, plain) - picture))
        if self.flat:
            picture = flatten(picture, self.flat, 0.1, 4)
        if self.strokes:
            picture = brushed(picture, self.strokes)
        if self.tones:
            picture = printed(picture, self.tones)
        if self.sheets:
            picture = layered(picture, self.sheets)
        if self.rich:
            picture = saturate(picture, 1 + self.rich)
        if self.lines:
            picture = clip(picture * (1 - self.lines * drawn(plain, self.thick)[..., None]))
        if self.tubes:
            picture = clip(picture + self.tubes * bent(painted, plain, self.thick))
        return glowing(picture, self.glow) if self.glow else picture


def _image(frame: Tensor) -> Image:
    picture: Image = frame.permute(1, 2, 0).contiguous().numpy()
    return picture


def _tensor(picture: Image) -> Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)


def calmed(picture: Image, source: Image, amount: float) -> Image:
    """This evens a picture out where its source is even; what lies beside such a surface does not run into it."""
    grey = luma(source)
    mean = blur(grey, NEAR)
    spread = np.sqrt(np.maximum(blur(grey * grey, NEAR) - mean * mean, 0))
    even = 1 - between(spread, EVEN, UNEVEN)[..., None]
    plain = blur(picture * even, AROUND) / np.maximum(blur(even[..., 0], AROUND)[..., None], DARK)
    return clip(picture + amount * even * (plain - picture))


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
    reach = max(2, round(SHADOW * min(picture.shape[:2])))
    return clip(stacked(simplify(picture, 3), sheets, 0.25, reach, 1.2))


def drawn(forms: Image, thick: float = 1.0) -> Image:
    """These are lines `[H, W]` on the dark side of contours, 0 to 1, as wide as fits the picture, times `thick`."""
    return contours(forms, thick * WIDE * min(forms.shape[:2]), CLEAR)


def bent(painted: Image, forms: Image, thick: float = 1.0) -> Image:
    """These are lamps along the contours of forms, brightest on their dark side, in the pure colours painted there."""
    lamps = np.maximum(drawn(forms, thick), drawn(1 - forms, thick) / 2)
    colours = blur(painted * painted, NEAR)
    pure = np.sqrt(colours / np.maximum(colours.max(axis=2, keepdims=True), FAINT))
    return np.asarray(lamps[..., None] * pure, np.float32)


def glowing(picture: Image, amount: float) -> Image:
    """This adds the light that what is bright throws about itself, near and far."""
    light = np.maximum(picture - 0.6, 0)
    return clip(picture + amount * (0.9 * blur(light, 3.0) + 0.6 * blur(light, 9.0)))
