"""Peers that come with ffmpeg: filters in time that know nothing of motion, on the hard-cut result.

ffmpeg is a program of the system's own (`apt install ffmpeg`); nothing but these rows of the bench needs it.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from benchmarks.steadiness.trial import Motion, Trial

PROGRAM = "ffmpeg"
SECONDS = 120
"""What one clip may take at most."""


def missing() -> str | None:
    """This says why the filters cannot run here, or None where they can."""
    return None if shutil.which(PROGRAM) else "ffmpeg is not installed (apt install ffmpeg)"


class Filter(Protocol):
    """A filter and its parameters."""

    @property
    def graph(self) -> str:
        """What ffmpeg calls it: a filter graph that gives one frame, in place, for each that goes in."""
        ...


@dataclass(frozen=True)
class Deflicker:
    """This scales the luma of each frame to a mean over `size` frames ahead (2 to 129; larger is steadier).

    mode: which mean: am, gm, hm, qm, cm, pm or median.
    """

    size: int = 10
    mode: str = "pm"

    @property
    def graph(self) -> str:
        """The filter, as ffmpeg writes it."""
        return f"deflicker=size={self.size}:mode={self.mode}"


@dataclass(frozen=True)
class Hqdn3d:
    """This is a recursive low-pass along time that stops at steps larger than `temporal` (8-bit levels) or so.

    Spatially it is kept off: by a tiny number, for 0 means "the default" to ffmpeg, which blurs.
    """

    temporal: float = 15

    @property
    def graph(self) -> str:
        """The filter, as ffmpeg writes it."""
        return f"hqdn3d=0.001:0.001:{self.temporal}:{self.temporal}"


@dataclass(frozen=True)
class Atadenoise:
    """This averages each pixel over `size` frames (odd, 5 to 129), up to where it differs by more than `threshold`.

    threshold: 0 to 0.3, of the range; the sum of differences may reach three times as much.
    """

    threshold: float = 0.1
    size: int = 9

    @property
    def graph(self) -> str:
        """The filter, as ffmpeg writes it."""
        limits = ":".join(f"{plane}a={self.threshold}:{plane}b={3 * self.threshold}" for plane in range(3))
        return f"atadenoise={limits}:s={self.size}"


@dataclass(frozen=True)
class Tmix:
    """This is the plain mean over `radius` frames to either side."""

    radius: int = 2

    @property
    def graph(self) -> str:
        """The filter, as ffmpeg writes it; it looks back only, so it is fed ahead and its first frames dropped."""
        ahead, late = f"tpad=stop={self.radius}:stop_mode=clone", f"trim=start_frame={self.radius}"
        return f"{ahead},tmix=frames={2 * self.radius + 1},{late}"


@dataclass(frozen=True)
class Tmedian:
    """This is the median of each value over `radius` frames to either side."""

    radius: int = 2

    @property
    def graph(self) -> str:
        """The filter, as ffmpeg writes it; it gives no frames at the ends, so these are repeated before."""
        ends = f"start={self.radius}:start_mode=clone:stop={self.radius}:stop_mode=clone"
        return f"tpad={ends},tmedian=radius={self.radius}"


@dataclass(frozen=True)
class Filtered:
    """This runs a filter over the hard-cut result."""

    filter: Filter

    def __call__(self, trial: Trial, motion: Motion) -> Tensor:
        """This filters the whole clip."""
        return filtered(trial.flickering, self.filter.graph)


def filtered(frames: Tensor, graph: str) -> Tensor:
    """This sends frames `[T, 3, H, W]` through a filter graph: 16 bits a value there and back, YCbCr 4:4:4 within.

    Within it is 12 bits, 0.03 of an 8-bit level: with more, deflicker of ffmpeg 5.1 gives black frames.

    Raises:
        RuntimeError: ffmpeg is missing, refuses the graph, or gives another number of frames.
    """
    if why := missing():
        raise RuntimeError(f"The filter {graph} cannot run: {why}.")
    count, _, height, width = frames.shape
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb48le"]
    command = [PROGRAM, "-v", "error", "-nostdin", "-threads", "1", "-filter_threads", "1", *raw]
    command += ["-s", f"{width}x{height}", "-r", "25", "-i", "-", "-vf", f"format=yuv444p12le,{graph}", *raw, "-"]
    codes = frames.clamp(0, 1).mul(65535).round().permute(0, 2, 3, 1).numpy().astype("<u2")
    done = subprocess.run(command, input=codes.tobytes(), capture_output=True, timeout=SECONDS, check=False)
    if done.returncode or len(done.stdout) != codes.nbytes:
        said = done.stderr.decode(errors="replace").strip() or "another number of frames came out"
        raise RuntimeError(f"ffmpeg failed at {graph}, {count} frames of {width}x{height}: {said}")
    made = np.frombuffer(done.stdout, "<u2").reshape(count, height, width, 3).astype(np.float32) / 65535
    return torch.from_numpy(made).permute(0, 3, 1, 2).contiguous()
