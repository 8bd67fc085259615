"""What steers a job, in figures, on a drawn scene: `python -m benchmarks.controls`.

Depth: flicker of a still scene with grain, as a share of what scaling each frame by itself leaves, and how far maps
drawn by blocks are off those drawn in one piece. Mask: values outside that are not the source's, and the step that a
job leaves at the border, as a share of a hard cut-out's of the same job without a mask. Painted frame: the result is
off by, and change along the scene's own motion beside it, over the source's, with borders and without. Kept: frames
drawn for a job, for it with other words, and with another control. All but depth are jobs of the bundled model.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import cv2
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.steadiness.clips import eight_bit
from consistency.warp import warp
from engine import drawn
from engine.cache import MapCache
from engine.controls import DEPTH, draw_window, load_depth, load_drawers
from engine.footage import Footage
from engine.media import TensorReader, in_levels, open_reader
from engine.pipeline import restyle
from engine.settings import Codec, Settings
from engine.windows import Span
from preprocessors.preprocessor import Preprocessor
from samples.scenes import Scene, draw_scene

GRAIN, STILL = 0.03, 3 * drawn.BLOCK
FLICKER, BORDER, LEAVING = 0.5, 0.2, 1.2
"""What is asked for: each figure at most that."""


def breathing(seed: int, height: int, width: int, folder: Path) -> tuple[float, float]:
    """This gives the flicker of the bundled depth over that of scaling by frame, and how far blocks of frames show."""
    still, chance = draw_scene(seed, 1, height, width).frames, torch.Generator().manual_seed(seed)
    frames = (still + GRAIN * torch.randn(STILL, 3, height, width, generator=chance)).clamp(0, 1)
    footage, whole = Footage(TensorReader(frames, Fraction(24)), (height, width)), Span(0, STILL)
    maps = drawn.Drawn(load_drawers(["depth"])["depth"], footage, MapCache(folder), "still").fit(whole)(whole)
    with torch.no_grad():
        plain = torch.cat([load_depth(DEPTH)(part) for part in torch.split(frames, 8)])
    low, high = plain.amin(dim=(1, 2, 3), keepdim=True), plain.amax(dim=(1, 2, 3), keepdim=True)
    plain = (plain - low) / (high - low)
    ours, each = (one.diff(dim=0).abs().mean() / one.mean(dim=0).std() for one in (maps, plain))
    pieces = in_levels(draw_window(load_drawers(["depth"])["depth"].fit(footage.windows(whole)), frames))
    return float(ours / each), float((maps - pieces).abs().max())


def steps(picture: Tensor, mask: Tensor) -> Tensor:
    """This gives the steps from one pixel to its neighbour across the border of a mask, both ways, `[N, 3]`."""
    across, down = mask.diff(dim=-1)[:, 0] != 0, mask.diff(dim=-2)[:, 0] != 0
    return torch.cat([picture.diff(dim=axis).movedim(1, -1)[where] for axis, where in ((-1, across), (-2, down))])


def border(made: Tensor, whole: Tensor, source: Tensor, mask: Tensor) -> tuple[int, float]:
    """This counts values outside that are not the source's, and gives the step at the border over a hard cut-out's."""
    own, hard = steps(source, mask), torch.where(mask == 0, source, whole)
    left = (steps(made, mask) - own).abs().mean() / (steps(hard, mask) - own).abs().mean()
    return int((made != source)[(mask == 0).expand_as(made)].sum()), float(left)


def leaving(made: Tensor, scene: Scene, number: int) -> float:
    """This gives the change along the scene's motion into and out of a frame, over the source's, the greater one."""
    ratios = []
    for now in (number, number + 1):
        clean, flow = scene.clean[now].expand(3, -1, -1) == 1, scene.flow_to_previous[now : now + 1]
        moved = [(warp(one[now - 1 : now], flow, "bicubic")[0][0] - one[now])[clean] for one in (made, scene.frames)]
        ratios.append(float(moved[0].norm() / moved[1].norm()))
    return max(ratios)


def counted(tally: Counter[str], drawer: Preprocessor, frames: Tensor, early: int, number: int) -> Tensor:
    """This draws a window as a job does, and counts its frames by control."""
    tally[drawer.name] += len(frames)
    return draw_window(drawer, frames, early, number)


def write(folder: Path, frames: Tensor) -> str:
    """This writes frames `[T, 3, H, W]` as stills of 8 bits."""
    folder.mkdir()
    for number, frame in enumerate(frames):
        picture = frame.mul(255).round().byte().permute(1, 2, 0).numpy()[..., ::-1]
        cv2.imwrite(str(folder / f"{number:04d}.png"), picture)
    return str(folder)


def figures(folder: Path, seed: int, frames: int, height: int, width: int) -> Iterator[bool]:
    """This measures one thing after the other, prints a line of each, and says whether it is as asked for."""
    flicker, apart = breathing(seed, height, width, folder / "controls")
    print(f"depth: flicker {flicker:.2f} of scaling by frame, by blocks {apart:g} off what is drawn in one", flush=True)
    yield flicker <= FLICKER and apart == 0
    scene, middle = draw_scene(seed, frames, height, width), frames // 2
    scene, thing = replace(scene, frames=eight_bit(scene.frames)), (scene.layers >= scene.layers.max() - 1).float()
    clip, mask = write(folder / "clip", scene.frames), write(folder / "mask", thing.expand(-1, 3, -1, -1))
    painted = eight_bit(0.85 - 0.7 * scene.frames[middle : middle + 1].roll(1, dims=1))
    key, tally = f"{middle / 24}={write(folder / 'painted', painted)}/0000.png", Counter[str]()
    plain = Settings(look="oil", cuts="none", codec=Codec.PNG, side=height, controls={"edges": 1.0, "depth": 0.5})

    def job(name: str, settings: Settings) -> tuple[Tensor, dict[str, int]]:
        tally.clear()
        restyle(Path(clip), folder / name, settings, rate=Fraction(24))
        with open_reader(folder / name) as reader:
            return reader.read(0, frames), dict(tally)

    with patch.object(drawn, "draw_window", partial(counted, tally)):
        whole, first = job("whole", plain)
        unlike, left = border(job("masked", replace(plain, mask=mask))[0], whole, scene.frames, thing)
        print(f"mask: {unlike} values differ outside, step at the border {left:.3f} of a hard cut-out's", flush=True)
        yield unlike == 0 and left <= BORDER
        made = job("whole", replace(plain, keyframes=(key,)))[0]
        apart, ratio = float((made[middle] - painted[0]).abs().max()), leaving(made, scene, middle)
        inner = leaving(made, replace(scene, clean=1 - F.max_pool2d(1 - scene.clean, 9, 1, 4)), middle)
        print(f"painted frame: off by {apart:g}, change beside it {ratio:.2f}, within things {inner:.2f}", flush=True)
        yield apart == 0 and ratio <= LEAVING
        words = job("words", replace(plain, look=None, prompt="ink drawing", steps=1))[1]
        other = job("other", replace(plain, controls={"flow": 1.0, "depth": 0.5}, steps=1))[1]
        print(f"kept: frames drawn {first}, with other words {words}, with flow for edges {other}", flush=True)
        yield set(first) == {"edges", "depth"} and not words and set(other) == {"flow"}


def main(arguments: Sequence[str] | None = None) -> None:
    """This prints the figures, and ends with 1 where one is not what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.controls", description=__doc__)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--size", type=int, nargs=2, default=[144, 256], metavar=("HEIGHT", "WIDTH"))
    chosen = parser.parse_args(arguments)
    with TemporaryDirectory() as place, patch.dict(os.environ, RESTYLE_CACHE=place):
        passed = list(figures(Path(place), chosen.seed, chosen.frames, *chosen.size))
    sys.exit(not all(passed))


if __name__ == "__main__":
    main()
