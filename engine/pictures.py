"""One picture that a person hands in."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from engine.errors import SettingsError
from engine.media import open_reader


def read_picture(file: Path, what: str) -> Tensor:
    """This reads a picture `[3, H, W]`, 0 to 1. what: it is called in messages.

    Raises:
        SettingsError: the file holds more than one.
        MediaError: it is missing or damaged.
    """
    with open_reader(file) as reader:
        if reader.info.frames != 1:
            raise SettingsError(f"The {what} {file} has {reader.info.frames} frames; give one picture.")
        return reader.read(0, 1)[0]
