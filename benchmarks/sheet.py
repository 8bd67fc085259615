"""A contact sheet: every clip a row, its source first, then each look.

    python -m benchmarks.sheet CLIP ... -o looks.jpg

Of each clip the frames about its middle are restyled as one window, as in a job, and the middle one is shown. `--strip`
shows instead how one column of the picture goes through time (an X-T slice): lines that run smoothly are steady.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import torch
from torch import Tensor
from torch.nn import functional as F

import restyle
from engine.media import captioned, open_reader
from engine.settings import look_names


def middle(path: Path, count: int, side: int) -> Tensor:
    """This reads the `count` frames about a clip's middle, its shorter side brought to `side`: `[T, 3, H, W]`."""
    with open_reader(path) as reader:
        start = max(0, (reader.info.frames - count) // 2)
        frames = reader.read(start, min(start + count, reader.info.frames))
    height, width = frames.shape[-2:]
    scale = side / min(height, width)
    size = (round(height * scale), round(width * scale))
    return F.interpolate(frames, size, mode="bicubic", antialias=True).clamp(0, 1)


def shown(frames: Tensor, strip: bool) -> Tensor:
    """This is what a sheet shows of a clip `[T, 3, H, W]`: its middle frame, or its middle row through time."""
    if not strip:
        return frames[len(frames) // 2]
    row = frames[:, :, frames.shape[-2] // 2].permute(1, 0, 2)
    return F.interpolate(row[None], scale_factor=(8.0, 1.0), mode="nearest")[0]


def main() -> None:
    """This draws a sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path, default=Path("sheet.jpg"))
    parser.add_argument("--frames", type=int, default=12, help="how many frames of each clip are restyled")
    parser.add_argument("--side", type=int, default=216, help="shorter side in pixels")
    parser.add_argument("--model", default="starter")
    parser.add_argument("--strength", type=float, default=None)
    parser.add_argument("--strip", action="store_true", help="show one row of pixels through time")
    chosen = parser.parse_args()
    rows = []
    for clip in chosen.clips:
        source = middle(clip, chosen.frames, chosen.side)
        pictures = [captioned(shown(source, chosen.strip), clip.stem)]
        for look in look_names():
            parts = restyle.frames(source, look=look, model=chosen.model, strength=chosen.strength, cuts="none")
            pictures.append(captioned(shown(torch.cat(list(parts)), chosen.strip), look))
            print(clip.name, look, flush=True)
        rows.append(torch.cat(pictures, dim=2))
    wide = max(row.shape[-1] for row in rows)
    sheet = torch.cat([F.pad(row, (0, wide - row.shape[-1]), value=1.0) for row in rows], dim=1)
    cv2.imwrite(str(chosen.output), (sheet.permute(1, 2, 0).flip(-1) * 255).round().byte().numpy())


if __name__ == "__main__":
    main()
