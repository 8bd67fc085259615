"""OpenEXR files: their channels by name, in the frame that they were rendered for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import MediaError

COMPOSITE = "Composite.Combined"
"""Of Blender's layers the picture as its compositor left it: where it is there, it is the picture that is meant."""


def exr_size(path: Path) -> tuple[int, int]:
    """This gives width and height of the whole frame from the file's header.

    Raises:
        MediaError: the file is missing or no EXR.
    """
    low, high = _parts(path, header_only=True)[0].header["displayWindow"]
    return int(high[0] - low[0]) + 1, int(high[1] - low[1]) + 1


def exr_names(path: Path) -> tuple[str, ...]:
    """This lists the names of a file's channels, of all its parts, from the header. Errors as of `exr_size`."""
    return tuple(channel.name for part in _parts(path, header_only=True) for channel in part.header["channels"])


def exr_attributes(path: Path) -> dict[str, Any]:
    """This reads what the headers of a file's parts say beside its channels, by name. Errors as of `exr_size`."""
    return {name: value for part in _parts(path, header_only=True) for name, value in part.header.items()}


def exr_channels(path: Path) -> dict[str, NDArray[Any]]:
    """This reads all channels of a file, `[H, W]` each, as they are stored; what lies outside of the frame is cut.

    Raises:
        MediaError: the file is missing or damaged, in one channel even.
    """
    promised = exr_names(path)
    channels = {
        name: _in_display_window(channel.pixels, part.header)
        for part in _parts(path, header_only=False)
        for name, channel in part.channels.items()
    }
    if lost := sorted(set(promised) - set(channels)):  # the library leaves out what it cannot read
        raise MediaError(f"{path} is damaged: {lost[0]} cannot be read.")
    return channels


def _parts(path: Path, header_only: bool) -> list[Any]:
    import OpenEXR

    try:
        parts: list[Any] = OpenEXR.File(str(path), separate_channels=True, header_only=header_only).parts
    except RuntimeError as error:
        raise unreadable(path) from error
    if not parts:  # how the library reports damage
        raise unreadable(path)
    return parts


def _in_display_window(pixels: NDArray[Any], header: Mapping[str, Any]) -> NDArray[Any]:
    """Renderers store a part of the frame, or more than it; what lies outside the frame is cut, the rest is zero."""
    (left, top), (right, bottom) = header["displayWindow"]
    data_left, data_top = header["dataWindow"][0]
    size = (bottom - top + 1, right - left + 1)
    y, x = int(data_top - top), int(data_left - left)
    height, width = pixels.shape
    if (y, x, height, width) == (0, 0, *size):
        return pixels
    frame = np.zeros(size, pixels.dtype)
    inside = frame[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)]
    inside[...] = pixels[max(-y, 0) :, max(-x, 0) :][: inside.shape[0], : inside.shape[1]]
    return frame


def unreadable(path: Path) -> MediaError:
    """This says why a still cannot be read."""
    if not path.is_file():
        return MediaError(f"There is no file {path}.")
    return MediaError(f"{path} cannot be read as a picture: it is damaged or of another kind than its name says.")
