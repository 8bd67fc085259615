"""The worst clip of every fault, as pictures: source, flickering, ours, best peer.

    python -m benchmarks.steadiness --methods ours --json results.json
    python -m benchmarks.steadiness.strips results.json -o docs/steadiness.jpg

Each row is the clip on which a fault's Q was lowest, cut to where the result is furthest from the answer: the middle
frame, and below it one row of the picture through time, the first frame on top. The best peer is that of the highest Q
of those that are told the motion; for faults of chunks, after a matched fade.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.steadiness.methods import METHODS
from benchmarks.steadiness.peers import PEERS
from benchmarks.steadiness.run import Plan, drawings, motion_of, trials
from benchmarks.steadiness.scores import BY_CHUNK, Judge
from benchmarks.steadiness.trial import Method, Motion, Trial
from benchmarks.strip import panel
from engine.media import as_jpeg

CROP = (108, 192)  # pixels, or all there are
TOLD = ("flow blend", "motion average", "screened Poisson")
MATCHED = "matched fade + "


def worst(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """This says for every case on which seed the product's Q was lowest, of rows as `--json` writes them."""
    lowest: dict[str, tuple[float, int]] = {}
    for row in rows:
        if row["method"] == "ours":
            found = row["score"]["quality"], int(row["clip"].rpartition("-")[2])
            lowest[row["case"]] = min(lowest.get(row["case"], found), found)
    return {case: seed for case, (_, seed) in sorted(lowest.items())}


def place(made: Tensor, answer: Tensor) -> tuple[slice, slice]:
    """This finds where a result `[T, 3, H, W]` is furthest from an answer: rows and columns of a `CROP`."""
    height, width = made.shape[-2:]
    tall, wide = min(CROP[0], height), min(CROP[1], width)
    off = (made - answer).square().mean(dim=(0, 1))[None, None]
    at = int(F.avg_pool2d(off, (tall, wide), stride=1).argmax())
    top, left = divmod(at, width - wide + 1)
    return slice(top, top + tall), slice(left, left + wide)


def strip(trial: Trial, motion: Motion) -> Tensor:
    """This draws one row: `[3, H, W]`."""
    judge = Judge(trial)
    before = MATCHED if trial.case in BY_CHUNK else ""
    peers: dict[str, Method] = {name: PEERS[before + name] for name in TOLD}
    made = {name: method(trial, motion) for name, method in {"ours": METHODS["ours"], **peers}.items()}
    quality = {name: judge.score(frames).quality for name, frames in made.items()}
    best = max(peers, key=quality.__getitem__)
    answer = min(trial.answers, key=lambda answer: float((answer - made["ours"]).square().mean()))
    rows, columns = place(made["ours"], answer)
    shown = {
        f"{trial.case}, {trial.clip.name}": trial.clip.source,
        "flickering": trial.flickering,
        f"ours, Q {quality['ours']:.2f}": made["ours"],
        f"{best}, {quality[best]:.2f}": made[best],
    }
    middle = (rows.stop - rows.start) // 2
    return torch.cat([panel(frames[..., rows, columns], middle, words) for words, frames in shown.items()], dim=2)


def main(arguments: Sequence[str] | None = None) -> None:
    """This draws the picture."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.steadiness.strips", description=__doc__.split("\n")[0])
    parser.add_argument("results", type=Path, help="what `python -m benchmarks.steadiness --json` wrote")
    parser.add_argument("-o", "--output", type=Path, default=Path("strips.jpg"))
    parser.add_argument("--size", type=int, nargs=2, default=[216, 384], metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--frames", type=int, default=48)
    chosen = parser.parse_args(arguments)
    height, width = chosen.size
    drawn = []
    for case, seed in worst(json.loads(chosen.results.read_text())).items():
        plan = Plan((seed,), (case,), frames=chosen.frames, height=height, width=width)
        for _, drawing in drawings(plan):
            motion = motion_of(drawing.clip, "estimated", seed, plan)
            drawn += [strip(trial, motion) for trial in trials(plan, seed, drawing)]
            print(case, drawing.clip.name, flush=True)
    chosen.output.write_bytes(as_jpeg(torch.cat(drawn, dim=1)))
    print(chosen.output)


if __name__ == "__main__":
    main()
