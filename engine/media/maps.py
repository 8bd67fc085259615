"""Control maps as a clip without loss: FFV1 with 16 bits a channel, or stills of 16 bits."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import av
import cv2
import numpy as np
from av import VideoFrame
from av.video.reformatter import ColorRange
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import MediaError, SettingsError
from engine.media.info import MediaInfo
from engine.media.sinks import partial_name, writing_to

LEVELS = 65535
PIXELS = "gbrp16le"  # one channel is written as three: FFV1 stores two of them as nothing
TICK = Fraction(1, 1000)  # of a second: Matroska counts no finer


def in_levels(maps: Tensor) -> Tensor:
    """This rounds maps, 0 to 1, to what 16 bits hold, so that kept maps are those that were drawn, bit by bit."""
    return maps.clamp(0, 1).mul_(LEVELS).round_().div_(LEVELS)


class MapSink(Protocol):
    """Takes maps one by one; `finish` gives the whole its name."""

    def write(self, levels: NDArray[np.uint16], number: int) -> None: ...

    def finish(self) -> None: ...

    def discard(self) -> None: ...


class MapWriter:
    """This writes maps `[T, 1 or 3, H, W]`, 0 to 1, part by part, at a clip's times: to `.mkv` or a folder of PNG.

    Use it in a `with` block: the result gets its name when the block ends well.
    """

    def __init__(self, path: Path, info: MediaInfo, size: tuple[int, int]) -> None:
        check_map_output(path)
        self._path, self._number = path, 0
        with writing_to(path):
            self._sink: MapSink = _Clip(path, [*info.times], size) if path.suffix else _Stills(path)

    def write(self, maps: Tensor) -> None:
        """This takes the next maps."""
        with writing_to(self._path):
            for one in maps:
                self._sink.write(_levels(one), self._number)
                self._number += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                with writing_to(self._path):
                    self._sink.finish()
        finally:
            self._sink.discard()


def check_map_output(path: Path) -> None:
    """This refuses a place that maps cannot be written to.

    Raises:
        SettingsError: the suffix is no `.mkv`, or a folder holds other things.
        MediaError: there is no such folder.
    """
    if path.suffix not in (".mkv", ""):
        raise SettingsError(f"{path.name}: controls are written to .mkv, or to a folder of PNG if there is no suffix.")
    if not path.suffix and path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise SettingsError(f"{path} exists and is not empty; choose another name.")
    if not path.parent.is_dir():
        raise MediaError(f"There is no folder {path.parent}.")


class _Clip:
    def __init__(self, path: Path, times: list[Fraction], size: tuple[int, int]) -> None:
        self._path, self._partial, self._times = path, partial_name(path), times
        self._target = av.open(self._partial, "w", format="matroska", container_options={"fflags": "+bitexact"})
        self._stream = self._target.add_stream("ffv1", rate=25, options={"level": "3"})
        self._stream.height, self._stream.width = size
        self._stream.pix_fmt = PIXELS
        self._stream.codec_context.time_base = TICK
        self._stream.codec_context.color_range = int(ColorRange.JPEG)

    def write(self, levels: NDArray[np.uint16], number: int) -> None:
        picture = VideoFrame(levels.shape[2], levels.shape[1], PIXELS)
        red, green, blue = levels
        for plane, values in zip(picture.planes, (green, blue, red), strict=True):
            np.frombuffer(memoryview(plane), "<u2").reshape(len(values), -1)[:, : values.shape[1]] = values
        picture.pts, picture.time_base = round(self._times[number] / TICK), TICK
        self._target.mux(self._stream.encode(picture))

    def finish(self) -> None:
        self._target.mux(self._stream.encode(None))
        self._target.close()
        with self._partial.open("rb") as written:
            os.fsync(written.fileno())
        self._partial.replace(self._path)

    def discard(self) -> None:
        with suppress(av.FFmpegError, OSError):  # closing writes what is held, and the disk may be full
            self._target.close()
        self._partial.unlink(missing_ok=True)


class _Stills:
    def __init__(self, path: Path) -> None:
        self._path, self._partial = path, partial_name(path)
        shutil.rmtree(self._partial, ignore_errors=True)
        self._partial.mkdir()

    def write(self, levels: NDArray[np.uint16], number: int) -> None:
        _, data = cv2.imencode(".png", np.ascontiguousarray(levels[::-1].transpose(1, 2, 0)))
        (self._partial / f"frame.{number:06d}.png").write_bytes(data.tobytes())  # cv2 would not say why it cannot

    def finish(self) -> None:
        if self._path.exists():
            self._path.rmdir()  # it was empty
        self._partial.replace(self._path)

    def discard(self) -> None:
        shutil.rmtree(self._partial, ignore_errors=True)


def _levels(one: Tensor) -> NDArray[np.uint16]:
    levels = one.detach().cpu().clamp(0, 1).mul(LEVELS).round().numpy().astype(np.uint16)
    return np.asarray(np.broadcast_to(levels, (3, *levels.shape[1:])))
