"""How closely a control is followed, and when: `0.8`, or `0.8@0-0.6` for the first six tenths of the steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from engine.errors import SettingsError

HIGHEST = 2.0


@dataclass(frozen=True, order=True)
class Stretch:
    """A part of a model's steps, from `start` to `stop` as shares of all (0 to 1), and the weight there, 0 to 2."""

    start: float = 0.0
    stop: float = 1.0
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not _is_number(self.weight) or not 0 <= self.weight <= HIGHEST:
            raise SettingsError(f"is {self.weight!r}; it must be a number between 0 and {HIGHEST:g}.")
        if not (_is_number(self.start) and _is_number(self.stop) and 0 <= self.start < self.stop <= 1):
            raise SettingsError(
                f"holds from {self.start!r} to {self.stop!r}; both are shares of the steps, as 0.5@0-0.6 for the first "
                "six tenths."
            )

    @classmethod
    def read(cls, text: str) -> Self:
        """This reads `0.8` or `0.8@0-0.6`."""
        weight, at, span = text.partition("@")
        start, _, stop = span.partition("-") if at else ("0", "-", "1")
        try:
            return cls(float(start), float(stop), float(weight))
        except ValueError as error:
            raise SettingsError(f"is {text!r}; say 0.8, or 0.8@0-0.6 for the first six tenths of the steps.") from error

    def __str__(self) -> str:
        always = (self.start, self.stop) == (0, 1)
        return f"{self.weight:g}" if always else f"{self.weight:g}@{self.start:g}-{self.stop:g}"


@dataclass(frozen=True)
class Weight:
    """A control's weight over a model's steps: its stretches, which do not overlap; between them it is 0."""

    stretches: tuple[Stretch, ...]

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.stretches))
        for before, after in pairwise(ordered):
            if after.start < before.stop:
                raise SettingsError(f"is given twice for the same steps: {before} and {after}.")
        object.__setattr__(self, "stretches", ordered)

    @classmethod
    def of(cls, value: Weighted) -> Weight:
        """This makes a weight of a number, a text, a list of both, or a weight.

        Raises:
            SettingsError: it is none; the message begins with "is", its subject is the caller's.
        """
        if isinstance(value, Weight):
            return value
        parts = [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
        return cls(tuple(Stretch.read(one) if isinstance(one, str) else Stretch(weight=one) for one in parts))

    def over(self, steps: int) -> tuple[float, ...]:
        """This gives the weight at each of `steps` steps; a step belongs to the stretch that holds its middle.

        So stretches that meet share no step and leave none out.
        """
        middles = [(step + 0.5) / steps for step in range(steps)]
        return tuple(sum(part.weight for part in self.stretches if part.start <= at < part.stop) for at in middles)

    def lost(self, steps: int) -> Stretch | None:
        """This gives a stretch that is so short that none of `steps` steps belongs to it, if there is one."""
        return next((part for part in self.stretches if part.weight and not any(Weight((part,)).over(steps))), None)

    def __bool__(self) -> bool:
        return any(part.weight for part in self.stretches)

    def plain(self) -> float | str | list[str]:
        """This gives what `of` reads, ready for TOML or JSON: a number where the weight is always the same."""
        texts = [str(part) for part in self.stretches]
        if len(texts) != 1:
            return texts
        return texts[0] if "@" in texts[0] else self.stretches[0].weight


Weighted = Weight | float | str | Iterable[float | str]
"""What can be said for a weight: `0.8`, `"0.8@0-0.6"`, or a list of such."""


def read_weights(controls: object) -> Mapping[str, Weight]:
    """This reads a table of controls and their weights, as it stands in a settings file."""
    if not isinstance(controls, Mapping):
        raise SettingsError(f"controls is {controls!r}; it must be a table of names and weights, as edges = 0.8.")
    return {name: _named(name, value) for name, value in controls.items()}


def _named(name: str, value: Weighted) -> Weight:
    try:
        return Weight.of(value)
    except SettingsError as error:
        raise SettingsError(f"The weight of control {name} {error}") from error


def _is_number(value: object) -> bool:
    return type(value) in (int, float)
