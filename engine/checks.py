"""What the values of settings may be: each is read, or refused in words with what would work."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar

from engine.errors import SettingsError

E = TypeVar("E", bound=StrEnum)
Colour = tuple[float, float, float]
"""Red, green and blue, 0 to 1."""


def check_words(name: str, value: object) -> None:
    """This refuses what is no words."""
    if value is not None and not isinstance(value, str):
        raise SettingsError(f"{name} is {value!r}; it must be words (in a TOML file, in quotes).")


def check_whole(name: str, value: object, low: int, high: int) -> None:
    """This refuses what is no whole number from `low` to `high`."""
    if value is not None and (type(value) is not int or not low <= value <= high):
        raise SettingsError(f"{name} is {value!r}; it must be a whole number between {low} and {high}.")


def check_strength(value: object) -> None:
    """This refuses what is no strength."""
    if value is not None and (type(value) not in (int, float) or not 0 < value <= 1):  # type: ignore[operator]
        raise SettingsError(f"strength is {value!r}; it must be a number above 0 (no change) and at most 1 (all new).")


def check_steady(value: object) -> None:
    """This refuses what is no share."""
    if type(value) not in (int, float) or not 0 <= value <= 1:  # type: ignore[operator]
        raise SettingsError(f"steady is {value!r}; it must be a number from 0 (off) to 1 (all that can be done).")


def read_table(name: str, table: object, example: str) -> Mapping[str, str]:
    """This reads a table of controls and texts."""
    if not isinstance(table, Mapping) or not all(isinstance(text, str) for text in table.values()):
        raise SettingsError(f'{name} is {table!r}; it must be a table of controls and texts, as depth = "{example}".')
    return MappingProxyType(dict(table))


def read_loras(loras: object) -> Mapping[str, float]:
    """This reads a table of LoRAs' files and their weights."""
    if not isinstance(loras, Mapping):
        raise SettingsError(f'loras is {loras!r}; it must be a table of files and weights, as "ink.safetensors" = 0.8.')
    for name, weight in loras.items():
        if type(weight) not in (int, float) or not -4 <= weight <= 4:
            raise SettingsError(f"The weight of the LoRA {name} is {weight!r}; it must be a number between -4 and 4.")
    return MappingProxyType(dict(loras))


def read_texts(name: str, value: object, example: str) -> tuple[str, ...]:
    """This reads a list of words, such as names of pictures."""
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise SettingsError(f'{name} is {value!r}; it must be a list, as ["{example}"].')
    return tuple(value)


def read_mask(value: object) -> str | tuple[str, ...] | None:
    """This reads the name of a mask, or a list of several."""
    if value is None or isinstance(value, str):
        return value
    several = read_texts("mask", value, "0=first.png")
    if not several:
        raise SettingsError("mask is an empty list. Name a mask, or leave it out.")
    return several[0] if len(several) == 1 else several


def read_member(name: str, cls: type[E], value: str) -> E:
    """This reads one of the words of `cls`."""
    try:
        return cls(value)
    except ValueError as error:
        raise SettingsError(f"{name} is {value!r}; it must be one of: {', '.join(cls)}.") from error


def read_colour(value: object) -> Colour | None:
    """This reads a colour as `#rrggbb`; None: it is none."""
    if not isinstance(value, str) or not re.fullmatch("#[0-9a-fA-F]{6}", value):
        return None
    red, green, blue = (int(value[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue


def read_finish(table: object) -> Mapping[str, Any]:
    """This reads how a look's frames are gone over: numbers as `consistency.finish` has them."""
    if not isinstance(table, Mapping):
        raise SettingsError(f"finish is {table!r}; it must be a table, as strokes = 9.")
    for name, value in table.items():
        match name:
            case "flat" | "strokes" | "tones" | "sheets":
                check_whole(f"finish.{name}", value, 0, 64)
            case "calm" | "forms" | "rich" | "lines" | "tubes" | "glow" | "grain":
                if type(value) not in (int, float) or not 0 <= value <= 1:
                    raise SettingsError(f"finish.{name} is {value!r}; it must be a number from 0 (none) to 1 (all).")
            case "thick":
                if type(value) not in (int, float) or not 0.25 <= value <= 4:
                    raise SettingsError(f"finish.thick is {value!r}; it must be a number from 0.25 to 4, 1 as usual.")
            case _:
                there = "calm, forms, flat, strokes, tones, sheets, rich, lines, tubes, thick, glow, grain"
                raise SettingsError(f"finish has no {name!r}. It has: {there}.")
    return MappingProxyType(dict(table))


def read_duotone(value: object) -> tuple[Colour, Colour]:
    """This reads the two colours, the dark one first, between which all others of a look lie."""
    dark, light = map(read_colour, value) if isinstance(value, list | tuple) and len(value) == 2 else (None, None)
    if dark is None or light is None:
        raise SettingsError(f'duotone is {value!r}; it must be a dark and a light colour, as ["#211c24", "#f5e8cc"].')
    # By brightness, as `consistency.palette` prints them; nothing of that is imported here, where all starts.
    if 0.299 * (light[0] - dark[0]) + 0.587 * (light[1] - dark[1]) + 0.114 * (light[2] - dark[2]) < 0.1:
        raise SettingsError(f"duotone is {value!r}; the second colour must be clearly lighter than the first.")
    return dark, light
