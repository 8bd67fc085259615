"""Do words change a look as they say: `python -m benchmarks.words ../shared/photos`.

Held-out photos are restyled by the name of each look alone and with one word more; printed is what the word changes of
what it speaks of, in percent of full brightness: warmth is red over blue, light is brightness, colour is the strongest
channel over the weakest; lines are the percentage of pixels less than half as bright as the median.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import restyle
from benchmarks.looks import chosen
from engine.settings import look_names
from training.photos import load, read_index, to_tensor
from training.words import AXES

SIDE = 256


def warmth(frame: Tensor) -> float:
    """Red over blue of a frame `[1, 3, H, W]`."""
    return float((frame[:, 0] - frame[:, 2]).mean())


def light(frame: Tensor) -> float:
    """Brightness."""
    return float(frame.mean())


def colour(frame: Tensor) -> float:
    """The strongest channel over the weakest."""
    return float((frame.amax(dim=1) - frame.amin(dim=1)).mean())


def lines(frame: Tensor) -> float:
    """The share of pixels that are less than half as bright as the median."""
    grey = frame.mean(dim=1).flatten()
    return float((grey < grey.median() / 2).float().mean())


MEASURES: tuple[tuple[Callable[[Tensor], float], int], ...] = ((warmth, 1), (light, -1), (colour, -1), (lines, 1))
"""What each pair of words speaks of, and whether the first of them means more (1) or less of it."""


def restyled(frame: Tensor, prompt: str) -> Tensor:
    """This restyles one frame."""
    return torch.cat(list(restyle.frames(frame, prompt=prompt, cuts="none")))


def main() -> None:
    """This prints a row for each look, and how many words go the right way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--judge", type=int, default=3, help="held-out photos that are restyled (default: %(default)s)")
    given = parser.parse_args()
    photos = [load(one) for one in chosen([one for one in read_index(given.photos) if one.held_out], given.judge)]
    frames = [to_tensor([whole[:SIDE, :SIDE]]) for whole in photos]
    print(f"{'':12}" + "".join(f"{word:>13}" for pair in AXES for word in pair))
    right = asked = 0
    for name in look_names():
        plain, row = [restyled(frame, name) for frame in frames], []
        for pair, (measure, sign) in zip(AXES, MEASURES, strict=True):
            for word, way in zip(pair, (sign, -sign), strict=True):
                changes = [
                    measure(restyled(frame, f"{name}, {word}")) - measure(one)
                    for frame, one in zip(frames, plain, strict=True)
                ]
                row.append(100 * float(np.mean(changes)))
                right, asked = right + (way * row[-1] > 0), asked + 1
        print(f"{name:12}" + "".join(f"{change:+13.1f}" for change in row), flush=True)
    print(f"the way that the word says: {right} of {asked}")


if __name__ == "__main__":
    main()
