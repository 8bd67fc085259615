"""Which motion is the best ruler of what flickers: `python -m benchmarks.ruler`.

Drawn clips get grain, as a camera adds it, and a look that sticks to their surfaces, softened as a model's are, which
flickers by as much as the grain does. How many times the source's change the result's is (1 or nearly), and what
share of the picture is judged: told by the true motion and, of the grainy source, by the plain search, by the fine
one, and by the fine one that is smooth.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import pairwise

import torch
from kornia.filters import gaussian_blur2d
from torch import Tensor

from benchmarks.steadiness.clips import draw, kind_of
from consistency.metrics import warp_error
from engine.report.measuring import trusted
from preprocessors.flow import DisFlow

FRAMES, SIZE = 5, (216, 384)
CLIPS = (0, 1, 2, 5, 8)  # a pan, a zoom, a roll, a slow one, one that stands still
LEVELS = (0.5, 1.5, 3.0)  # of grain, deviation in 8-bit levels
SEARCHES = {"plain": DisFlow(), "fine": DisFlow(fine=True), "smooth": DisFlow(fine=True, smooth=True)}


@dataclass(frozen=True)
class Told:
    """What a ruler says: the result's change over the source's, and the share of the picture that it looks at."""

    ratio: float
    seen: float


def grain(like: Tensor, level: float, rng: torch.Generator) -> Tensor:
    """Grain of brightness `[T, 1, H, W]`, a pixel or two wide; `level`: its deviation in 8-bit levels."""
    soft = gaussian_blur2d(torch.randn(like[:, :1].shape, generator=rng), (7, 7), (0.7, 0.7))
    return soft / soft.std() * (level / 255)


def rulings(seed: int, level: float) -> dict[str, Told]:
    """This lets each ruler judge a clip whose source and result flicker alike."""
    drawing, rng = draw(seed, FRAMES, *SIZE), torch.Generator().manual_seed(seed)
    source = drawing.clip.source + grain(drawing.clean, level, rng)
    result = gaussian_blur2d(drawing.clean, (5, 5), (0.6, 0.6)) + grain(drawing.clean, level, rng)
    true = drawing.clip.motion
    motions = {"true": list(zip(true.to_previous[1:], true.to_next[:-1], strict=True))}
    motions |= {name: [search.both(*pair) for pair in pairwise(source)] for name, search in SEARCHES.items()}
    return {name: _told(source, result, pairs) for name, pairs in motions.items()}


def _told(source: Tensor, result: Tensor, pairs: list[tuple[Tensor, Tensor]]) -> Told:
    there = torch.stack([torch.zeros_like(pairs[0][0]), *(flow for flow, _ in pairs)])
    mask = torch.stack([torch.zeros_like(there[0, :1]), *(trusted(*pair) for pair in pairs)])
    return Told(warp_error(result, there, mask) / warp_error(source, there, mask), float(mask[1:].mean()))


def main() -> None:
    """This prints a line for each clip and level of grain."""
    argparse.ArgumentParser(prog="python -m benchmarks.ruler", description=__doc__.splitlines()[0]).parse_args()
    for seed in CLIPS:
        for level in LEVELS:
            told = (f"{name} {said.ratio:.2f} of {said.seen:4.0%}" for name, said in rulings(seed, level).items())
            print(f"{kind_of(seed).value:<9} grain {level}  {'   '.join(told)}", flush=True)


if __name__ == "__main__":
    main()
