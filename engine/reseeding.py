"""Shots that are made with seeds of their own, as `0:42.5=7`: the one that is seen at that moment, with seed 7."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import SettingsError
from engine.media import MediaInfo
from engine.timecode import frame_seen_at, read_time
from engine.windows import Span

LARGEST = 2**63 - 1
DIGITS = 19  # of that


@dataclass(frozen=True)
class Reseed:
    """A seed for the shot that a frame of the clip is in. text: how it was asked for."""

    frame: int
    seed: int
    text: str


def read_reseeds(texts: Sequence[str], info: MediaInfo) -> tuple[Reseed, ...]:
    """This reads seeds as they are asked for, `0:42.5=7`.

    Raises:
        SettingsError: a text says no time, one beyond the clip, or no seed.
    """
    return tuple(_read(text, info) for text in texts)


def _read(text: str, info: MediaInfo) -> Reseed:
    moment, _, seed = text.partition("=")
    time = read_time(moment)
    if time is None or not (seed.isascii() and seed.isdecimal() and len(seed) <= DIGITS) or int(seed) > LARGEST:
        raise SettingsError(
            f"The reseed {text[:60]!r} is not TIME=SEED; say 42.5=7 or 0:42.5=7, the seed a whole number."
        )
    return Reseed(frame_seen_at(time, info, f"The reseed {text!r}"), int(seed), text)


def seeds_of(shots: Sequence[Span], seed: int, asked: Sequence[Reseed]) -> list[int]:
    """This gives each shot's seed: the job's, or the one that is asked for.

    Raises:
        SettingsError: two are asked for one shot.
    """
    own: dict[Span, Reseed] = {}
    for one in asked:
        shot = next(shot for shot in shots if shot.start <= one.frame < shot.stop)
        if shot in own:
            both = f"{own[shot].text} and {one.text}"
            raise SettingsError(f"{both} lie in one shot, frames {shot.start} to {shot.stop - 1}. Leave one out.")
        own[shot] = one
    return [own[shot].seed if shot in own else seed for shot in shots]
