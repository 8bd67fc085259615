"""Whether a result flickers at all: what it changes along the motion against what the source itself does."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

CELL = 16
"""Pixels: what changes alike over so many is broad, the rest is fine."""
UNSEEN = (0.1 / 255) ** 2
"""Mean square of a change of the source that is as good as none."""
BROAD, FINE = (20.0, 40.0), (12.0, 20.0)
"""How many times the source's change energy must be: up to the first it is the motion's own error, from the second on
flicker. On drawn clips the motion's error made up to 19 and 13 of them, flicker 100 and 20 at least."""


def flicker(apart: Tensor, picture: Tensor, missed: Tensor, grey: Tensor, weight: Tensor) -> float:
    """This says whether a frame flickers, pooled over all of it: 0 no, 1 yes.

    apart: `[N, 3, H, W]`, by how much the picture `[1, 3, H, W]` differs from N neighbours that were followed along the
    motion; missed: `[N, 1, H, W]`, the same of the source, `grey` `[1, 1, H, W]`; both without their high band. weight:
    `[N, 1, H, W]`, where the motion is believed. A motion that is a little wrong changes the source as it changes the
    result, each as far as it has contrast; so it takes more than that to call it flicker.
    """
    broad, fine, contrast = _energies(apart, picture, weight)
    source_broad, source_fine, source_contrast = _energies(missed, grey, weight)
    return max(
        between(float(broad / (source_broad + UNSEEN)), BROAD),
        between(float(fine / (source_fine + UNSEEN) * (source_contrast + UNSEEN) / (contrast + UNSEEN)), FINE),
    )


def around(flickering: Sequence[float], middle: int, reach: int) -> float:
    """This says how much steadying a frame needs, 0 to 1: all within half of `reach` frames of flicker, then less.

    So it stays on between the seams of chunks, and is never switched from one frame to the next.
    """
    return max(found * min(1, 2 - 2 * abs(place - middle) / (reach + 1)) for place, found in enumerate(flickering))


def _energies(change: Tensor, picture: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """This gives the mean squares of a change, broad and fine, and of the picture's contrast within cells."""
    counted = cells(weight) + 1e-6
    broad = (cells(weight * change).square() / counted).mean(dim=1).sum()
    every = cells(weight * change.square().mean(dim=1, keepdim=True)).sum()
    contrast = cells(picture.square().mean(dim=1, keepdim=True)).mean() - cells(picture).square().mean()
    return broad / counted.sum(), (every - broad).clamp(min=0) / counted.sum(), contrast.clamp(min=0)


def cells(values: Tensor, side: int = CELL) -> Tensor:
    """This averages `[N, C, H, W]` over squares of `side` pixels."""
    side = min(side, *values.shape[-2:])
    return F.avg_pool2d(values, side, ceil_mode=True, count_include_pad=False)


def between(ratio: float, ends: tuple[float, float]) -> float:
    """This rises evenly from 0 at the first end to 1 at the second."""
    share = min(max((ratio - ends[0]) / (ends[1] - ends[0]), 0.0), 1.0)
    return share * share * (3 - 2 * share)
