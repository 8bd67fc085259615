"""Frames that are in memory already, read like a clip."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from engine.errors import SettingsError
from engine.media.info import MediaInfo, Transfer


class TensorReader:
    """This reads frames `[T, 3, H, W]`, float, RGB, 0 to 1, shown at `rate` a second. `Reader` says what it promises.

    Raises:
        SettingsError: the tensor is not that, or none; the rate is not above 0.
    """

    def __init__(self, frames: Tensor, rate: Fraction) -> None:
        _check(frames)
        if rate <= 0:
            raise SettingsError(f"The rate is {rate}; it must be above 0 frames a second.")
        self._frames = frames
        count, _, height, width = frames.shape
        self.info = MediaInfo(
            path=Path("frames"),
            width=width,
            height=height,
            times=tuple(i / rate for i in range(count)),
            end=count / rate,
            codec="none",
            pixel_format="float32",
            bit_depth=32,
            rotation=0,
            transfer=Transfer.SDR,
            matrix="rgb",
            full_range=True,
            alpha=False,
            interlaced=False,
            sample_aspect_ratio=Fraction(1),
            other_streams=(),
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """Nothing can be wrong with them."""
        return ()

    def read(self, start: int, stop: int) -> Tensor:
        """This gives frames `start` to `stop` (not included)."""
        return self._frames[start:stop].float()

    def read_alpha(self, start: int, stop: int) -> Tensor:
        """This is refused: such frames have no opacity."""
        raise ValueError("frames in memory have no opacity")

    def close(self) -> None:
        """This has nothing to close."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to close."""


def _check(frames: object) -> None:
    if not isinstance(frames, Tensor):
        raise SettingsError(
            f"Frames must be a float tensor [T, 3, H, W], not {type(frames).__name__}. An array of NumPy becomes one "
            "by torch.from_numpy."
        )
    shape = list(frames.shape)
    if frames.ndim != 4 or frames.shape[1] != 3 or 0 in shape or not frames.is_floating_point():
        raise SettingsError(f"Frames must be a float tensor [T, 3, H, W], not {frames.dtype} {shape}.")
    low, high = (float(value) for value in torch.aminmax(frames))
    if not (low >= 0 and high <= 1):  # also where they are not numbers
        raise SettingsError(f"Frames must lie between 0 and 1; these go from {low:g} to {high:g}.")
