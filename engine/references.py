"""Pictures that a model is shown, and how strongly: `style.png`, or `style.png:0.6`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.diffusion.stylizer import Reference
from engine.errors import SettingsError
from engine.pictures import read_picture
from engine.weights import HIGHEST


def read_references(texts: Sequence[str]) -> tuple[Reference, ...]:
    """This loads pictures as they are asked for, `style.png` or `style.png:0.6`; the weight is 1 if there is none.

    Raises:
        SettingsError: a weight is out of range, a file holds more than one picture.
        MediaError: a picture is missing or damaged.
    """
    return tuple(Reference(read_picture(file, "reference"), weight) for file, weight in map(_split, texts))


def reference_files(texts: Sequence[str]) -> list[Path]:
    """This gives the pictures' files alone."""
    return [file for file, _ in map(_split, texts)]


def _split(text: str) -> tuple[Path, float]:
    file, colon, number = text.rpartition(":")
    if not colon or Path(text).exists():
        return Path(text), 1.0
    try:
        weight = float(number)
    except ValueError:  # C:\style.png has no weight
        return Path(text), 1.0
    if not 0 <= weight <= HIGHEST:
        raise SettingsError(f"The reference {file} has the weight {number}; it must be between 0 and {HIGHEST:g}.")
    return Path(file), weight
