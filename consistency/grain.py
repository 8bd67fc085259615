"""Grain of pigment that sticks to what moves, as paint does to what is painted.

Of every pixel it is known where in a sheet of paper it lies. That moves on along the flow, and would be torn and
stretched in time, so there are two such maps: each begins anew where all lies as in the picture, in turns, when it does
not count at all (textures that flow, Neyret 2003; for watercolour in films, Bousseau et al. 2007).
"""

from __future__ import annotations

from functools import lru_cache
from math import pi

import torch
from torch import Tensor
from torch.nn import functional as F

from consistency.occlusion import round_trip
from consistency.warp import warp, warped

SHEET = 512  # pixels a side of the paper, whose opposite edges meet; twice the shorter side of large pictures
GRAINS = ((1 / 24, 1.0), (1 / 55, 0.8), (1 / 110, 0.4))
"""Sizes of grains, of a picture's shorter side, and how strong they are."""
ALIKE = 1 / 100  # of the shorter side: so far apart the sheet is hardly alike, measured
FINEST = 1.0  # pixels that grain is blurred by at least: what is finer does not move evenly
PERIOD = 24  # frames after which a map begins anew
HOME = 0.5  # of a round trip: what comes home worse was hidden


class Grain:
    """The grain of one shot, frame by frame, at one size."""

    def __init__(self, size: tuple[int, int], device: torch.device | str = "cpu") -> None:
        self._side = min(size)
        self._paper = _paper(self._side).to(device)
        self._sheet = self._paper.shape[-1] - 1
        self._offsets = torch.zeros(2, 2, *size, device=device)
        self._frame = -1

    def add(self, flows: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """This gives the next frame's grain `[1, 1, H, W]`, of mean 0 and deviation 1; less where much is stretched.

        flows: `[2, H, W]` each, pixels, to the frame before it and from there back; None for the first.
        """
        self._frame += 1
        if flows:
            there, back = (flow[None] for flow in flows)
            flow = there.expand(2, -1, -1, -1)
            moved = warped(self._offsets, flow) + flow
            kept = ((round_trip(there, back) > HOME) | (warp(there, there)[1] == 0)) & moved.isfinite()
            self._offsets = torch.where(kept, moved, 0)  # what comes out from behind others is new
        weights = []
        for layer in range(2):
            phase = (self._frame + layer * PERIOD // 2) % PERIOD
            weights.append(1 - abs(2 * phase / PERIOD - 1))
            if phase == 0:
                self._offsets[layer] = 0
        mean = sum(weight * self._seen(layer) for layer, weight in enumerate(weights) if weight)
        # Where both lie alike their mean is as strong as either, elsewhere weaker.
        apart = (self._offsets[0] - self._offsets[1]).square().sum(dim=0)
        same = torch.exp(-apart / (2 * (self._side * ALIKE) ** 2))
        strength = weights[0] ** 2 + weights[1] ** 2 + 2 * weights[0] * weights[1] * same
        return mean / strength.sqrt()

    def _seen(self, layer: int) -> Tensor:
        """The paper where a map says that each pixel lies."""
        height, width = self._offsets.shape[-2:]
        x = (torch.arange(width).to(self._offsets) + self._offsets[layer, 0]) % self._sheet
        y = (torch.arange(height).to(self._offsets)[:, None] + self._offsets[layer, 1]) % self._sheet
        side = self._sheet + 1  # the first row and column stand at the end, too
        places = torch.stack([(2 * x + 1) / side - 1, (2 * y + 1) / side - 1], dim=-1)[None]
        seen = F.grid_sample(self._paper, places, padding_mode="border", align_corners=False)
        return seen / (1 + _stretch(self._offsets[layer]) ** 4)  # or around whatever moves there would be streaks


def _stretch(offsets: Tensor) -> Tensor:
    """How far each pixel's neighbours, `[H, W]` of `[2, H, W]`, have moved apart."""
    right, below = F.pad(offsets.diff(dim=-1), (0, 1)), F.pad(offsets.diff(dim=-2), (0, 0, 0, 1))
    return (right.square() + below.square()).sum(dim=0).sqrt()


def settled(frames: Tensor, grain: Tensor, amount: float) -> Tensor:
    """This lets the paint of frames `[T, 3, H, W]` be thicker and thinner by `amount`, where the grain is by 1.

    White paper and black stay as they are.
    """
    return frames.clamp(0, 1) ** (1 + amount * grain).clamp(min=0.2)


@lru_cache(maxsize=1)
def _paper(side: int) -> Tensor:
    """The sheet, `[1, 1, S + 1, S + 1]`, the same each time, for pictures whose shorter side is `side`."""
    sheet = max(SHEET, 2 * side)
    white = torch.randn(sheet, sheet, generator=torch.Generator().manual_seed(0))
    waves = torch.fft.fft2(white)
    step = 2 * pi * torch.fft.fftfreq(sheet)
    square = step[:, None].square() + step.square()
    grain = torch.zeros_like(white)
    for share, strength in GRAINS:
        soft = torch.fft.ifft2(waves * torch.exp(-square * max(share * side / 4, FINEST) ** 2 / 2)).real
        grain += strength * soft / soft.std()
    return F.pad((grain / grain.std())[None, None], (0, 1, 0, 1), mode="circular")
