"""The way back to a frame from those around it, along the source's motion."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from consistency.occlusion import round_trip
from consistency.warp import warp
from engine.motion import Motion

EDGE = 8
"""Pixels beyond the picture's edge after which half of a change is left."""

ReadSource = Callable[[int], Tensor]
"""The source's frame of a number, `[3, H, W]`."""


class Trace:
    """The way back to frame `start`, from one frame to the next in one direction.

    What a picture of that frame says is looked up along it in one step, from wherever a pixel was, so it stays sharp.
    source: gives frames of the size that motion is known at. first, here: those at its start, and where it has come to.
    """

    def __init__(self, start: int, motion: Motion, source: ReadSource) -> None:
        self.start = start
        self._motion, self._source = motion, source
        self.first = source(start)
        self.turn()

    def turn(self) -> None:
        """This goes back to where it began, to leave in the other direction."""
        self._at, self.here = self.start, self.first
        self._way = self.first.new_zeros(1, 2, *self.first.shape[-2:])
        self._trust = self.first.new_ones(1, 1, *self.first.shape[-2:])

    def step(self, number: int) -> tuple[Tensor, Tensor]:
        """This goes on to the next frame, and gives its way back and how far that can be trusted.

        A flow `[1, 2, H, W]`, pixels, and `[1, 1, H, W]`: 1 as far as going there and back comes home at every step.
        """
        here = self._source(number)
        earlier, later = (self.here, here) if number > self._at else (here, self.here)
        flows = self._motion(max(number, self._at), earlier, later)
        there, back = (flow[None] for flow in (flows if number > self._at else reversed(flows)))
        further, inside = warp(torch.cat([self._way, self._trust], dim=1), there)
        self._way = there + further[:, :2]
        self._trust = further[:, 2:] * torch.where(inside == 1, round_trip(there, back), _beyond(there))
        self._at, self.here = number, here
        return self._way, self._trust


def _beyond(flow: Tensor) -> Tensor:
    """This says how far a change may be continued beyond the picture's edge, `[1, 1, H, W]`: less with each pixel."""
    height, width = flow.shape[-2:]
    x, y = flow[:, :1] + torch.arange(width), flow[:, 1:] + torch.arange(height)[:, None]
    out = (-x).relu() + (x - (width - 1)).relu() + (-y).relu() + (y - (height - 1)).relu()
    return torch.exp2(-out / EDGE)
