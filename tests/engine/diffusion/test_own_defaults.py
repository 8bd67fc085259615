"""A folder says what its model does best, and is refused where it says what cannot be."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from engine.diffusion import catalog
from engine.diffusion.checkpoint import Checkpoint
from engine.diffusion.own_defaults import FILE, telling
from engine.diffusion.rows import STARTER
from engine.diffusion.stylizer import Defaults
from engine.errors import ModelError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's configs, which are all that tells its family."""
    (tmp_path / "unet").mkdir()
    shutil.copy(STARTER / "unet" / "config.json", tmp_path / "unet")
    return tmp_path


def test_the_starter_in_another_folder_is_asked_as_the_bundled_one(folder: Path) -> None:
    shutil.copy(STARTER / FILE, folder)
    bundled, found = catalog.find("starter"), catalog.find(str(folder))
    assert (found.window, found.side, found.defaults) == (bundled.window, bundled.side, bundled.defaults)
    assert (STARTER / FILE).read_text(encoding="utf-8") == telling(bundled)


def test_what_a_folder_does_not_say_is_as_its_family_does_best(folder: Path) -> None:
    usual = catalog.find(str(folder))
    (folder / FILE).write_text('{"steps": 4, "guidance": 1, "distilled": true, "controls": {"depth": 0.7}}')
    found = catalog.find(str(folder))
    assert found.defaults == Defaults(4, 1, usual.defaults.noise_carried, {"depth": 0.7}, distilled=True)
    assert replace(found, defaults=usual.defaults) == usual


def test_what_a_folder_says_is_part_of_what_it_is_known_by(folder: Path) -> None:
    before = Checkpoint.of_folder(folder).fingerprint()
    (folder / FILE).write_text(json.dumps({"noise_carried": 0.2}))
    assert Checkpoint.of_folder(folder).fingerprint() != before


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("{", "is damaged"),
        ("[]", "is damaged: it is no object"),
        ('{"step": 4}', "says 'step', which means nothing here. What does: steps, guidance"),
        ('{"steps": 0}', "says steps is 0; it must be a whole number, 1 to 1000"),
        ('{"steps": true}', "says steps is True"),
        ('{"guidance": "7"}', "says guidance is '7'; it must be a number, 0 to 100"),
        ('{"noise_carried": 1.5}', "must be a number, 0 to 1"),
        ('{"controls": {"depth": "much"}}', "must be weights by names of controls, 0 to 2"),
        ('{"distilled": 1}', "must be true or false"),
        ('{"window": 16.5}', "must be a whole number of frames"),
        ('{"side": -1}', "must be a whole number of pixels"),
    ],
)
def test_what_cannot_be_is_refused(folder: Path, told: str, words: str) -> None:
    (folder / FILE).write_text(told)
    with pytest.raises(ModelError, match=words):
        catalog.find(str(folder))
