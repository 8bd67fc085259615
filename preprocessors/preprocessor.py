"""What every control signal promises."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, Self

from torch import Tensor


class Preprocessor(Protocol):
    """What draws a control map from frames `[T, 3, H, W]`, 0 to 1: same T, H, W, 1 or 3 channels, 0 to 1.

    The same frames give the same map, whatever stands beside them in a window (but see `lookbehind`).
    """

    @property
    def name(self) -> str:
        """What settings and models call this control."""
        ...

    @property
    def key(self) -> str:
        """What decides its maps besides the frames: settings and weights. Equal keys draw equal maps."""
        ...

    @property
    def lookbehind(self) -> int:
        """How many frames before one its map depends on. Hand them in with a window and drop their maps."""
        ...

    def fit(self, frames: Iterable[Tensor]) -> Self:
        """This gives the preprocessor normalised over one shot, whose windows `[T, 3, H, W]` come one by one.

        Normalising frame by frame would flicker. Those with nothing to normalise give themselves.
        """
        ...

    def __call__(self, frames: Tensor, number: int = 0) -> Tensor:
        """This draws the control map `[T, C, H, W]`; the first frame is the shot's frame `number`."""
        ...
