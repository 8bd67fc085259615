"""What steadying does to a finished job, as a picture.

    python -m benchmarks.strip RESULT -o strip.jpg

Source, raw chunks and result side by side: the middle frame, and below it one row of the picture through time (an X-T
slice), the first frame on top. Lines that run smoothly are steady; what crackles flickers.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.footage import read_frames
from engine.media import as_jpeg, captioned, open_reader
from engine.report.job import FinishedJob
from engine.windows import Span

HEIGHT = 144
"""Pixels that a slice is high."""


def panel(frames: Tensor, row: int, words: str) -> Tensor:
    """This draws a clip `[T, 3, H, W]`: its middle frame, and its row `row` through time."""
    through_time = frames[:, :, row].permute(1, 0, 2)[None]
    slice_ = F.interpolate(through_time, size=(HEIGHT, frames.shape[-1]), mode="nearest")[0]
    return torch.cat([captioned(frames[len(frames) // 2], words), slice_], dim=1)


def main() -> None:
    """This draws the strip."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("result", type=Path, help="of a finished job whose folder stands beside it")
    parser.add_argument("-o", "--output", type=Path, default=Path("strip.jpg"))
    parser.add_argument("--frames", type=int, default=48, help="the first so many frames (default: %(default)s)")
    parser.add_argument("--row", type=float, default=0.7, help="which row, 0 top to 1 (default: %(default)s)")
    chosen = parser.parse_args()
    job = FinishedJob.open(chosen.result)
    with open_reader(job.source) as source, open_reader(job.result) as result:
        span = Span(0, min(chosen.frames, source.info.frames))
        clips = [read_frames(source, span, job.sizes.work), job.raw(span.start, span.stop),
                 read_frames(result, span, job.sizes.work)]  # fmt: skip
    row = int(chosen.row * (clips[0].shape[-2] - 1))
    panels = zip(clips, ("source", "what the model made", "joined and steadied"), strict=True)
    chosen.output.write_bytes(as_jpeg(torch.cat([panel(clip, row, words) for clip, words in panels], dim=2)))
    print(chosen.output)


if __name__ == "__main__":
    main()
