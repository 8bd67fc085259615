"""The recipe from end to end, one step of everything: what it writes is a model that the engine loads and runs."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from engine.diffusion import catalog
from engine.diffusion.stylizer import Chunk, Request
from training.pairs import make_pairs
from training.photos import read_index
from training.train import Recipe, train

STAGES = ("autoencoder", "hints", "diffusion", "decoder", "depth", "motion", "controls")


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    folder: Path = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    with (folder / "index.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "source", "original_path", "licence", "credit"])
        for number in range(7, 10):  # of which the second is held out
            noise = cv2.GaussianBlur(rng.standard_normal((256, 300, 3)), (0, 0), 6)
            cv2.imwrite(str(folder / f"{number}.png"), np.clip(noise / noise.std() * 50 + 128, 0, 255).astype(np.uint8))
            rows.writerow([f"{number}.png", "someone/pictures", f"p{number}.png", "CC BY 4.0", f"Person {number}"])
    assert [photo.held_out for photo in read_index(folder)] == [False, True, False]
    return folder


@pytest.fixture(scope="module")
def starter(photos, tmp_path_factory) -> Path:
    folder: Path = tmp_path_factory.mktemp("recipe")
    recipe = Recipe(photos, folder / "run", folder / "starter", 0, 1, 1, 16, 1, 2, 2, dict.fromkeys(STAGES, 1))
    train(recipe)
    return folder / "starter"


def test_the_engine_runs_what_the_recipe_writes(starter):
    model = catalog.load(str(starter), "cpu")
    assert model.capabilities.controls == {"colour", "depth", "edges", "flow"}
    frames = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(3, *model.noise_shape(64, 64), generator=torch.Generator().manual_seed(1))
    maps = dict.fromkeys(model.capabilities.controls, frames)
    styled = model.restyle(Chunk(frames, noise, maps), Request("oil", 0.6, 2, controls=dict.fromkeys(maps, 1.0)))
    assert styled.frames.shape == frames.shape
    assert styled.frames.std() > 0.01


def test_everyone_is_credited(starter, photos):
    text = (starter / "ATTRIBUTIONS.md").read_text()
    for photo in read_index(photos):
        assert (photo.credit + " " in text) != photo.held_out


def test_a_recipe_with_a_slip_is_refused(tmp_path):
    shipped = (Path(__file__).parents[2] / "training" / "starter.toml").read_text()
    (tmp_path / "slip.toml").write_text(shipped.replace("clips =", "clip ="))
    with pytest.raises(ValueError, match="clips"):
        Recipe.from_toml(tmp_path / "slip.toml")


def test_the_shipped_recipe_can_be_read():
    path = Path(__file__).parents[2] / "training" / "starter.toml"
    recipe = Recipe.from_toml(path)
    assert set(recipe.steps) == set(STAGES)
    assert recipe.target.resolve() == path.parents[1] / "engine" / "starter"


def test_a_look_depends_on_the_picture_alone(photos, tmp_path):
    index = read_index(photos)[:2]
    together = make_pairs(index, 0, tmp_path / "all.npy")
    alone = make_pairs(index[1:], 0, tmp_path / "one.npy")
    assert np.array_equal(together[1:], alone)
