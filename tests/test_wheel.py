"""The built wheel carries all that a fresh machine needs, and nothing under a name that is not ours."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hatchling.build import build_wheel

ROOT = Path(__file__).resolve().parent.parent
OURS = {"restyle.py", "engine", "preprocessors", "consistency", "cli"}
DATA = {".safetensors", ".json", ".toml", ".txt", ".model", ".html", ".css", ".js"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    here = Path.cwd()
    os.chdir(ROOT)  # the build hook of PEP 517 works in the current folder
    try:
        return folder / build_wheel(str(folder))
    finally:
        os.chdir(here)


@pytest.fixture(scope="module")
def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def files_of(folder: Path) -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix in {".py", *DATA}
    }


def test_only_our_names_stand_at_the_top(names):
    assert {name.partition("/")[0] for name in names} == OURS


def test_every_module_look_and_weight_of_the_tree_is_in_it(names):
    for room in OURS - {"restyle.py"}:
        assert files_of(ROOT / room) <= names
    assert {f"engine/looks/{look}.toml" for look in ("comic", "ink", "oil", "watercolor")} <= names
    assert any(name.startswith("engine/starter/") and name.endswith(".safetensors") for name in names)


def test_its_weights_stay_small(wheel):
    with zipfile.ZipFile(wheel) as archive:
        weights = [entry.file_size for entry in archive.infolist() if entry.filename.endswith(".safetensors")]
    assert 0 < sum(weights) <= 40_000_000


def test_nothing_else_is_in_it(names):
    assert {Path(name).suffix for name in names} <= {".py", ".md", *DATA}


def test_it_names_the_command_the_licence_and_the_needs(wheel):
    with zipfile.ZipFile(wheel) as archive:
        records = {Path(name).name: name for name in archive.namelist() if ".dist-info/" in name}
        assert "restyle = cli.restyle:main" in archive.read(records["entry_points.txt"]).decode()
        metadata = archive.read(records["METADATA"]).decode()
    assert "LICENSE" in records
    assert "License-Expression: Apache-2.0" in metadata
    assert "Requires-Dist: diffusers" in metadata


def test_unpacked_elsewhere_it_works_without_the_repository(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1))\n"
        "import restyle, engine.diffusion.catalog as catalog\n"
        "from engine.settings import look_names\n"
        "assert restyle.__file__.startswith(sys.path[0]), restyle.__file__\n"
        "assert restyle.video and restyle.Settings(look='comic') and catalog.find('starter').folder.is_dir()\n"
        "print(*look_names())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "site")], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert {"comic", "ink", "oil", "watercolor"} <= set(done.stdout.split())
