"""AnimateDiff from several places: adapters as files, checkpoints as people share them, LoRAs, few steps."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from engine.diffusion import catalog, hub
from engine.diffusion.animatediff import AnimateDiff
from engine.diffusion.loading import Options
from engine.diffusion.sampling import levels
from engine.diffusion.stylizer import Request, Stylizer
from engine.errors import ModelError, SettingsError
from tests.engine.diffusion import original_names
from tests.engine.diffusion import tiny_sd15 as tiny
from tests.engine.diffusion.conformance import chunk, difference

LIBRARY: Any = diffusers
REQUEST = Request("ink", strength=0.6, steps=2, guidance=3.0, controls={"depth": 1.0})
SIZE = (32, 40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.build(tmp_path_factory.mktemp("model"), controls=("depth",))


@pytest.fixture(scope="module")
def plain(folder: Path) -> Stylizer:
    return load(folder)


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """One to change."""
    return Path(shutil.copytree(folder, tmp_path / "model"))


def load(model: Path | str, **options: Any) -> AnimateDiff:
    loaded = catalog.load(str(model), Options("cpu", **options))
    assert isinstance(loaded, AnimateDiff)
    return loaded


def apart(one: Stylizer, other: Stylizer) -> float:
    """How far two models' results are from each other."""
    given = chunk(one, 3, SIZE)
    return difference(one.restyle(given, REQUEST), other.restyle(given, REQUEST))


@pytest.fixture
def known(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts the parts of the folder in the places of a row's parts, as if they had been fetched."""

    def put(**places: Path) -> None:
        own = {place.name: place for place in folder.iterdir() if place.is_dir()}
        monkeypatch.setattr(hub, "places", lambda row: {**own, **places})

    return put


@pytest.mark.parametrize("middle", [True, False], ids=["as v1-5-2", "as v1-5-3"])
def test_an_adapter_in_a_file_alone_is_the_one_in_its_folder(
    copy: Path, tmp_path: Path, middle: bool, known: Callable[..., None]
) -> None:
    shutil.rmtree(copy / "motion_adapter")
    tiny.adapter(middle).save_pretrained(copy / "motion_adapter")
    file = tmp_path / "adapter.safetensors"
    shutil.copy(copy / "motion_adapter" / original_names.WEIGHTS, file)
    known(motion_adapter=copy / "motion_adapter")
    whole = load("animatediff")
    known(motion_adapter=file)
    assert apart(load("animatediff"), whole) == 0
    assert whole.window == tiny.WINDOW


def test_a_file_that_is_no_adapter_is_refused(tmp_path: Path, known: Callable[..., None]) -> None:
    save_file({"anything.weight": torch.zeros(2)}, tmp_path / "adapter.safetensors")
    known(motion_adapter=tmp_path / "adapter.safetensors")
    with pytest.raises(ModelError, match="holds no MotionAdapter that fits: it is no motion adapter"):
        load("animatediff")


def test_a_checkpoint_in_one_file_is_the_one_in_its_folder(folder: Path, plain: Stylizer, tmp_path: Path) -> None:
    other = tiny.base(tmp_path / "other", seed=5)
    by_folder = load(folder, checkpoint=str(other))
    by_file = load(folder, checkpoint=str(original_names.write(other, tmp_path / "other.safetensors")))
    assert apart(by_folder, plain) > 1e-3
    assert apart(by_file, by_folder) == 0
    assert len({model.fingerprint for model in (plain, by_folder, by_file)}) == 3


def test_a_file_that_lacks_weights_or_is_another_kind_of_model_is_refused(folder: Path, tmp_path: Path) -> None:
    file = original_names.write(folder, tmp_path / "half.safetensors")
    weights = load_file(file)
    save_file({name: w for name, w in weights.items() if "middle_block.1" not in name}, file)
    with pytest.raises(ModelError, match=r"half\.safetensors is incomplete: weights of its UNet2DConditionModel"):
        load(folder, checkpoint=str(file))
    save_file({"model.diffusion_model.input_blocks.0.0.weight": torch.zeros(4, 4, 3, 3)}, file)
    with pytest.raises(ModelError, match=r"half\.safetensors"):
        load(folder, checkpoint=str(file))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("model.ckpt", "can run code when opened; convert"),
        ("notes.txt", "is no safetensors"),
        ("no/where", "not here|is here"),
    ],
)
def test_other_files_are_no_checkpoints(folder: Path, tmp_path: Path, name: str, words: str) -> None:
    path = tmp_path / name
    if "/" not in name:
        path.write_bytes(b"anything")
    with pytest.raises(ModelError, match=words):
        load(folder, checkpoint=str(path) if "/" not in name else name)


def test_a_model_for_still_pictures_says_how_to_lend_it_motion(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no motion_adapter.*--model animatediff --checkpoint"):
        load(tiny.base(tmp_path))


def test_only_the_starter_of_all_takes_no_other_checkpoint(folder: Path) -> None:
    with pytest.raises(ModelError, match="starter takes no checkpoint but its own"):
        load("starter", checkpoint=str(folder))


def test_only_the_controls_that_are_asked_for_take_memory(tmp_path: Path) -> None:
    model = load(tiny.build(tmp_path))
    assert set(model.capabilities.controls) == {"canny", "depth"}
    empty = model.peak_bytes(8, 64, 64)
    model.check(REQUEST)
    assert set(model.nets.loaded) == {"depth"}
    assert model.peak_bytes(8, 64, 64) > empty + sum(p.numel() for p in model.nets["depth"].net.parameters()) * 4


def lora(file: Path, seed: int = 3) -> Path:
    """A LoRA for the denoiser, as the library writes them."""
    net = tiny.unet()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net.add_adapter(LoraConfig(r=2, lora_alpha=2, init_lora_weights=False, target_modules=["to_q", "to_v"]))
    weights = get_peft_model_state_dict(net)
    LIBRARY.StableDiffusionPipeline.save_lora_weights(str(file.parent), weights, weight_name=file.name)
    return file


def as_trainers_write_it(file: Path) -> Path:
    """The same under the names of the most used trainer."""
    weights = {}
    for name, weight in load_file(file).items():
        module, _, end = name.removeprefix("unet.").partition(".lora")
        flat = f"lora_unet_{module.replace('.', '_')}"
        weights[f"{flat}.lora_{'down' if end.startswith(('_A', '.down')) else 'up'}.weight"] = weight
        weights[f"{flat}.alpha"] = torch.tensor(2.0)
    save_file(weights, file.with_name("trained.safetensors"))
    return file.with_name("trained.safetensors")


def test_a_lora_is_added_at_its_weight(folder: Path, plain: AnimateDiff, tmp_path: Path) -> None:
    file = lora(tmp_path / "ink.safetensors")
    added = load(folder, loras={str(file): 0.5})
    name = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
    parts = load_file(file)
    change = parts[f"unet.{name}.lora_B.weight"] @ parts[f"unet.{name}.lora_A.weight"]
    expected = plain.unet.state_dict()[f"{name}.weight"] + 0.5 * change
    torch.testing.assert_close(added.unet.state_dict()[f"{name}.weight"], expected)
    assert added.unet.state_dict().keys() == plain.unet.state_dict().keys()
    assert apart(added, plain) > 1e-4
    assert apart(load(folder, loras={str(file): 0.0}), plain) < 1e-5
    assert apart(load(folder, loras={str(as_trainers_write_it(file)): 0.5}), added) < 1e-5


def test_loras_add_up_and_are_part_of_what_a_model_is(folder: Path, plain: Stylizer, tmp_path: Path) -> None:
    first, second = lora(tmp_path / "a.safetensors"), lora(tmp_path / "b.safetensors", seed=4)
    one, both = load(folder, loras={str(first): 1}), load(folder, loras={str(first): 1, str(second): 0.5})
    assert apart(one, both) > 1e-4
    prints = {model.fingerprint for model in (plain, one, both)}
    assert len(prints) == 3


def with_a_stray_weight(file: Path) -> None:
    stray = {"unet.nowhere.lora_A.weight": torch.ones(2, 8), "unet.nowhere.lora_B.weight": torch.ones(8, 2)}
    save_file({**load_file(file), **stray}, file)


def of_another_size(file: Path) -> None:
    save_file(
        {name: torch.ones(*weight.shape[:-1], weight.shape[-1] + 1) for name, weight in load_file(file).items()}, file
    )


WRONG: dict[str, tuple[Callable[[Path], Any], str]] = {
    "stray": (with_a_stray_weight, r"does not fit this model: 2 of its \d+ weights have no place"),
    "size": (
        of_another_size,
        r"does not fit this model: size mismatch for .* \(and \d+ more\)\. Take one that",
    ),
    "none": (lambda file: save_file({"x.weight": torch.zeros(2)}, file), "does not fit this model: Invalid LoRA"),
    "broken": (lambda file: file.write_bytes(file.read_bytes()[:-20]), "is damaged, perhaps a download that broke off"),
}


@pytest.mark.filterwarnings("ignore:Already found a `peft_config`:UserWarning")
@pytest.mark.parametrize(("breaks", "words"), WRONG.values(), ids=WRONG)
def test_a_lora_that_does_not_fit_is_an_error_not_a_warning(
    folder: Path, tmp_path: Path, breaks: Callable[[Path], Any], words: str
) -> None:
    file = lora(tmp_path / "ink.safetensors")
    breaks(file)
    with pytest.raises(ModelError, match=f"(?s)ink.safetensors {words}") as refused:
        load(folder, loras={str(file): 1.0})
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 500


def test_loras_that_are_none_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="There is no LoRA nowhere"):
        load(folder, loras={"nowhere.safetensors": 1.0})
    (tmp_path / "ink.pt").touch()
    with pytest.raises(ModelError, match="can run code when opened"):
        load(folder, loras={str(tmp_path / "ink.pt"): 1.0})


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # the library's, with NumPy 2
@pytest.mark.parametrize("name", ["animatediff", "animatediff-v2", "animatediff-lcm", "animatediff-lightning-4"])
def test_each_row_runs_with_its_own_sampler_and_steps(name: str, known: Callable[..., None], tmp_path: Path) -> None:
    """Stable Diffusion's own sampler, PNDM, begins a video at levels that it cannot stop at."""
    known(lora_lcm=lora(tmp_path / "lcm.safetensors"))
    model, row = load(name), catalog.find(name)
    assert row.scheduler is not None
    assert type(model.sampler.scheduler).__name__.endswith(row.scheduler["_class_name"].removesuffix("Scheduler")) or (
        type(model.sampler.scheduler).__name__ == row.scheduler["_class_name"]
    )
    assert model.sampler.scheduler.config.beta_schedule == "linear"
    request = replace(REQUEST, steps=model.defaults.steps_at(0.5), strength=0.5, guidance=model.defaults.guidance)
    model.check(request)
    assert model.restyle(chunk(model, 3, SIZE), request).frames.isfinite().all()


def test_a_model_distilled_to_four_levels_visits_no_others(known: Callable[..., None]) -> None:
    known()
    model = load("animatediff-lightning-4")
    sampler, defaults = model.sampler.scheduler, model.defaults
    assert [defaults.steps_at(strength) for strength in (1.0, 0.75, 0.6, 0.5, 0.1)] == [4, 3, 2, 2, 1]
    visited = {
        level for strength in (1.0, 0.75, 0.5) for level in levels(sampler, defaults.steps_at(strength), strength)
    }
    assert visited == {999, 749, 499, 249}
    with pytest.raises(
        SettingsError, match=r"4 steps do not fit into a strength of 0\.6\. What works: 2 steps or fewer"
    ):
        model.check(replace(REQUEST, strength=0.6, steps=4, guidance=1.0))
    with pytest.raises(SettingsError, match=r"a strength of 0\.25 or more"):
        model.check(replace(REQUEST, strength=0.1, steps=1, guidance=1.0))
