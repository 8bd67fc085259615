"""The colours of a picture, given to a whole job by one change."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from consistency.palette import Palette
from engine.errors import SettingsError
from engine.media import open_reader

CELLS = 64  # a side, over which colours are averaged: a palette is of things, not of their grain


def palette_of(picture: str | None) -> Palette | None:
    """This reads the palette of a picture.

    Raises:
        SettingsError: it is more than one picture.
        MediaError: it is missing or damaged.
    """
    if picture is None:
        return None
    with open_reader(picture) as reader:
        if reader.info.frames != 1:
            raise SettingsError(f"The palette {picture} has {reader.info.frames} frames; give one picture.")
        return Palette.of([cells(reader.read(0, 1))])


def cells(frames: Tensor) -> Tensor:
    """This averages frames `[T, 3, H, W]` over cells."""
    return F.adaptive_avg_pool2d(frames, CELLS)
