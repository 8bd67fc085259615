"""The colours of a picture, given to a whole job by one change."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor
from torch.nn import functional as F

from consistency.palette import Palette
from engine.pictures import read_picture

CELLS = 64  # a side, over which colours are averaged: a palette is of things, not of their grain


def palette_of(picture: str | None) -> Palette | None:
    """This reads the palette of a picture.

    Raises:
        SettingsError: it is more than one picture.
        MediaError: it is missing or damaged.
    """
    if picture is None:
        return None
    return Palette.of([cells(read_picture(Path(picture), "palette")[None])])


def cells(frames: Tensor) -> Tensor:
    """This averages frames `[T, 3, H, W]` over cells."""
    return F.adaptive_avg_pool2d(frames, CELLS)
