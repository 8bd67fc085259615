"""What looks keep of the source, how well depth is told, and what the motion modules are worth.

    python -m benchmarks.structure [CLIP ...] [--model FOLDER]

Kept: drawn pictures, the sample's and each clip's middle frame, restyled at rising strengths. Edges: F1 of Canny edges,
one pixel apart at most. Blur SSIM: SSIM after a blur. Order: of random pairs of points whose order in depth the depth
network sees rightly in the source, the share that it sees rightly in the result; of pictures whose depth is known.

Depth: the network against drawn pictures that it has not seen, and how much its maps change in a still, grainy scene.

Motion: warp error of what the model made of one window, over that of the same model without its motion modules, under
the same noise, which moves with the picture, and frame by frame: without them, and with noise of each frame's own.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import restyle
from benchmarks.jobs import SAMPLE
from benchmarks.sheet import middle
from benchmarks.upsampling import motion
from consistency.metrics import warp_error
from consistency.structure import blur_ssim, edge_f1, pair_order
from engine.controls import DEPTH, load_depth
from engine.diffusion import catalog
from engine.diffusion.loading import Options
from engine.report.measuring import EDGES
from engine.settings import load_look, look_names
from preprocessors.aligned_depth import AlignedDepth
from samples.kinds import Kind, draw_kind
from samples.scenes import Scene, draw_scene, film
from samples.textures import draw_texture
from training.depth import HELD_OUT
from training.views import draw_view

SIZE = (216, 384)
STRENGTHS = (0.3, 0.6, 1.0)  # and each look's own
WANTED = {"edges": 0.41, "blur SSIM": 0.70, "order": 0.95}
GRAIN = 2 / 255  # standard deviation of a still camera's noise

Network = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Still:
    """A picture `[1, 3, H, W]`, and where it is drawn its inverse depth `[1, 1, H, W]`, 0 to 1."""

    picture: Tensor
    near: Tensor | None = None


def views(count: int, size: tuple[int, int], seed: int = HELD_OUT) -> list[Still]:
    """This draws standing views, with drawn textures, that no training has seen."""
    rng = np.random.default_rng(seed)
    textures = [draw_texture(rng, 128) for _ in range(40)]
    drawn = [draw_view(rng, *size, textures) for _ in range(count)]
    return [Still(torch.from_numpy(p).permute(2, 0, 1)[None], torch.from_numpy(near)[None, None]) for p, near in drawn]


def planes(count: int, size: tuple[int, int], seed: int = HELD_OUT) -> list[Still]:
    """This draws flying planes that no training has seen."""
    scenes = [draw_scene(seed + number, 1, *size, first=7 * number) for number in range(count)]
    return [Still(scene.frames, scene.depth) for scene in scenes]


def kept(still: Still, made: Tensor, network: Network) -> dict[str, float]:
    """This says what a restyled picture keeps of a still."""
    found = {
        "edges": float(edge_f1(EDGES(made), EDGES(still.picture))),
        "blur SSIM": float(blur_ssim(made, still.picture)),
    }
    if still.near is not None:
        found["order"] = pair_order(network(made), still.near, seen=network(still.picture))
    return found


def restyled(frames: Tensor, look: str, **settings: Any) -> Tensor:  # noqa: ANN401 - settings of a job
    """This restyles frames as one window, and takes what the model made."""
    return torch.cat(list(restyle.frames(frames, look=look, cuts="none", steady=0, **settings)))


def structure(
    look: str, stills: Sequence[Still], network: Network, strengths: Sequence[float]
) -> list[dict[str, float]]:
    """This gives for each strength what a look keeps, the mean over stills."""
    table = []
    for strength in strengths:
        rows = [kept(still, restyled(still.picture, look, strength=strength), network) for still in stills]
        table.append({name: float(np.mean([row[name] for row in rows if name in row])) for name in WANTED})
    return table


def flicker(network: Network, frames: int = 12) -> float:
    """This is how much depth changes from frame to frame in a still scene with grain, over its range."""
    scene = _filmed(Kind.STILL, 1)
    grain = torch.randn(frames, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    clip = (scene.frames + GRAIN * grain).clamp(0, 1)
    maps = AlignedDepth(network).fit([clip])(clip)
    return float(maps.diff(dim=0).abs().mean())


def _filmed(kind: Kind, frames: int) -> Scene:
    planes = draw_kind(kind, HELD_OUT, *SIZE)
    return film(lambda t: planes, range(frames), *SIZE)


def without_motion(stylizer: Any) -> Any:  # noqa: ANN401 - a family of its own
    """This gives the same model without its motion modules: they add nothing any more."""
    unet = copy.deepcopy(stylizer.unet)
    for name, module in unet.named_modules():
        if "motion_modules" in name and name.endswith("proj_out"):
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)
    return replace(stylizer, unet=unet)


def frame_by_frame(stylizer: Any) -> Any:  # noqa: ANN401 - a family of its own
    """This gives the same model as a model of single frames: no motion modules, and noise of each frame's own."""
    return replace(without_motion(stylizer), defaults=replace(stylizer.defaults, noise_carried=0.0))


def use(stylizer: Any) -> None:  # noqa: ANN401 - any model
    """This makes jobs take a model that is loaded already."""
    catalog.load = lambda model, how=None: stylizer


def main(arguments: Sequence[str] | None = None) -> None:
    """This prints three tables."""
    parser = argparse.ArgumentParser(description="What looks keep, how depth is told, what motion modules are worth.")
    parser.add_argument("clips", type=Path, nargs="*")
    parser.add_argument("--model", default="starter", help="a model of AnimateDiff's family (default: %(default)s)")
    parser.add_argument("--depth", type=Path, default=DEPTH, help="folder of the depth network")
    parser.add_argument("--look", action="append", choices=look_names(), help="all, if not given")
    parser.add_argument("--stills", type=int, default=2, help="drawn views, and as many of flying planes")
    parser.add_argument("--frames", type=int, default=6, help="of a window, where motion is judged")
    chosen = parser.parse_args(arguments)
    looks = chosen.look or look_names()
    network = torch.no_grad()(load_depth(chosen.depth))
    stylizer = catalog.load(chosen.model, Options())
    use(stylizer)
    _print_depth(network)
    clips = {clip.stem: middle(clip, chosen.frames, min(SIZE)) for clip in chosen.clips}
    _print_kept(looks, chosen.stills, clips, network)
    _print_motion(looks, clips, stylizer, chosen.frames)


def _print_depth(network: Network) -> None:
    for name, stills in (("standing views", views(24, (160, 288))), ("flying planes", planes(24, (160, 288)))):
        order = np.mean([pair_order(network(still.picture), still.near) for still in stills if still.near is not None])
        print(f"depth, {name}: {100 * order:.1f} % of pairs in order, wanted 95", flush=True)
    print(f"depth, still scene: {100 * flicker(network):.2f} % of its range a frame, wanted 1 at most", flush=True)


def _print_kept(looks: list[str], count: int, clips: dict[str, Tensor], network: Network) -> None:
    stills = [Still(middle(SAMPLE, 1, min(SIZE))), *views(count, SIZE), *planes(count, SIZE)]
    stills += [Still(frames[len(frames) // 2][None]) for frames in clips.values()]
    print(
        f"\nkept, {len(stills)} pictures at rising strengths, {STRENGTHS} and the look's own (in brackets)\n{'':12}",
        end="",
    )
    print("".join(f"{name:>40}" for name in WANTED))
    for look in looks:
        own = load_look(look).strength
        strengths = sorted({*STRENGTHS, own})
        table = structure(look, stills, network, strengths)
        default = table[strengths.index(own)]
        told = ""
        for name, least in WANTED.items():
            falls = all(after[name] <= before[name] + 0.005 for before, after in pairwise(table))
            marks = ("" if default[name] >= least else "!") + ("" if falls else "~")
            told += f"{' '.join(f'{row[name]:.2f}' for row in table)} ({default[name]:.3f}){marks}".rjust(40)
        print(f"{look:12}{told}", flush=True)
    print("! below", ", ".join(f"{name} {least}" for name, least in WANTED.items()), "at the look's own strength")
    print("~ does not fall from strength to strength")


def _print_motion(looks: list[str], clips: dict[str, Tensor], stylizer: Any, count: int) -> None:  # noqa: ANN401
    scene = _filmed(Kind.PARALLAX, count)
    known = {"parallax": (scene.frames.clamp(0, 1), scene.flow_to_previous, scene.clean)}
    known |= {name: (frames, *motion(frames)) for name, frames in clips.items()}
    models = (stylizer, without_motion(stylizer), frame_by_frame(stylizer))
    print("\nwarp error of a window, without motion modules, frame by frame; its ratio to both, wanted 0.5 at most")
    for name, (frames, flow, seen) in known.items():
        for look in looks:
            errors = []
            for model in models:
                use(model)
                errors.append(warp_error(restyled(frames, look), flow, seen))
            ratios = (errors[0] / error for error in errors[1:])
            told = f"{''.join(f'{error:8.3f}' for error in errors)}{''.join(f'{ratio:8.2f}' for ratio in ratios)}"
            print(f"{name:26}{look:12}{told}", flush=True)


if __name__ == "__main__":
    main()
