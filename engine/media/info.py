"""What is known of a source before its first frame is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path


class Transfer(StrEnum):
    """How code values become light. HLG and PQ are tone-mapped to SDR when read."""

    SDR = "sdr"
    HLG = "hlg"
    PQ = "pq"
    LINEAR = "linear"


@dataclass(frozen=True)
class MediaInfo:
    """A source, as its frames will be delivered.

    `width` and `height` are of the upright picture in stored pixels (rotation applied, pixels not made square).
    `times[i]` is when frame i is shown, in seconds, strictly increasing; `end` is when the last one stops.
    `sample_aspect_ratio` is of the upright picture. `timecode` is the first frame's, as `01:00:00:00`, where the file
    has one, and `reel` the tape or card that it counts on. `warnings` are sentences for people.
    """

    path: Path
    width: int
    height: int
    times: tuple[Fraction, ...]
    end: Fraction
    codec: str
    pixel_format: str
    bit_depth: int
    rotation: int
    transfer: Transfer
    matrix: str
    full_range: bool
    alpha: bool
    interlaced: bool
    sample_aspect_ratio: Fraction
    other_streams: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    timecode: str | None = None
    reel: str | None = None

    @property
    def frames(self) -> int:
        """Number of frames that will be delivered."""
        return len(self.times)

    @property
    def rate(self) -> Fraction:
        """Mean frames per second; 0 where the file gives no duration."""
        span = self.end - self.times[0]
        return Fraction(self.frames) / span if span > 0 else Fraction(0)

    @property
    def variable_rate(self) -> bool:
        """Whether frames last differently long, by more than a container's rounding (1.5 ms)."""
        steps = [b - a for a, b in zip(self.times, self.times[1:], strict=False)]
        return bool(steps) and max(steps) - min(steps) > Fraction(3, 1000)
