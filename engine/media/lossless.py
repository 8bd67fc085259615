"""Frames and maps that are kept on disk: FFmpeg's Huffyuv with 10 or 16 bits a channel, exact to half a step of them.

FFV1 makes files a fifth smaller, but takes four times as long to write and to read: beside a fast model that counts.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from av import VideoFrame
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import MediaError
from engine.media.decoding import make_decoder, opened, packets, picture_stream, pictures
from engine.media.sinks import partial_name, writing_to

BITS = 10
PIXELS = {(3, 10): "gbrp10le", (3, 16): "gbrp16le", (1, 16): "gray16le"}
"""By channels and bits."""
LEVELS = {pixels: 2**bits - 1 for (_, bits), pixels in PIXELS.items()}
RATE = 25  # of no meaning; frames are found again by their order


def write_lossless(path: Path, frames: Tensor, bits: int = BITS) -> None:
    """This writes frames `[T, 3, H, W]`, 0 to 1, or with 16 bits also maps `[T, 1, H, W]`, as Huffyuv in AVI.

    The file has its name only when it is whole and on the disk.

    Raises:
        ValueError: nothing keeps so many channels with so many bits.
        MediaError: the disk is full or gone.
    """
    pixels = PIXELS.get((frames.shape[1], bits))
    if pixels is None:
        raise ValueError(f"{frames.shape[1]} channels of {bits} bits cannot be kept; what can: {list(PIXELS)}")
    partial = partial_name(path)
    try:
        with writing_to(path):
            _encode(partial, frames, pixels)
            with partial.open("rb") as written:
                os.fsync(written.fileno())
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _encode(path: Path, frames: Tensor, pixels: str) -> None:
    # Tables that follow the picture save a little, and with 16 bits take longer to make than all the rest.
    options = {"pred": "median", "context": "0" if "16" in pixels else "1"}
    with av.open(path, "w", format="avi", container_options={"fflags": "+bitexact"}) as target:
        stream = target.add_stream("ffvhuff", rate=RATE, options=options)
        stream.height, stream.width = frames.shape[2:]
        stream.pix_fmt = pixels
        for number, frame in enumerate(frames):
            picture = _picture(frame, pixels)
            picture.pts = number
            target.mux(stream.encode(picture))
        target.mux(stream.encode(None))


def _picture(frame: Tensor, pixels: str) -> VideoFrame:
    height, width = frame.shape[1:]
    picture = VideoFrame(width, height, pixels)
    levels = frame.detach().cpu().clamp(0, 1).mul(LEVELS[pixels]).round().numpy()
    for plane, values in zip(picture.planes, levels[[1, 2, 0]] if len(levels) == 3 else levels, strict=True):
        np.frombuffer(memoryview(plane), "<u2").reshape(height, -1)[:, :width] = values
    return picture


def read_lossless(path: Path, start: int = 0, stop: int | None = None) -> Tensor:
    """This reads frames `start` to `stop` (not included; to the end if not given) of what `write_lossless` wrote.

    Raises:
        MediaError: the file is damaged or has fewer frames.
    """
    with opened(path) as container:
        stream = picture_stream(container, path)
        pixels, height, width = stream.pix_fmt or "", stream.height, stream.width
        if start:
            container.seek(int(start / (RATE * (stream.time_base or 1))), stream=stream)
        found: list[NDArray[Any]] = []
        for frame in pictures(packets(container, stream), make_decoder(stream, path)):
            number = round(float((frame.pts or 0) * (frame.time_base or 1)) * RATE)
            if stop is not None and number >= stop:
                break
            if number >= start:
                found.append(frame.to_ndarray())
    if not found or pixels not in LEVELS or (stop is not None and len(found) != stop - start):
        raise MediaError(f"{path} is damaged: {len(found)} of the frames {start} to {stop} can be read.")
    frames = torch.empty(len(found), found[0].size // (height * width), height, width)
    for place, levels in zip(frames, found, strict=True):
        np.copyto(place.numpy(), levels.reshape(height, width, -1).transpose(2, 0, 1))
    return frames.div_(LEVELS[pixels])
