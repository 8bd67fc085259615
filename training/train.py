"""From photographs to `engine/starter/`: `python -m training.train training/starter.toml`.

Stages run in their order. Each keeps a checkpoint and what it made in the run's folder; the same command goes on where
it was stopped, and passes by what is finished.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from engine.settings import load_look
from preprocessors.depth import Depth
from preprocessors.depth_network import DepthNet
from preprocessors.edges import SoftLines
from preprocessors.flow import DisFlow, FlowMap
from preprocessors.palette import Palette
from preprocessors.preprocessor import Preprocessor
from training import autoencoder, controls, decoder, depth, diffusion, export, hints, motion
from training.attributions import attributions
from training.encoding import Encoded, encode_pairs
from training.moving import ClipPool, draw_clips, encode_clips
from training.pairs import make_pairs
from training.photos import crop, load, read_index, to_tensor
from training.styles import STYLES

SAID = {
    "watercolor": ["watercolor", "a watercolour painting"],
    "oil": ["oil", "an oil painting"],
    "ink": ["ink", "an ink drawing"],
    "comic": ["comic", "a comic book picture"],
}
"""What else people call the looks."""

Made = TypeVar("Made", Encoded, diffusion.Pool, ClipPool)


@dataclass(frozen=True)
class Recipe:
    """What to train on, for how long, and where the result goes. Read from TOML, whose folders are relative to it."""

    photos: Path
    run: Path
    target: Path
    seed: int
    scenes: int
    clips: int
    depth_views: int
    depth_planes: int
    steps: dict[str, int]

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """This reads a recipe.

        Raises:
            ValueError: a key is missing or unknown.
        """
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        known = {field.name for field in fields(cls)}
        if set(values) != known:
            raise ValueError(f"{path} must have exactly these keys: {', '.join(sorted(known))}")
        folders = {name: path.parent / values[name] for name in ("photos", "run", "target")}
        return cls(**{**values, **folders})

    def stage(self, name: str) -> dict[str, Any]:
        """This gives what every stage wants to know."""
        return {"run": self.run, "steps": self.steps[name], "seed": self.seed}


def kept(path: Path, kind: type[Made], make: Callable[[], Made]) -> Made:
    """This makes something of tensors once, and reads it from `path` ever after."""
    if not path.exists():
        partial = path.with_suffix(".partial")
        torch.save(vars(make()), partial)
        partial.replace(path)
    return kind(**torch.load(path))


def prompts() -> list[list[str]]:
    """This lists for each look what it may be called; its own words count twice."""
    return [[load_look(name).prompt] * 2 + SAID[name] for name in STYLES]


def train(recipe: Recipe) -> None:
    """This runs all stages and writes the starter."""
    recipe.run.mkdir(parents=True, exist_ok=True)
    index = read_index(recipe.photos)
    learned = [photo for photo in index if not photo.held_out]
    rng = np.random.default_rng(recipe.seed)
    unseen = to_tensor([crop(load(photo), 192, rng) for photo in index if photo.held_out][::3])
    vae = autoencoder.train([load(photo) for photo in learned], unseen, **recipe.stage("autoencoder"))
    pairs = make_pairs(learned, recipe.scenes, recipe.run / "pairs.npy")
    encoded = kept(recipe.run / "encoded.pt", Encoded, lambda: encode_pairs(pairs, vae))
    readers = hints.train(encoded.latents, encoded.maps, **recipe.stage("hints"))
    pool = kept(
        recipe.run / "pool.pt", diffusion.Pool, lambda: diffusion.Pool(encoded.latents, readers.read_all(encoded.maps))
    )
    denoiser = diffusion.train(pool, prompts(), **recipe.stage("diffusion"))
    near = _depth(recipe)
    drawers: list[Preprocessor] = [Palette(), SoftLines(), Depth(near), FlowMap(DisFlow())]
    clips = kept(
        recipe.run / "clips.pt",
        ClipPool,
        lambda: encode_clips(draw_clips(pairs, recipe.clips, recipe.seed), vae, readers, drawers),
    )
    more = controls.train(denoiser, clips, prompts(), **recipe.stage("controls"))
    unet = motion.train(denoiser, clips, prompts(), **recipe.stage("motion"))
    export.export_controls({**denoiser.controlnets, **more}, readers, recipe.target)
    export.export_denoiser(denoiser, unet, recipe.target)
    last = decoder.train(vae, encoded.latents[: len(pairs)], pairs, unseen, **recipe.stage("decoder"))
    export.export_autoencoder(last, recipe.target)
    (recipe.target / "ATTRIBUTIONS.md").write_text(attributions(learned), encoding="utf-8")


def _depth(recipe: Recipe) -> DepthNet:
    views, planes, run = recipe.depth_views, recipe.depth_planes, recipe.run
    pools = depth.load_pools(run / "depth_pool.pt", recipe.photos, views, planes)
    unseen = depth.load_pools(run / "depth_unseen.pt", recipe.photos, views // 25, planes // 6, held_out=True)
    net = depth.train(pools, unseen, **recipe.stage("depth"))
    depth.export(net, recipe.target / "depth")
    return net


def main() -> None:
    """This trains by the recipe that is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path, help="a TOML file such as training/starter.toml")
    recipe = Recipe.from_toml(parser.parse_args().recipe)
    with sdpa_kernel(SDPBackend.MATH):  # the default's way back is slow on processors
        train(recipe)


if __name__ == "__main__":
    main()
