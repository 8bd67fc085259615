"""From photographs to `engine/starter/`: `python -m training.train training/starter.toml`.

Stages run in their order. Each keeps a checkpoint and what it made in the run's folder; the same command goes on where
it was stopped, and passes by what is finished.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
import torch
from diffusers import AutoencoderDC
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from engine.controls import load_depth
from preprocessors.depth import Depth
from preprocessors.depth_network import DepthNet
from preprocessors.edges import SoftLines
from preprocessors.flow import DisFlow, FlowMap
from preprocessors.palette import Palette
from preprocessors.preprocessor import Preprocessor
from training import autoencoder, controls, decoder, depth, diffusion, export, hints, motion
from training.answers import Answers, Neighbours, draw_answers, draw_neighbours
from training.attributions import attributions
from training.encoding import Encoded, encode_pairs
from training.moving import ClipPool, draw_clips, encode_clips
from training.pairs import make_changed, make_pairs
from training.photos import Photo, crop, load, read_index, to_tensor

Made = TypeVar("Made", Answers, Encoded, Neighbours, diffusion.Pool, ClipPool)


@dataclass(frozen=True)
class Recipe:
    """What to train on, for how long, and where the result goes. Read from TOML, whose folders are relative to it.

    With `start`, a folder of finished weights, autoencoder, readers of maps and depth network are taken from there, and
    the other parts go on from it.
    """

    photos: Path
    run: Path
    target: Path
    seed: int
    scenes: int
    clips: int
    answers: int
    moving_answers: int
    depth_views: int
    depth_planes: int
    steps: dict[str, int]
    start: Path | None = None

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """This reads a recipe.

        Raises:
            ValueError: a key is missing or unknown.
        """
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        known: set[str] = {field.name for field in fields(cls)}
        if set(values) | {"start"} != known:
            raise ValueError(f"{path} must have exactly these keys: {', '.join(sorted(known))}")
        folders: dict[str, Path] = {
            name: path.parent / values[name] for name in ("photos", "run", "target", "start") if name in values
        }
        return cls(**(values | folders))

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


class Material:
    """What stages learn from, made when the first one asks for it and kept in the run's folder."""

    def __init__(self, recipe: Recipe, photos: list[Photo], vae: AutoencoderDC) -> None:
        self.recipe, self.photos, self.vae = recipe, photos, vae

    @cached_property
    def pairs(self) -> np.ndarray:
        """Photos and drawn pictures in every look."""
        return make_pairs(self.photos, self.recipe.scenes, self.recipe.run / "pairs.npy")

    @cached_property
    def encoded(self) -> Encoded:
        """The same, and once more with looks that words change, as latents and control maps."""

        def encode() -> Encoded:
            changed, bits = make_changed(self.photos, self.recipe.scenes, self.recipe.run / "changed.npy")
            return encode_pairs(self.pairs, changed, bits, self.vae)

        return kept(self.recipe.run / "encoded.pt", Encoded, encode)

    @cached_property
    def readers(self) -> hints.Readers:
        """What reads control maps."""
        if self.recipe.start is not None:
            return hints.start_from(self.recipe.start, diffusion.CONTROLS)
        return hints.train(self.encoded.latents, self.encoded.maps, **self.recipe.stage("hints"))

    def pool(self) -> diffusion.Pool:
        """This gives pairs whose maps were read."""
        return kept(
            self.recipe.run / "pool.pt",
            diffusion.Pool,
            lambda: diffusion.Pool(
                self.encoded.latents, self.readers.read_all(self.encoded.maps), self.encoded.changes
            ),
        )

    def answers(self, denoiser: diffusion.Denoiser) -> Answers:
        """This gives what the finished denoiser makes of crops of the pairs."""

        def draw() -> Answers:
            return draw_answers(self.pool(), self.pairs, denoiser, self.recipe.answers, self.recipe.seed)

        return kept(self.recipe.run / "answers.pt", Answers, draw)

    def neighbours(self, model: motion.Moving, clips: Callable[[], ClipPool]) -> Neighbours:
        """This gives what the finished model makes of moving scenes."""

        def draw() -> Neighbours:
            return draw_neighbours(clips(), model, self.recipe.moving_answers, self.recipe.seed)

        return kept(self.recipe.run / "neighbours.pt", Neighbours, draw)

    def clips(self, near: DepthNet) -> ClipPool:
        """This gives moving scenes, whose depth the finished network draws."""
        drawers: list[Preprocessor] = [Palette(), SoftLines(), Depth(near), FlowMap(DisFlow())]
        return kept(
            self.recipe.run / "clips.pt",
            ClipPool,
            lambda: encode_clips(
                draw_clips(self.pairs, self.recipe.clips, self.recipe.seed), self.vae, self.readers, drawers
            ),
        )


def train(recipe: Recipe) -> None:
    """This runs all stages and writes the starter."""
    recipe.run.mkdir(parents=True, exist_ok=True)
    index = read_index(recipe.photos)
    learned = [photo for photo in index if not photo.held_out]
    rng = np.random.default_rng(recipe.seed)
    unseen = to_tensor([crop(load(photo), 192, rng) for photo in index if photo.held_out][::3])
    vae = _autoencoder(recipe, learned, unseen)
    made = Material(recipe, learned, vae)
    learner = diffusion.train(made.pool, autoencoder.CHANNELS, start=recipe.start, **recipe.stage("diffusion"))
    denoiser = learner.denoiser
    near = _depth(recipe)
    clips = cache(lambda: made.clips(near))
    more = controls.train(denoiser, clips, start=recipe.start, **recipe.stage("controls"))
    moving = motion.train(learner, clips, start=recipe.start, **recipe.stage("motion"))

    def answers() -> tuple[Answers, Neighbours]:
        return made.answers(denoiser), made.neighbours(moving, clips)

    last = decoder.train(vae, answers, unseen, **recipe.stage("decoder"))
    export.export_controls({**denoiser.controlnets, **more}, made.readers, recipe.target)
    export.export_denoiser(denoiser, moving.unet, recipe.target)
    export.export_autoencoder(last, recipe.target)
    (recipe.target / "ATTRIBUTIONS.md").write_text(attributions(learned), encoding="utf-8")


def _autoencoder(recipe: Recipe, learned: list[Photo], unseen: Tensor) -> AutoencoderDC:
    if recipe.start is not None:
        vae: AutoencoderDC = AutoencoderDC.from_pretrained(recipe.start / "vae")
        return vae.float().eval()
    return autoencoder.train([load(photo) for photo in learned], unseen, **recipe.stage("autoencoder"))


def _depth(recipe: Recipe) -> DepthNet:
    if recipe.start is not None:
        return load_depth(recipe.start / "depth")
    views, planes, run = recipe.depth_views, recipe.depth_planes, recipe.run
    pools = depth.load_pools(run / "depth_pool.pt", recipe.photos, views, planes)
    few = max(2, min(32, views // 25)), max(2, min(32, planes // 6))  # the upright pool is half as large
    unseen = depth.load_pools(run / "depth_unseen.pt", recipe.photos, *few, held_out=True)
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
