"""How light has changed from one frame to another, apart from what has moved."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from consistency.blur import blur
from consistency.warp import warped
from engine.ways import resized

COARSE = 4
"""Pixels that are worked on: of so many a side one says how the light has changed."""
BROAD = 3.0
"""Of those: over how many to each side light is taken to change alike."""
FAINT = 0.01
"""Difference in colour, 0 to 1, that says nothing."""


def lighter(now: Tensor, then: Tensor, way: Tensor, trust: Tensor, broad: float = BROAD) -> Tensor:
    """This says what a frame is lighter by than another where its way ends, over many pixels that can be trusted.

    What differs by more than most around, as borders do that slipped, is no light: it counts less. broad: over how many
    coarse pixels to each side light is taken to change alike; what is hidden is told from light if it is smaller.
    """
    change = now - warped(then, way)
    apart = (change - resized(_around(change, trust, broad), now.shape[-2:])).square().mean(dim=1, keepdim=True)
    usual = resized(_around(apart, trust, broad), now.shape[-2:]) + FAINT**2
    return _around(change, trust * torch.exp(-apart / (2 * usual)), broad)


def _around(maps: Tensor, trust: Tensor, broad: float) -> Tensor:
    """This takes the coarse mean of maps `[1, C, h, w]`, each pixel counting as far as it is trusted."""
    height, width = (-(-side // COARSE) for side in maps.shape[-2:])
    known = blur(F.adaptive_avg_pool2d(torch.cat([maps * trust, trust], dim=1), (height, width)), broad)
    return known[:, :-1] / known[:, -1:].clamp(min=1e-3)
