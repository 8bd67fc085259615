"""Imports go one way: cli to engine to the two leaves, and each foreign library has its room."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = {"cli", "engine", "preprocessors", "consistency", "samples", "training", "benchmarks", "tests", "restyle"}
ALLOWED = {
    "preprocessors": {"preprocessors"},
    "consistency": {"consistency"},
    "engine": {"engine", "preprocessors", "consistency"},
    "cli": {"cli", "engine"},
}
ROOMS = {
    "diffusers": ("engine/diffusion",),
    "transformers": ("engine/diffusion", "preprocessors"),
    "av": ("engine/media",),
    "decord": ("engine/media",),
    "OpenEXR": ("engine/media",),
    "cv2": ("consistency", "engine/media", "preprocessors"),
}


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_only_what_lies_below_it(room):
    for path in (ROOT / room).rglob("*.py"):
        found = {name.partition(".")[0] for name in imports_of(path)} & OURS
        assert found <= ALLOWED[room], f"{path.relative_to(ROOT)} imports {found - ALLOWED[room]}"


@pytest.mark.parametrize("library", ROOMS)
def test_a_library_stays_in_its_room(library):
    for room in ALLOWED:
        for path in (ROOT / room).rglob("*.py"):
            place = path.relative_to(ROOT).as_posix()
            if library in {name.partition(".")[0] for name in imports_of(path)}:
                assert place.startswith(ROOMS[library]), f"{place} imports {library}"
