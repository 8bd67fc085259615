"""What stands outside of a mask in place of the source: a picture, or another clip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor

from engine.errors import SettingsError
from engine.footage import SLICE
from engine.media import MediaInfo, open_reader, scaled

Background = Callable[[int, int], Tensor]
"""`background(start, stop)` is what stands behind these frames, `[T, 3, H, W]` at the result's size, or one for all."""


@contextmanager
def open_background(file: str, clip: MediaInfo, size: tuple[int, int]) -> Iterator[Background]:
    """This opens a background for the frames of a clip, one of it for each, and looks through it.

    Raises:
        SettingsError: it has another shape, or too few frames.
        MediaError: it is missing or damaged.
    """
    with open_reader(file) as reader:
        info = reader.info
        if 1 < info.frames < clip.frames:
            raise SettingsError(
                f"The background {file} has {info.frames} frames, the clip {clip.frames}. Give as many, or one picture."
            )
        if info.width * clip.height != info.height * clip.width:
            shapes = f"{info.width}x{info.height}, the clip {clip.width}x{clip.height}"
            raise SettingsError(f"The background {file} is {shapes}. Crop it to the clip's shape.")

        def background(start: int, stop: int) -> Tensor:
            return scaled(reader.read(0, 1) if info.frames == 1 else reader.read(start, stop), size)

        for start in range(0, min(info.frames, clip.frames), SLICE):
            background(start, min(start + SLICE, info.frames, clip.frames))
        yield background
