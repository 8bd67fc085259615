"""Whether colours hold over many chunks: `python -m benchmarks.drift`.

Chunks as long as a video model makes them, each of which begins further off than the one before: fault D8 of
`benchmarks.steadiness`, over a shot of twenty chunks, once in light that stays and once while it goes down by a third.
They are joined and steadied as the product does it. The mean colour of every chunk is held against the right answer's,
and so is the light of the source.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.steadiness.clips import Drawing, eight_bit
from benchmarks.steadiness.injections import LONGEST, inject
from benchmarks.steadiness.methods import METHODS
from benchmarks.steadiness.motion import countable, estimated
from benchmarks.steadiness.real import restyled
from benchmarks.steadiness.trial import Clip, Trial
from consistency.lab import difference
from samples.scenes import draw_scene

CHUNKS, OVERLAP, DARKER = 20, 4, 0.35
FARTHEST, LIKE = 1.0, 0.99
"""What is asked for: dE2000 of any chunk's mean to the first one's, and correlation of brightness with the answer's."""


@dataclass(frozen=True)
class Drift:
    """What is said of one result: dE2000 `[chunks]` of each chunk's mean beside the first's, and how light is kept."""

    apart: Tensor
    light: float


def draw(seed: int, chunks: int, height: int, width: int, darker: float) -> Drawing:
    """This draws a shot of so many chunks, back and forth, whose light goes down evenly, and gives it a look."""
    length = LONGEST + (chunks - 1) * (LONGEST - OVERLAP)
    scene = draw_scene(seed, min(length, 2 * LONGEST), height, width).frames
    there_and_back = torch.cat([scene, scene.flip(0)[1:-1]])
    light = torch.linspace(1, 1 - darker, length).view(-1, 1, 1, 1)
    source = eight_bit(there_and_back[torch.arange(length) % len(there_and_back)] * light)
    motion, look = estimated(source), restyled(source, seed)
    none = torch.zeros(1, 1, 1, 1)
    clip = Clip(f"drift-{seed}", source, motion, countable(motion))
    return Drawing(clip, look, none, none.expand(chunks, 1, 1, 1, 1), none)


def drift(made: Tensor, trial: Trial) -> Drift:
    """This says how far the chunks of a result drift, beside what the right answer itself does."""
    answer = trial.answers[0]
    starts = [part.start for part in trial.parts]
    spans = list(zip(starts, [*starts[1:], len(answer)], strict=True))
    means, right = (torch.stack([frames[a:b].mean(dim=(0, 2, 3)) for a, b in spans]) for frames in (made, answer))
    levels = torch.stack([frames.mean(dim=(1, 2, 3)) for frames in (made, answer)])
    return Drift(difference(means - means[:1] + right[:1], right), float(torch.corrcoef(levels)[0, 1]))


def main(arguments: Sequence[str] | None = None) -> None:
    """This prints the figures, and ends with 1 where it is too much."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drift", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--chunks", type=int, default=CHUNKS, help="default: %(default)s")
    parser.add_argument("--size", type=int, nargs=2, default=[108, 192], metavar=("HEIGHT", "WIDTH"))
    chosen = parser.parse_args(arguments)
    bad, (height, width) = False, chosen.size
    print(f"{'shot':24}{'method':10}{'dE2000 most':>12}{'last':>8}{'light':>8}")
    for seed in chosen.seeds:
        for name, darker in (("same light", 0.0), ("darker", DARKER)):
            trial = inject(draw(seed, chosen.chunks, height, width, darker), seed, "D8", overlap=OVERLAP)
            results = {"nothing": trial.flickering, "ours": METHODS["ours"](trial, trial.clip.motion)}
            for method, made in results.items():
                found = drift(made, trial)
                far = f"{found.apart.max():12.2f}{found.apart[-1]:8.2f}"
                print(f"{f'{seed}, {name}':24}{method:10}{far}{found.light:8.4f}", flush=True)
            bad = bad or bool(found.apart.max() > FARTHEST) or (darker > 0 and found.light < LIKE)
    sys.exit(bad)


if __name__ == "__main__":
    main()
