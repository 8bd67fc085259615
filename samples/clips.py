"""Write the drawn clips of this folder: `python -m samples.clips`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from samples.harbour import draw_harbour

RATE = 24
SOUND_RATE = 48000


def draw_sound(seconds: float) -> NDArray[np.float32]:
    """This makes the sound of a quiet harbour: waves, and a bell; `[2, N]`, -1 to 1, 48 kHz."""
    time = np.arange(round(seconds * SOUND_RATE)) / SOUND_RATE
    rng = np.random.default_rng(11)
    swell = 0.5 + 0.5 * np.sin(2 * np.pi * 0.45 * time - 1.2)
    kernel = np.hanning(48)
    waves = np.stack([np.convolve(rng.standard_normal(len(time)), kernel / kernel.sum(), "same") for _ in range(2)])
    struck = np.clip(time - 0.4, 0, None)
    partials = np.array([[1.0], [2.4], [3.0]])
    bell = (np.sin(2 * np.pi * 523.25 * partials * struck) * np.exp(-1.8 * partials * struck) / partials).sum(axis=0)
    edge = np.clip(np.minimum(time, seconds - time) / 0.05, 0, 1)
    return np.asarray((0.5 * swell * waves + 0.12 * bell) * edge, np.float32)


def write_clip(path: Path, frames: Tensor, sound: NDArray[np.float32]) -> None:
    """This writes frames `[T, 3, H, W]` at 24 frames a second as H.264, with sound `[2, N]` as AAC."""
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as file:
        video = file.add_stream("libx264", RATE, options={"crf": "17", "preset": "veryslow", "threads": "1"})
        video.height, video.width, video.pix_fmt = frames.shape[2], frames.shape[3], "yuv420p"
        video.codec_context.time_base = Fraction(1, RATE)
        audio = file.add_stream("aac", SOUND_RATE, layout="stereo", bit_rate=96000)
        for frame in frames.permute(0, 2, 3, 1).mul(255).round().byte().numpy():
            file.mux(video.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        heard = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound), format="fltp", layout="stereo")
        heard.sample_rate = SOUND_RATE
        file.mux([*video.encode(None), *audio.encode(heard), *audio.encode(None)])


def main(arguments: Sequence[str] | None = None) -> None:
    """This draws `harbour.mp4` beside this file, or where it is told to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("harbour.mp4"))
    parser.add_argument("--frames", type=int, default=2 * RATE)
    chosen = parser.parse_args(arguments)
    write_clip(chosen.output, draw_harbour(chosen.frames, RATE), draw_sound(chosen.frames / RATE))
    print(f"{chosen.output}: {chosen.frames} frames, {chosen.output.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
