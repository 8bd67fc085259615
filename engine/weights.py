"""How closely a control is followed, and when: `0.8`, `0.8@0-0.6` for the first six tenths of a model's steps, or
`0.8@0:05-0:12.5` from the fifth second of the clip on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from engine.errors import SettingsError
from engine.timecode import WRITTEN, check_within, read_time, seen_at

if TYPE_CHECKING:  # the command line reads weights, too, and answers at once
    from engine.media import MediaInfo

HIGHEST = 2.0
HOW = "0.8, 0.8@0-0.6 for the first six tenths of the steps, or 0.8@0:05-0:12.5 for a time in the clip"


@dataclass(frozen=True, order=True)
class Stretch:
    """A part of a model's steps, from `start` to `stop` as shares of all (0 to 1), and the weight there, 0 to 2."""

    start: float = 0.0
    stop: float = 1.0
    weight: float = 1.0

    def __post_init__(self) -> None:
        _check(self.weight)
        if not (_is_number(self.start) and _is_number(self.stop) and 0 <= self.start < self.stop <= 1):
            raise SettingsError(
                f"holds from {self.start!r} to {self.stop!r}; both are shares of the steps, as 0.5@0-0.6 for the first "
                "six tenths."
            )

    def __str__(self) -> str:
        always = (self.start, self.stop) == (0, 1)
        return f"{self.weight:g}" if always else f"{self.weight:g}@{self.start:g}-{self.stop:g}"


@dataclass(frozen=True, order=True)
class Passage:
    """A part of a clip, from `start` to before `stop`, seconds from its first frame, and the weight there, 0 to 2."""

    start: Fraction
    stop: Fraction
    weight: float

    def __post_init__(self) -> None:
        _check(self.weight)
        if not self.start < self.stop:
            times = f"{_clock(self.start)} to {_clock(self.stop)}"
            raise SettingsError(f"holds from {times}; it must end after it begins, as 0.5@0:05-0:12.5.")

    def __contains__(self, time: Fraction) -> bool:
        return self.start - WRITTEN <= time < self.stop - WRITTEN

    def __str__(self) -> str:
        return f"{self.weight:g}@{_clock(self.start)}-{_clock(self.stop)}"


def read_part(text: str) -> Stretch | Passage:
    """This reads `0.8`, `0.8@0-0.6` or `0.8@0:05-0:12.5`: what holds a colon is a time."""
    weight, at, span = text.partition("@")
    start, _, stop = span.partition("-") if at else ("0", "-", "1")
    try:
        if ":" not in span:
            return Stretch(float(start), float(stop), float(weight))
        begins, ends = read_time(start), read_time(stop)
        if begins is not None and ends is not None:
            return Passage(begins, ends, float(weight))
    except ValueError as error:
        raise SettingsError(f"is {text!r}; say {HOW}.") from error
    raise SettingsError(f"is {text!r}; say {HOW}.")


@dataclass(frozen=True)
class Weight:
    """A control's weight over a model's steps: its stretches, which do not overlap; between them it is 0.

    In the clip's passages, which do not overlap either, theirs holds instead, at all steps.
    """

    stretches: tuple[Stretch, ...]
    passages: tuple[Passage, ...] = ()

    def __post_init__(self) -> None:
        stretches, passages = tuple(sorted(self.stretches)), tuple(sorted(self.passages))
        for before, after in pairwise(stretches):
            if after.start < before.stop:
                raise SettingsError(f"is given twice for the same steps: {before} and {after}.")
        for one, other in pairwise(passages):
            if other.start < one.stop:
                raise SettingsError(f"is given twice for the same time: {one} and {other}.")
        object.__setattr__(self, "stretches", stretches)
        object.__setattr__(self, "passages", passages)

    @classmethod
    def of(cls, value: Weighted) -> Weight:
        """This makes a weight of a number, a text, a list of both, or a weight.

        Raises:
            SettingsError: it is none; the message begins with "is", its subject is the caller's.
        """
        if isinstance(value, Weight):
            return value
        parts = [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
        read = [read_part(one) if isinstance(one, str) else Stretch(weight=one) for one in parts]
        stretches = tuple(part for part in read if isinstance(part, Stretch))
        return cls(stretches, tuple(part for part in read if isinstance(part, Passage)))

    def over(self, steps: int) -> tuple[float, ...]:
        """This gives the weight at each of `steps` steps outside of all passages.

        A step belongs to the stretch that holds its middle. So stretches that meet share no step and leave none out.
        """
        middles = [(step + 0.5) / steps for step in range(steps)]
        return tuple(sum(part.weight for part in self.stretches if part.start <= at < part.stop) for at in middles)

    def along(self, times: Sequence[Fraction], steps: int) -> tuple[tuple[float, ...], ...]:
        """This gives for each of `steps` steps the weight at each of `times`, seconds from the clip's first frame."""
        own = [next((part.weight for part in self.passages if time in part), None) for time in times]
        return tuple(tuple(always if one is None else one for one in own) for always in self.over(steps))

    def lost(self, steps: int) -> Stretch | None:
        """This gives a stretch that is so short that none of `steps` steps belongs to it, if there is one."""
        return next((part for part in self.stretches if part.weight and not any(Weight((part,)).over(steps))), None)

    def __bool__(self) -> bool:
        return any(part.weight for part in self.stretches) or any(part.weight for part in self.passages)

    def plain(self) -> float | str | list[str]:
        """This gives what `of` reads, ready for TOML or JSON: a number where the weight is always the same."""
        texts = [str(part) for part in (*self.stretches, *self.passages)]
        if len(texts) != 1:
            return texts
        return texts[0] if "@" in texts[0] else self.stretches[0].weight


Weighted = Weight | float | str | Iterable[float | str]
"""What can be said for a weight: `0.8`, `"0.8@0-0.6"`, `"0.8@0:05-0:12.5"`, or a list of such."""


def read_weights(controls: object) -> Mapping[str, Weight]:
    """This reads a table of controls and their weights, as it stands in a settings file."""
    if not isinstance(controls, Mapping):
        raise SettingsError(f"controls is {controls!r}; it must be a table of names and weights, as edges = 0.8.")
    return {name: _named(name, value) for name, value in controls.items()}


def check_times(controls: Mapping[str, Weighted], info: MediaInfo) -> None:
    """This refuses weights for times that the clip does not have, or in which no frame begins to be seen."""
    times = seen_at(info)
    for name, weight in read_weights(controls).items():
        for passage in weight.passages:
            for end in (passage.start, passage.stop):
                check_within(end, info, f"The control {name} at {passage}")
            if not any(time in passage for time in times):
                raise SettingsError(f"The control {name} at {passage} does nothing: no frame begins there. Widen it.")


def _named(name: str, value: Weighted) -> Weight:
    try:
        return Weight.of(value)
    except SettingsError as error:
        raise SettingsError(f"The weight of control {name} {error}") from error


def _check(weight: object) -> None:
    if not _is_number(weight) or not 0 <= weight <= HIGHEST:  # type: ignore[operator]
        raise SettingsError(f"is {weight!r}; it must be a number between 0 and {HIGHEST:g}.")


def _clock(time: Fraction) -> str:
    """This writes a time as `read_time` reads it, with a colon: `0:05`, `70:12.5`."""
    minutes, seconds = divmod(time, 60)
    return f"{minutes}:{float(seconds):012.9f}".rstrip("0").rstrip(".")


def _is_number(value: object) -> bool:
    return type(value) in (int, float)
