"""Large results, scaled up and with the source's contours: `python -m benchmarks.upsampling CLIP --look ink`.

The frames about a clip's middle are restyled as one window, at the model's size, and brought to the clip's both ways.
Edges: F1 of Canny edges against the source's, one pixel apart at most. Change: warp error along the source's motion, at
the clip's size. Halo: by how far pixels leave what scaling up gives within two small pixels, in 8-bit levels, the mean.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

import restyle
from consistency.metrics import warp_error
from consistency.occlusion import occluded
from consistency.structure import edge_f1
from engine.diffusion import catalog
from engine.media import open_reader, scaled
from engine.report.measuring import EDGES
from engine.settings import Settings, look_names
from engine.sizes import choose_sizes
from engine.upsampling import upsampled
from preprocessors.flow import DisFlow


def halo(made: Tensor, plain: Tensor, small: tuple[int, int]) -> float:
    """This measures how far frames `[T, 3, H, W]` leave the range that scaled ones have nearby, in 8-bit levels."""
    reach = round(2 * made.shape[-2] / small[0])
    high, low = (F.max_pool2d(signed, 2 * reach + 1, 1, reach) for signed in (plain, -plain))
    return 255 * float(((made - high).clamp(min=0) + (-made - low).clamp(min=0)).mean())


def motion(source: Tensor) -> tuple[Tensor, Tensor]:
    """This estimates flow to the previous frame `[T, 2, H, W]` and where it holds `[T, 1, H, W]`."""
    pairs = [DisFlow().both(*pair) for pair in pairwise(source)]
    there, back = (torch.stack(flows) for flows in zip(*pairs, strict=True))
    return F.pad(there, (0, 0) * 3 + (1, 0)), F.pad(1 - occluded(there, back), (0, 0) * 3 + (1, 0))


def main() -> None:
    """This prints a line for each clip, look and way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--look", action="append", choices=look_names(), help="all, if not given")
    parser.add_argument("--frames", type=int, default=4)
    chosen = parser.parse_args()
    for clip in chosen.clips:
        with open_reader(clip) as reader:
            start = max(0, (reader.info.frames - chosen.frames) // 2)
            source = reader.read(start, min(start + chosen.frames, reader.info.frames))
            small = choose_sizes(Settings(prompt="any"), reader.info, catalog.find("starter").side).work
        flow, seen, wanted = *motion(source), EDGES(source)
        low = scaled(source, small)
        for look in chosen.look or look_names():
            began = time.process_time()
            made = torch.cat(list(restyle.frames(low, look=look, cuts="none", steady=0)))
            spent = time.process_time() - began
            plain = scaled(made, (source.shape[-2], source.shape[-1]))
            began = time.process_time()
            crisp = upsampled(made, source)
            took = (time.process_time() - began) / len(source)
            for way, large in (("scaled", plain), ("contours", crisp)):
                edges = float(edge_f1(EDGES(large), wanted).mean())
                told = (
                    f"edges {edges:.3f} change {warp_error(large, flow, seen):.3f} halo {halo(large, plain, small):.2f}"
                )
                print(f"{clip.stem:<26} {look:<11} {way:<9} {told}", flush=True)
            print(f"{1000 * took:.0f} ms of the processor a frame, restyling {1000 * spent / len(source):.0f}")


if __name__ == "__main__":
    main()
