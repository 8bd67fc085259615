"""The second reader: decord, only where it gives the right frames.

decord 0.6.0 miscounts what an edit list hides, is off by frames where pictures are stored after the key frame that
follows them, knows neither 10 bits nor AV1, and decodes ahead without bound. So the index is made by PyAV, what decord
would get wrong is refused, and a decord reader lives for a few frames only.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from engine.errors import MediaError
from engine.media.index import FrameIndex, build_index
from engine.media.info import Transfer

CODECS = ("h264", "hevc", "vp9", "mpeg4", "mjpeg", "prores")
AHEAD_BYTES = 256 << 20  # of RGB frames for one decord reader


class DecordReader:
    """This reads windows of a clip by decord.

    Raises:
        MediaError: decord is not installed, or would return wrong frames; it says why.
    """

    def __init__(self, path: Path) -> None:
        try:
            import decord
        except ModuleNotFoundError as error:
            raise MediaError(
                "The decord reader is not installed. Install it with: pip install 'restyle[decord]' "
                "(x86-64 Linux and Windows only), or read with PyAV (--reader pyav)."
            ) from error
        self._decord: Any = decord
        index = build_index(path)
        reasons = _reasons_against(index)
        if reasons:
            raise MediaError(f"decord would read {path} wrongly: {'; '.join(reasons)}. PyAV reads it (--reader pyav).")
        self._orientation = index.layout.orientation
        self.info = index.info
        if len(self._open()) != self.info.frames:
            raise MediaError(f"decord miscounts the frames of {path}. PyAV reads it (--reader pyav).")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was wrong with the file: nothing, since damaged files are refused where the index shows it."""
        return self.info.warnings

    def read(self, start: int, stop: int) -> Tensor:
        """This reads frames `start` to `stop` (not included) as `[T, 3, H, W]`, RGB, 0 to 1.

        Raises:
            ValueError: the window reaches beyond the clip.
            MediaError: decord fails in the middle.
        """
        if not 0 <= start < stop <= self.info.frames:
            raise ValueError(f"frames {start} to {stop} were asked for; {self.info.path} has 0 to {self.info.frames}.")
        out = torch.empty(stop - start, 3, self.info.height, self.info.width)
        at_once = max(AHEAD_BYTES // (3 * self.info.width * self.info.height), 1)
        for first in range(start, stop, at_once):
            self._read_few(first, out[first - start : first - start + at_once])
        return out.div_(255)

    def read_alpha(self, start: int, stop: int) -> Tensor:
        """This refuses: decord has no alpha.

        Raises:
            MediaError: always.
        """
        raise MediaError("decord reads no alpha. PyAV does (--reader pyav).")

    def close(self) -> None:
        """This does nothing: no decord reader outlives a window."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> Any:  # noqa: ANN401 - decord has no types
        try:
            return self._decord.VideoReader(str(self.info.path), ctx=self._decord.cpu(0), num_threads=1)
        except self._decord.DECORDError as error:
            raise MediaError(f"decord cannot open {self.info.path}. PyAV reads it (--reader pyav).") from error

    def _read_few(self, first: int, out: Tensor) -> None:
        video = self._open()
        try:
            video.seek_accurate(first)
            for frame in out:
                picture = video.next().asnumpy()
                frame.copy_(torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))))
        except (self._decord.DECORDError, StopIteration) as error:
            raise MediaError(f"decord fails in {self.info.path} after frame {first}; use --reader pyav.") from error


def _reasons_against(index: FrameIndex) -> list[str]:
    info, layout = index.info, index.layout
    mirrored = layout.orientation.transpose == (layout.orientation.flip_x == layout.orientation.flip_y)
    faults = {
        f"its codec is {info.codec}": info.codec not in CODECS,
        "it has more than 8 bits": info.bit_depth > 8,
        f"it is {info.transfer.upper()}": info.transfer is not Transfer.SDR,
        "its fields are interlaced": info.interlaced,
        "it has an alpha channel": info.alpha,
        "an edit list hides frames": index.hidden,
        "frames are shown before the key frame that they follow": index.leading,
        "it does not begin at 0 s": index.pts[0] != 0,
        "its colours are HD and not tagged so": not layout.tagged and info.matrix == "bt709",
        f"its matrix is {info.matrix}": info.matrix not in ("bt601", "bt709"),
        "it is damaged": bool(info.warnings),
        "it is mirrored": mirrored,
    }
    return [reason for reason, holds in faults.items() if holds]
