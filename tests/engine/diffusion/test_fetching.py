"""Which files of a repository are fetched, and whether what is in the cache is whole."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from engine.diffusion import catalog, hub
from engine.diffusion.fetching import Remote, choose, explained
from engine.diffusion.fitting import Machine, fit
from engine.diffusion.row import Part
from engine.errors import ModelError, ResourceError

UNET = "unet/diffusion_pytorch_model"


def remote(*paths: str) -> list[Remote]:
    return [Remote("some/one", path, "main", 10) for path in paths]


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        (["unet/config.json", f"{UNET}.safetensors"], ["unet/config.json", f"{UNET}.safetensors"]),
        ([f"{UNET}.safetensors", f"{UNET}.fp16.safetensors"], [f"{UNET}.fp16.safetensors"]),
        ([f"{UNET}.safetensors", f"{UNET}.non_ema.safetensors"], [f"{UNET}.safetensors"]),
        ([f"{UNET}.safetensors", f"{UNET}.bin", "unet/run.py", "unet/model.onnx"], [f"{UNET}.safetensors"]),
        ([f"{UNET}.safetensors", "vae/config.json", "config.json"], [f"{UNET}.safetensors"]),
        ([f"{UNET}-00001-of-00002.safetensors", f"{UNET}-00002-of-00002.safetensors"],) * 2,
    ],
)
def test_configs_and_safetensors_are_chosen_and_halves_before_wholes(there: list[str], chosen: list[str]) -> None:
    files = choose(Part("unet", "some/one", "unet"), remote(*there))
    assert [file.path for file in files] == chosen


def test_a_part_at_the_top_or_of_one_file_is_found() -> None:
    files = remote("config.json", "diffusion_pytorch_model.safetensors", "lora.safetensors", "unet/config.json")
    assert [file.path for file in choose(Part("adapter", "some/one"), files)] == [
        "config.json",
        "diffusion_pytorch_model.safetensors",
    ]
    assert [file.path for file in choose(Part("lora", "some/one", file="lora.safetensors"), files)] == [
        "lora.safetensors"
    ]


def test_only_a_pickle_or_a_file_that_is_gone_is_refused() -> None:
    with pytest.raises(ModelError, match="has unet only as a pickle, which can run code"):
        choose(Part("unet", "some/one", "unet"), remote("unet/config.json", f"{UNET}.bin"))
    with pytest.raises(ModelError, match=r"has no ink\.safetensors any more"):
        choose(Part("lora", "some/one", file="ink.safetensors"), remote("lora.safetensors"))


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), ResourceError, r"The disk of .* is full\. Make room"),
        (
            PermissionError(errno.EACCES, "Permission denied", "/blobs"),
            ModelError,
            "/blobs cannot be written: Permission",
        ),
        (OSError("Consistency check failed: file should be of size 9"), ModelError, "arrived incomplete"),
    ],
)
def test_a_disk_that_fills_up_on_the_way_or_a_short_file_is_told(
    error: OSError, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words), explained("some/one"):
        raise error


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for a repository in the cache."""

    def look(repository: str, path: str, revision: str) -> Path | None:
        return tmp_path / path if (tmp_path / path).is_file() else None

    monkeypatch.setattr(hub, "_cached", look)
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "config.json").write_text("{}")
    return tmp_path


@pytest.mark.parametrize("index", ["{", "[]", '{"weight_map": 3}'])
def test_a_damaged_index_or_a_link_to_nothing_is_no_model_and_no_error(cached: Path, index: str) -> None:
    (cached / f"{UNET}-1-of-1.safetensors").symlink_to("nowhere")
    (cached / f"{UNET}.safetensors.index.json").write_text(index)
    part = Part("unet", "some/one", "unet")
    assert hub.find_part(part) is None
    (cached / f"{UNET}.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"a": "diffusion_pytorch_model-1-of-1.safetensors"}})
    )
    assert hub.find_part(part) is None


@pytest.mark.parametrize(
    "words", ["./one", "~/one", "some/", "/one", "a/b/c", "", "one", "a--b/c", "a/b..c", "a/b.git"]
)
def test_what_the_hub_cannot_have_is_no_name(words: str) -> None:
    """At such words its library raises."""
    assert not hub.is_name(words)
    assert hub.is_name("some/one-1.5_b")


def test_a_part_without_its_weights_is_not_here(cached: Path) -> None:
    part = Part("unet", "some/one", "unet")
    assert hub.find_part(part) is None
    (cached / f"{UNET}.fp16.safetensors").touch()
    assert hub.find_part(part) == cached / "unet"


def test_weights_in_several_files_are_here_when_all_are(cached: Path) -> None:
    part, names = (
        Part("unet", "some/one", "unet"),
        [f"diffusion_pytorch_model-0000{n}-of-00002.safetensors" for n in (1, 2)],
    )
    index = {"weight_map": dict(zip(("a", "b"), names, strict=True))}
    (cached / "unet" / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    (cached / "unet" / names[0]).touch()
    assert hub.find_part(part) is None
    (cached / "unet" / names[1]).touch()
    assert hub.find_part(part) == cached / "unet"


def test_what_fits_follows_from_the_row_and_the_machine() -> None:
    row, gigabyte = catalog.find("animatediff"), 10**9
    told = [
        fit(row, Machine(memory * gigabyte, gpu * gigabyte))
        for memory, gpu in ((32, 24), (32, 3), (32, 0), (4, 3), (4, 0))
    ]
    assert told[:2] == ["yes, all on the GPU", "yes, parts waiting in main memory"]
    assert told[2].startswith("slowly")
    assert all(text.startswith("no: needs a GPU of 2 GB beside 5 GB of main memory") for text in told[3:])
    assert fit(catalog.find("starter"), Machine(gigabyte, 0)) == "yes"
