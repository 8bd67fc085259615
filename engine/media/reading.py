"""One door to every source: a clip, or stills in a row."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, assert_never

from torch import Tensor

from engine.errors import SettingsError
from engine.media.decord_reader import DecordReader
from engine.media.index import build_index
from engine.media.info import MediaInfo
from engine.media.pyav_reader import PyavReader
from engine.media.sequence import find_stills, is_sequence
from engine.media.still import load_shares
from engine.media.stills_reader import StillsReader
from engine.settings import ReaderName


class Reader(Protocol):
    """This reads windows of a source, frame-exact, in any order; forward is fastest. For one thread."""

    info: MediaInfo

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was wrong with the source, as far as it has been read; `info.warnings` are among them."""

    def read(self, start: int, stop: int) -> Tensor:
        """This reads frames `start` to `stop` (not included) as `[T, 3, H, W]`, RGB, 0 to 1."""

    def read_alpha(self, start: int, stop: int) -> Tensor:
        """This reads their opacity as `[T, 1, H, W]`, 0 to 1; only where `info.alpha`."""

    def close(self) -> None:
        """This closes the source."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_reader(path: str | Path, reader: ReaderName = ReaderName.PYAV, rate: Fraction | None = None) -> Reader:
    """This opens a clip, or stills (a folder, `shot.%04d.png`, `shot.*.exr`), for reading.

    Args:
        reader: who decodes a clip; stills are read by OpenCV and OpenEXR.
        rate: frames per second of stills, 24 if not given; a clip has its own times.

    Raises:
        MediaError: the source is missing, damaged beyond reading, holds no picture, or `reader` would get it wrong.
        SettingsError: `rate` is given for a clip, or decord asked to read stills.
    """
    path = Path(path)
    if is_sequence(path):
        if reader is not ReaderName.PYAV:
            raise SettingsError(f"{path} is stills, which {reader} does not read; leave the reader out.")
        return StillsReader(path, rate)
    _refuse_rate(path, rate)
    match reader:
        case ReaderName.PYAV:
            return PyavReader(path)
        case ReaderName.DECORD:
            return DecordReader(path)
        case _:
            assert_never(reader)


def open_maps(path: str | Path) -> Reader:
    """This opens someone's control maps as `open_reader` does, but EXR holds values as they stand, 0 to 1."""
    path = Path(path)
    if is_sequence(path) and find_stills(path)[0].suffix.lower() == ".exr":
        return StillsReader(path, load=load_shares)
    return open_reader(path)


def probe(path: str | Path, rate: Fraction | None = None) -> MediaInfo:
    """This tells what is known of a source, and decodes it only as far as that needs. Errors as of `open_reader`."""
    path = Path(path)
    if is_sequence(path):
        return StillsReader(path, rate).info
    _refuse_rate(path, rate)
    return build_index(path).info


def source_files(path: str | Path) -> tuple[Path, ...]:
    """This lists the files that a source is made of: the clip, or its stills in their order."""
    path = Path(path)
    return find_stills(path) if is_sequence(path) else (path,)


def _refuse_rate(path: Path, rate: Fraction | None) -> None:
    if rate is not None:
        raise SettingsError(f"{path} is a clip and has its own frame times; a rate can only be given for stills.")
