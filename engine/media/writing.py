"""Writing a result: frames at the source's own times, with its timecode; what is beside them copied by packet."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from torch import Tensor

from engine.media.encoding import PICTURES, check_output, encoding, keeps_alpha
from engine.media.info import MediaInfo
from engine.media.sinks import ClipSink, PictureSink, Sink, StillsSink, writing_to
from engine.settings import Codec


class Writer:
    """This writes a result as `codec`, frame by frame, with the times and the other streams of its source.

    Use it in a `with` block: the result gets its name when the block ends well and all frames have been written, and
    nothing is left otherwise. `width` and `height` are the source's unless given; the pixels' shape is the source's.
    `warnings` tell what of the source is left out.

    Raises:
        SettingsError, MediaError: as of `check_output`.
    """

    def __init__(
        self, path: str | Path, codec: Codec, info: MediaInfo, width: int | None = None, height: int | None = None
    ) -> None:
        self.warnings = check_output(path, codec, info, width, height)
        self._path = Path(path)
        self._codec = codec
        self._info = info
        self._size = (height or info.height, width or info.width)
        self._sink: Sink | None = None
        self._alpha = False
        self._written = 0

    def write(self, frames: Tensor, alpha: Tensor | None = None) -> None:
        """This writes the next frames `[T, 3, H, W]`, 0 to 1, and their opacity `[T, 1, H, W]` where the codec has any.

        Raises:
            ValueError: shapes do not fit, there are more frames than times, or alpha comes and goes.
            MediaError: the disk is full or gone.
        """
        self._check(frames, alpha)
        if self._sink is None:
            self._alpha = alpha is not None
            with writing_to(self._path):
                self._sink = self._open()
        for position in range(frames.shape[0]):
            opacity = None if alpha is None else alpha[position]
            with writing_to(self._path):
                self._sink.write(frames[position], opacity, self._written)
            self._written += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        complete = self._written == self._info.frames
        if self._sink is not None:
            try:
                if kind is None and complete:
                    with writing_to(self._path):
                        self._sink.finish()
            finally:
                self._sink.discard()
        if kind is None and not complete:
            raise ValueError(f"{self._path}: {self._written} of {self._info.frames} frames were written.")

    def _check(self, frames: Tensor, alpha: Tensor | None) -> None:
        expected = (3, *self._size)
        if frames.ndim != 4 or tuple(frames.shape[1:]) != expected:
            raise ValueError(f"frames must be [T, {', '.join(map(str, expected))}], not {list(frames.shape)}")
        if self._written + frames.shape[0] > self._info.frames:
            raise ValueError(f"{self._path}: more frames than the {self._info.frames} of the source.")
        if self._sink is not None and self._alpha != (alpha is not None):
            raise ValueError("alpha must come with all frames or with none.")
        if alpha is None:
            return
        if tuple(alpha.shape) != (frames.shape[0], 1, *self._size):
            raise ValueError(f"alpha must be [{frames.shape[0]}, 1, H, W] as the frames are, not {list(alpha.shape)}")
        if not keeps_alpha(self._path, self._codec):
            raise ValueError(f"{self._codec} has no alpha channel.")

    def _open(self) -> Sink:
        chosen = encoding(self._codec)
        if chosen is None:
            return (PictureSink if self._path.suffix.lower() in PICTURES else StillsSink)(self._path)
        return ClipSink(self._path, chosen, self._info, self._size, self._alpha)
