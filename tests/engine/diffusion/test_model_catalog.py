"""Models by name and by folder, devices by name; nothing heavy before it is needed."""

import gc
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from engine.diffusion import catalog
from engine.diffusion import family as families
from engine.diffusion.checkpoint import Checkpoint
from engine.diffusion.row import Family, Licence, Row
from engine.diffusion.setup import Setup, find_device
from engine.diffusion.stylizer import Capabilities, Defaults
from engine.errors import ModelError, SettingsError
from tests.fake_stylizer import FakeStylizer


def test_listing_models_imports_no_diffusion_library() -> None:
    code = (
        "import sys; from engine.diffusion import catalog; catalog.rows();"
        "sys.exit(any(name.split('.')[0] in ('diffusers', 'transformers') for name in sys.modules))"
    )
    root = Path(catalog.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_each_row_has_its_own_name_and_says_enough() -> None:
    rows = catalog.rows()
    assert len({row.name for row in rows}) == len(rows)
    assert all(row.title and row.licence.name and row.window >= 4 for row in rows)
    assert all(bool(row.folder) != bool(row.parts) for row in rows)
    assert catalog.find("starter") is rows[0]


def test_no_class_is_claimed_by_two_families_and_each_has_a_file() -> None:
    found = {row.family.module: row.family for row in catalog.rows()}
    claimed = [name for family in found.values() for name in family.classes]
    assert len(set(claimed)) == len(claimed)
    assert all((Path(families.__file__).parent / f"{module}.py").is_file() for module in found)


def test_a_file_and_a_row_are_a_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folders are known, listed with the others, loaded by its file, with what it does best."""
    loaded: list[Row] = []

    def load(checkpoint: Checkpoint, row: Row, setup: Setup, loras: Mapping[str, float]) -> FakeStylizer:
        loaded.append(row)
        return FakeStylizer()

    own = SimpleNamespace(load=load)
    monkeypatch.setitem(sys.modules, "engine.diffusion.new", own)
    takes = Capabilities(frozenset({"depth"}), negative_prompt=False)
    kind = Family("new", frozenset({"NewPipeline"}), 33, 480, Defaults(7, 2.0, 0.0), takes, working=3.0)
    rows = (*catalog.rows(), kind.row("new-1b", "New", licence=Licence("MIT", commercial=True), folder=tmp_path))
    for room in (catalog, families):
        monkeypatch.setattr(room, "ROWS", rows)
    assert catalog.rows()[-1].name == "new-1b"
    assert isinstance(catalog.load(str(folder_with(tmp_path, model_index="NewPipeline")), "cpu"), FakeStylizer)
    assert isinstance(catalog.load("new-1b", "cpu"), FakeStylizer)
    folder, named = loaded
    assert (folder.name, folder.licence.name, folder.takes.controls) == (str(tmp_path), "see the folder", frozenset())
    assert (named.name, named.licence.name, named.takes) == ("new-1b", "MIT", takes)
    for row in loaded:
        assert (row.window, row.side, row.defaults.steps, row.working) == (33, 480, 7, 3.0)


def test_an_unknown_model_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model called 'sdxl'\. There are: starter, .*; or give a folder"):
        catalog.find("sdxl")


def folder_with(tmp_path: Path, **classes: str) -> Path:
    """A folder whose configs name these classes, and nothing else."""
    for component, name in classes.items():
        place = tmp_path if component == "model_index" else tmp_path / component
        place.mkdir(exist_ok=True)
        (place / ("model_index.json" if component == "model_index" else "config.json")).write_text(
            json.dumps({"_class_name": name})
        )
    (tmp_path / "vae").mkdir()
    (tmp_path / "vae" / "config.json").write_text("{}")
    return tmp_path


@pytest.mark.parametrize(
    "classes",
    [
        {"unet": "UNetMotionModel"},
        {"unet": "UNet2DConditionModel"},
        {"model_index": "AnimateDiffControlNetPipeline"},
        {"model_index": "OneOfYourOwn", "unet": "UNetMotionModel"},
    ],
)
def test_a_folder_is_known_by_its_index_or_its_denoiser(tmp_path: Path, classes: dict[str, str]) -> None:
    row = catalog.find(str(folder_with(tmp_path, **classes)))
    assert row.family.module == "animatediff"
    assert row.folder == tmp_path


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ({"model_index": "FluxPipeline"}, "holds a FluxPipeline. Models that work here: animatediff"),
        ({"transformer": "FluxTransformer2DModel"}, "holds a FluxTransformer2DModel"),
        ({}, "has neither unet/config.json nor transformer/"),
    ],
)
def test_a_folder_of_no_known_family_is_refused(tmp_path: Path, classes: dict[str, str], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        catalog.find(str(folder_with(tmp_path, **classes)))


def test_a_repository_that_is_not_here_is_refused_without_asking_the_network() -> None:
    with pytest.raises(ModelError, match="There is no folder nobody/nothing, and nothing of that name from the Hub"):
        catalog.find("nobody/nothing")


@pytest.mark.parametrize("collecting", [True, False])
@pytest.mark.parametrize("model", ["starter", "empty"])
def test_loading_leaves_the_garbage_collector_as_it_was(collecting: bool, model: str, tmp_path: Path) -> None:
    before = gc.isenabled()
    try:
        (gc.enable if collecting else gc.disable)()
        if model == "empty":
            with pytest.raises(ModelError):
                catalog.load(str(tmp_path), "cpu")
        else:
            catalog.load(model, "cpu")
        assert gc.isenabled() == collecting
    finally:
        (gc.enable if before else gc.disable)()


@pytest.mark.parametrize("device", ["tpu", "mps", "cuda:x", "cpu:0", ""])
def test_an_unknown_device_is_refused(device: str) -> None:
    with pytest.raises(SettingsError, match="What works: auto, cpu"):
        find_device(device)


def test_a_gpu_that_is_not_there_is_refused_not_replaced() -> None:
    with pytest.raises(SettingsError, match="CUDA finds"):
        find_device(f"cuda:{torch.cuda.device_count()}")


def test_auto_takes_what_is_there() -> None:
    assert find_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert find_device("cpu") == torch.device("cpu")
