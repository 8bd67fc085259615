"""What joining and steadying cost beside the optical flow that they go by: `python -m benchmarks.cost`.

Processor time of this process for a frame of a long shot. In a job flow is estimated beside them, on other threads, so
that it is the sum which counts; another program's load does not change it much.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.jobs import SAMPLE
from benchmarks.overhead import Clock
from consistency.colour import ColourAnchor
from consistency.occlusion import occluded
from consistency.seams import fuse
from consistency.steady import Pair, Steadier
from engine.media import open_reader, scaled
from engine.plan import LONGEST, OVERLAP
from preprocessors.flow import DisFlow

ALLOWED = 1.0
FLOW = "flow, both ways"


def measure(source: Tensor) -> dict[str, float]:
    """This gives milliseconds a frame by stage, for a source `[T, 3, H, W]` that a model has made flicker.

    Seams lie as far apart as chunks are long. What a seam's own flow takes is its own cost.
    """
    flow, clock, count = DisFlow(fine=True, smooth=True), Clock(), len(source)
    made, other = _flickering(source, 0), _flickering(source, 1)
    both, masks = clock.timed(FLOW, flow.both), clock.timed("masks", occluded)
    steady = clock.timed("steadying", Steadier(count).add)
    last: Tensor | None = None
    for frame, seen in zip(made, source, strict=True):
        pair = None if last is None else Pair(*both(last, seen))
        if pair is not None:
            masks(pair.to_previous[None], pair.from_previous[None])
        steady(frame, seen, pair)
        last = seen
    shared = min(OVERLAP, count)
    clock.timed("colours", ColourAnchor(made, source).match)(other, made[:shared], source)
    clock.timed("seams", fuse)(made[:shared], other[:shared], flow, source[:shared])
    over = {FLOW: count - 1, "masks": count - 1, "seams": shared * (LONGEST - OVERLAP) / OVERLAP}
    return {stage: 1000 * seconds / over.get(stage, count) for stage, seconds in clock.cpu.items()}


def _flickering(source: Tensor, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    gain = 1 + 0.05 * torch.randn(len(source), 1, 1, 1, generator=generator)
    return (source * gain + 0.03 * torch.randn(source.shape, generator=generator)).clamp(0, 1)


def main(arguments: Sequence[str] | None = None) -> None:
    """This prints the table and the ratio, and ends with 1 where it is too much."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path, nargs="?", default=SAMPLE)
    parser.add_argument("--frames", type=int, default=40, help="of the clip's first ones (default: %(default)s)")
    parser.add_argument("--size", type=int, nargs=2, default=(640, 360), metavar=("WIDTH", "HEIGHT"))
    chosen = parser.parse_args(arguments)
    with open_reader(chosen.clip) as reader:
        source = scaled(reader.read(0, min(chosen.frames, reader.info.frames)), chosen.size[::-1])
    costs = measure(source)
    for stage, milliseconds in costs.items():
        print(f"{stage:18}{milliseconds:8.1f} ms a frame")
    ratio = (sum(costs.values()) - costs[FLOW]) / costs[FLOW]
    print(f"all but the flow over the flow: {ratio:.2f}, allowed {ALLOWED}")
    sys.exit(ratio > ALLOWED)


if __name__ == "__main__":
    main()
