"""Detail of a steadied shot: what was lost in the mean is given back, what sticks to the screen is not."""

from __future__ import annotations

import torch
from torch import Tensor

from consistency.blur import blur, energy
from consistency.flicker import between

FINE = 1.5
"""Pixels: what a Gaussian of this width takes away is the high band, in which detail lives."""
STRONGEST = 1.6
"""The most that detail is raised to be what it was."""
ALIKE = (0.35, 0.75)
"""How much of what is taken away from a frame is what was taken from those before it, at the same place: up to the
first it is flicker, which is another one in every frame, from the second on a pattern that sticks to the screen."""


class Detail:
    """This sees all frames of one shot in order, and holds what sticks to the screen.

    A pattern that stays where it is while things move beneath it is no detail of theirs, so its energy is not given
    back; it shows as what is taken away at one place time and again, in the mean over so many frames. It is there as
    well where things move apart and nothing could be averaged: once it is known it is taken away there too.
    """

    def __init__(self, taken: Tensor, reach: int) -> None:
        """This begins with what is being taken away from the shot's first frames, their mean `[1, 3, H, W]`.

        reach: of so many frames later means are, once they have come.
        """
        self._stuck = taken - blur(taken, FINE)
        self._reach, self._came = reach, 0

    def put_back(self, steadied: Tensor, before: Tensor) -> Tensor:
        """This raises the high band of `[1, 3, H, W]` to the strength that it had before."""
        low = blur(steadied, FINE)
        high, had = steadied - low, before - blur(before, FINE)
        taken = had - high
        sticks = self._sticks(taken)
        if sticks > 0:
            high += sticks * (taken - self._stuck)
        raised = ((energy(had - self._stuck, 4) + 1e-7) / (energy(high, 4) + 1e-7)).sqrt().clamp(1, STRONGEST)
        self._came = min(self._came + 1, self._reach)
        self._stuck = torch.lerp(self._stuck, taken, 1 / (self._came + 1))
        return low + raised * high

    def _sticks(self, taken: Tensor) -> float:
        """This says whether a pattern sticks to the screen, by what is taken away from this frame: 0 no, 1 yes.

        It says so little by little at first: while the mean is of a few frames it changes with each.
        """
        now, known = taken.flatten(), self._stuck.flatten()
        alike = float(now.dot(known) / (now.dot(now) + 1e-6 * len(now)))
        return between(alike, ALIKE) * self._came / self._reach
