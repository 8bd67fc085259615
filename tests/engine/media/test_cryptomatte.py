"""A thing of a render by its name: how much of each pixel it covers, whichever ranks say so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
import torch
from numpy.typing import NDArray

from engine.errors import MediaError
from engine.media.cryptomatte import Cryptomatte

NAMES = {"bunny": "13851a76", "default": "42c9679f", "sky": "7f0e4d2b"}
HEIGHT, WIDTH = 6, 8


def as_float(name: str) -> np.float32:
    return np.uint32(int(NAMES[name], 16)).view(np.float32)


def channels(letters: str = "RGBA", layer: str = "View.CryptoObject") -> dict[str, NDArray[np.float32]]:
    """Two ranks of pairs: the bunny covers the left half, a quarter of the next column, and some of a corner."""
    planes = np.zeros((2, 4, HEIGHT, WIDTH), np.float32)
    planes[0, 0], planes[0, 1] = as_float("default"), 1.0
    planes[0, 0, :, :4], planes[0, 1, :, 4] = as_float("bunny"), 0.75
    planes[0, 2, :, 4], planes[0, 3, :, 4] = as_float("bunny"), 0.25
    planes[1, 0, 0, 7], planes[1, 1, 0, 7] = as_float("bunny"), 0.125
    return {f"{layer}{rank:02d}.{letter}": planes[rank, i] for rank in range(2) for i, letter in enumerate(letters)}


def write(path: Path, layers: dict[str, dict[str, str]] | None = None, **more: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    layers = {"View.CryptoObject": NAMES} if layers is None else layers
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    for number, (layer, manifest) in enumerate(layers.items()):
        key = f"cryptomatte/{number:07x}"
        header |= {f"{key}/name": layer, f"{key}/hash": "MurmurHash3_32", f"{key}/conversion": "uint32_to_float32"}
        header[f"{key}/manifest"] = json.dumps(manifest)
    stored = more.pop("stored", None) or {name: one for layer in layers for name, one in channels(layer=layer).items()}
    OpenEXR.File(header | more, stored).write(str(path))
    return path


def wanted() -> torch.Tensor:
    mask = torch.zeros(1, HEIGHT, WIDTH)
    mask[..., :4], mask[..., 4], mask[0, 0, 7] = 1, 0.25, 0.125
    return mask


@pytest.mark.parametrize("letters", ["RGBA", "rgba"])
def test_coverage_is_the_sum_over_all_ranks(tmp_path, letters):
    write(tmp_path / "f.0001.exr", stored=channels(letters))
    assert torch.equal(Cryptomatte.find(tmp_path, "bunny").read(0), wanted())


def test_objects_come_before_materials_of_the_same_name(tmp_path):
    other = dict.fromkeys(NAMES, NAMES["sky"])
    write(tmp_path / "f.0001.exr", {"View.CryptoMaterial": other, "View.CryptoObject": NAMES})
    assert torch.equal(Cryptomatte.find(tmp_path, "bunny").read(0), wanted())


def test_a_manifest_may_lie_in_a_file_beside(tmp_path):
    write(
        tmp_path / "f.0001.exr",
        {},
        stored=channels(),
        **{
            "cryptomatte/0000000/name": "View.CryptoObject",
            "cryptomatte/0000000/manif_file": "names.json",
        },
    )
    with pytest.raises(MediaError, match=r"names\.json cannot be read"):
        Cryptomatte.find(tmp_path, "bunny")
    (tmp_path / "names.json").write_text(json.dumps(NAMES))
    assert torch.equal(Cryptomatte.find(tmp_path, "bunny").read(0), wanted())


def test_what_is_missing_or_damaged_is_named(tmp_path):
    write(tmp_path / "a" / "f.0001.exr")
    with pytest.raises(MediaError, match=r"nothing is called 'bunn'\. Did you mean bunny"):
        Cryptomatte.find(tmp_path / "a", "bunn")
    with pytest.raises(MediaError, match="There are: bunny, default, sky"):
        Cryptomatte.find(tmp_path / "a", "zzz")
    write(tmp_path / "b" / "f.0001.exr", {}, stored=channels())
    with pytest.raises(MediaError, match=r"no Cryptomatte with names\. Blender"):
        Cryptomatte.find(tmp_path / "b", "bunny")
    write(tmp_path / "c" / "f.0001.exr", stored={"View.Depth.Z": np.ones((HEIGHT, WIDTH), np.float32)})
    with pytest.raises(MediaError, match="no channels of it"):
        Cryptomatte.find(tmp_path / "c", "bunny")
    halves = {name: plane.astype(np.float16) for name, plane in channels().items()}
    write(tmp_path / "d" / "f.0001.exr", stored=halves)
    with pytest.raises(MediaError, match="half floats"):
        Cryptomatte.find(tmp_path / "d", "bunny").read(0)
    write(tmp_path / "e" / "f.0001.exr")
    write(tmp_path / "e" / "f.0002.exr", stored={name: one for name, one in channels().items() if "01.B" not in name})
    with pytest.raises(MediaError, match=r"f\.0002\.exr lacks View\.CryptoObject01\.B"):
        Cryptomatte.find(tmp_path / "e", "bunny").read(1)
