"""Clips that the tests draw for themselves: every frame carries its number, every corner its colour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import torch
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray
from torch import Tensor

BITS = 8
TICK = Fraction(1, 30000)
STEP = 1001  # 29.97 frames a second


@dataclass(frozen=True)
class Drawing:
    """What a drawn clip is like; `times` in ticks of 1/30000 s, `sound_from` in seconds."""

    count: int = 12
    width: int = 96
    height: int = 64
    times: Sequence[int] | None = None
    encoder: str = "libx264"
    pixels: str = "yuv420p"
    options: Mapping[str, str] = field(default_factory=dict)
    rotation: int = 0
    sound: str | None = None
    sound_from: Fraction = Fraction(0)
    pixel_ratio: Fraction = Fraction(1)
    timecode: str | None = None
    reel: str | None = None


def drawn_frame(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """This draws frame `number`: red, green, blue and grey quarters, and its number as bars across the middle."""
    frame = np.zeros((height, width, 3), np.uint8)
    frame[: height // 2, : width // 2] = (200, 40, 40)
    frame[: height // 2, width // 2 :] = (40, 180, 60)
    frame[height // 2 :, : width // 2] = (50, 60, 200)
    frame[height // 2 :, width // 2 :] = 140
    for bit in range(BITS):
        bar = slice(bit * width // BITS, (bit + 1) * width // BITS)
        frame[3 * height // 8 : 5 * height // 8, bar] = 230 if number >> bit & 1 else 25
    return frame


def number_in(frame: Tensor) -> int:
    """This reads the number of a drawn frame `[3, H, W]`."""
    height, width = frame.shape[1:]
    row = frame[:, height // 2].mean(0)
    return sum(int(row[int((bit + 0.5) * width / BITS)] > 0.5) << bit for bit in range(BITS))


def drawn_tensor(count: int, width: int, height: int) -> Tensor:
    """This gives drawn frames as `[T, 3, H, W]`, 0 to 1."""
    frames = np.stack([drawn_frame(number, width, height) for number in range(count)])
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255


def film(path: Path, **values: Any) -> Path:
    """This draws a clip: `film(tmp_path / "a.mp4", count=30, rotation=90)`."""
    drawing = Drawing(**values)
    times = drawing.times or [number * STEP for number in range(drawing.count)]
    exact = {"movie_timescale": "48000"} if drawing.sound_from else {}
    with av.open(path, "w", options=exact) as target:
        options = dict(drawing.options)
        stream = cast(VideoStream, target.add_stream(drawing.encoder, rate=Fraction(30000, 1001), options=options))
        stream.width, stream.height, stream.pix_fmt = drawing.width, drawing.height, drawing.pixels
        stream.codec_context.time_base = stream.time_base = TICK
        stream.codec_context.sample_aspect_ratio = drawing.pixel_ratio
        if drawing.timecode:
            target.metadata["timecode"] = drawing.timecode
        if drawing.reel:
            stream.metadata["reel_name"] = drawing.reel
        if drawing.rotation:
            stream.set_display_rotation(drawing.rotation)
        sound = target.add_stream(drawing.sound, rate=48000, layout="mono") if drawing.sound else None
        for number, time in enumerate(times):
            picture = av.VideoFrame.from_ndarray(drawn_frame(number, drawing.width, drawing.height), format="rgb24")
            picture.pts, picture.time_base = time, TICK
            target.mux(stream.encode(picture))
        target.mux(stream.encode(None))
        if sound is not None:
            for block in _beeps(float(times[-1] * TICK) + 0.1):
                block.pts = (block.pts or 0) + round(drawing.sound_from * 48000)
                target.mux(cast(AudioStream, sound).encode(block))
            target.mux(cast(AudioStream, sound).encode(None))
    return path


def _beeps(seconds: float) -> list[av.AudioFrame]:
    samples = np.arange(int(seconds * 48000))
    wave = (0.5 * np.sin(samples * 2 * np.pi * 440 / 48000)).astype(np.float32)
    blocks = []
    for start in range(0, len(wave) - 1023, 1024):
        block = av.AudioFrame.from_ndarray(wave[None, start : start + 1024].copy(), format="fltp", layout="mono")
        block.sample_rate, block.pts, block.time_base = 48000, start, Fraction(1, 48000)
        blocks.append(block)
    return blocks
