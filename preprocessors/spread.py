"""How the values of a whole shot are spread, counted in passing."""

from __future__ import annotations

import torch
from torch import Tensor

LEVELS = 4096


class Spread:
    """Counts of values between 0 and `top` in 4096 levels.

    Counts are whole numbers: however a shot is cut into windows, their sum is the same to the last bit.
    """

    def __init__(self, top: float) -> None:
        self.top = top
        self.counts = torch.zeros(LEVELS, dtype=torch.long)

    @property
    def total(self) -> int:
        """How many values were counted."""
        return int(self.counts.sum())

    def add(self, values: Tensor) -> None:
        """This counts values of any shape; what lies outside counts as the nearest end."""
        levels = (values.flatten() * (LEVELS / self.top)).long().clamp(0, LEVELS - 1)
        self.counts += torch.bincount(levels.cpu(), minlength=LEVELS)

    def below(self, share: float) -> float:
        """This gives the value that a share (0 to 1) of those counted do not exceed, to a level."""
        reached = self.counts.cumsum(0) >= share * self.total
        return (int(reached.int().argmax()) + 0.5) * self.top / LEVELS
