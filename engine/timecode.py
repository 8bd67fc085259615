"""A moment of a clip, as people write it: `12.5`, `0:12.5`, `1:02:03`."""

from __future__ import annotations

import re
from bisect import bisect_right
from fractions import Fraction
from typing import TYPE_CHECKING

from engine.errors import SettingsError

if TYPE_CHECKING:  # the command line reads moments, too, and answers at once
    from engine.media import MediaInfo

SHAPE = re.compile(r"(?:(?:(\d{1,9}):)?(\d{1,9}):)?(\d{1,9}(?:\.\d{1,9})?)")
WRITTEN = Fraction(1, 2000)
"""Seconds: times are written to a thousandth, so that of a frame may be read as so much before it."""


def read_time(text: str) -> Fraction | None:
    """This reads seconds from `12.5`, `0:12.5` or `1:02:03`; None if the text is no time."""
    if (parts := SHAPE.fullmatch(text)) is None:
        return None
    hours, minutes, seconds = parts.groups()
    return Fraction(seconds) + 60 * int(minutes or 0) + 3600 * int(hours or 0)


def seen_at(info: MediaInfo, start: int = 0, stop: int | None = None) -> tuple[Fraction, ...]:
    """This says when frames from `start` to before `stop` (the last, if None) are seen, in seconds from the first."""
    return tuple(time - info.times[0] for time in info.times[start:stop])


def frame_at(time: Fraction, info: MediaInfo, asked: str) -> int:
    """This finds the frame nearest to a time, in seconds from the first frame. asked: what wants it, in words.

    Raises:
        SettingsError: it lies beyond the clip's end.
    """
    check_within(time, info, asked)
    return min(range(info.frames), key=lambda number: abs(info.times[number] - info.times[0] - time))


def frame_seen_at(time: Fraction, info: MediaInfo, asked: str) -> int:
    """This finds the frame that is seen at a time, in seconds from the first frame. asked: what wants it, in words.

    Raises:
        SettingsError: it lies beyond the clip's end.
    """
    check_within(time, info, asked)
    return bisect_right(info.times, info.times[0] + time + WRITTEN) - 1


def check_within(time: Fraction, info: MediaInfo, asked: str) -> None:
    """This refuses a time beyond the clip's end, in seconds from the first frame. asked: what wants it, in words."""
    if info.times[0] + time > info.end:
        long = float(info.end - info.times[0])
        raise SettingsError(f"{asked} lies beyond the end of {info.path}, which lasts {long:.2f} seconds.")
