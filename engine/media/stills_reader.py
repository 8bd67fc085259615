"""The reader for stills in a row: PNG, JPEG and TIFF by OpenCV, EXR by OpenEXR."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import MediaError, SettingsError
from engine.media.icc import foreign
from engine.media.info import MediaInfo, Transfer
from engine.media.sequence import find_stills
from engine.media.still import load_still, profile_of, still_size

RATE = Fraction(24)
FORMATS = {(1, 3): "rgb24", (1, 4): "rgba", (2, 3): "rgb48", (2, 4): "rgba64", (4, 3): "rgbf32", (4, 4): "rgbaf32"}
Load = Callable[[Path], NDArray[Any]]
CODECS = {".jpg": "jpeg", ".tif": "tiff"}


class StillsReader:
    """This reads stills as a clip of `rate` frames a second, each by `load`. Nothing is held between two windows."""

    def __init__(self, path: Path, rate: Fraction | None = None, load: Load = load_still) -> None:
        self._files, self._load = find_stills(path), load
        self.info = _describe(path, self._files, RATE if rate is None else rate, load)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was wrong with the source: nothing, since a damaged still is an error."""
        return self.info.warnings

    def read(self, start: int, stop: int) -> Tensor:
        """This reads frames `start` to `stop` (not included) as `[T, 3, H, W]`, RGB, 0 to 1.

        Raises:
            ValueError: the window reaches beyond the clip.
            MediaError: a still is damaged.
        """
        return torch.stack([self._channels(file)[:3] for file in self._window(start, stop)])

    def read_alpha(self, start: int, stop: int) -> Tensor:
        """This reads their opacity as `[T, 1, H, W]`, 0 to 1, straight.

        Raises:
            MediaError: the stills have no alpha channel.
        """
        if not self.info.alpha:
            raise MediaError(f"{self.info.path} has no alpha channel.")
        return torch.stack([self._channels(file)[3:] for file in self._window(start, stop)])

    def close(self) -> None:
        """This does nothing: stills are opened one by one."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _window(self, start: int, stop: int) -> tuple[Path, ...]:
        if not 0 <= start < stop <= self.info.frames:
            raise ValueError(f"frames {start} to {stop} were asked for; {self.info.path} has 0 to {self.info.frames}.")
        return self._files[start:stop]

    def _channels(self, file: Path) -> Tensor:
        picture = _picture(file, self.info.width, self.info.height, self._load)
        if _kind(picture) != self.info.pixel_format:
            kinds = f"{self._files[0].name} is {self.info.pixel_format}, {file.name} is {_kind(picture)}"
            raise MediaError(f"{self.info.path} mixes kinds of stills: {kinds}.")
        white = 1 if picture.dtype == np.float32 else np.iinfo(picture.dtype).max
        return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32)).div_(white)


def _describe(path: Path, files: tuple[Path, ...], rate: Fraction, load: Load) -> MediaInfo:
    if rate <= 0:
        raise SettingsError(f"The rate of {path} is {rate}; it must be more than 0 frames a second.")
    width, height = still_size(files[0])
    for file in files[1:]:
        if still_size(file) != (width, height):
            other = "x".join(map(str, still_size(file)))
            raise MediaError(f"{path} mixes sizes: {files[0].name} is {width}x{height}, {file.name} is {other}.")
    suffix = files[0].suffix.lower()
    first = _picture(files[0], width, height, load)
    return MediaInfo(
        path=path,
        width=width,
        height=height,
        times=tuple(number / rate for number in range(len(files))),
        end=len(files) / rate,
        codec=CODECS.get(suffix, suffix[1:]),
        pixel_format=_kind(first),
        bit_depth=8 * first.dtype.itemsize,
        rotation=0,
        transfer=Transfer.LINEAR if suffix == ".exr" else Transfer.SDR,
        matrix="rgb",
        full_range=True,
        alpha=first.shape[2] == 4,
        interlaced=False,
        sample_aspect_ratio=Fraction(1),
        other_streams=(),
        warnings=_colours_as_they_are(files[0], first),
    )


def _picture(file: Path, width: int, height: int, load: Load) -> NDArray[Any]:
    picture = load(file)
    if picture.shape[:2] != (height, width):
        found = f"{picture.shape[1]}x{picture.shape[0]}"
        raise MediaError(f"{file} was {width}x{height} by its header, and its picture is {found}. Store it anew.")
    return picture


def _colours_as_they_are(file: Path, picture: NDArray[Any]) -> tuple[str, ...]:
    """What is to be told where the colours of a profile cannot be brought to sRGB."""
    name = foreign(profile_of(file)) if picture.dtype == np.uint16 else None
    advice = "Convert it to sRGB first, or store it with 8 bits."
    return (f"{file.name} has 16 bits in the colours of {name}, which are taken for sRGB. {advice}",) if name else ()


def _kind(picture: NDArray[Any]) -> str:
    return FORMATS[picture.dtype.itemsize, picture.shape[2]]
