"""A learned detector draws a control where its weights are here, and is refused with the next step where not."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import torch

from engine.cache import MapCache
from engine.controls import load_drawers
from engine.detectors import DETECTORS, load_detector
from engine.drawn import Drawn
from engine.errors import ModelError, SettingsError
from engine.footage import Footage
from engine.media import TensorReader
from engine.windows import Span
from samples.scenes import draw_scene
from tests.preprocessors.test_aligned_depth import checkpoint

__all__ = ["checkpoint"]


def test_a_folder_draws_depth_block_by_block_as_in_one(checkpoint: Path, tmp_path: Path) -> None:
    frames = draw_scene(4, 40, 28, 42).frames
    drawer = load_drawers(["depth"], {"depth": str(checkpoint)})["depth"]
    drawn = Drawn(drawer, Footage(TensorReader(frames, Fraction(24)), (28, 42)), MapCache(tmp_path), "").fit(
        Span(0, 40)
    )
    whole = drawer.fit([frames])(frames, 0)
    torch.testing.assert_close(drawn(Span(0, 40)), whole, rtol=0, atol=1e-5)
    torch.testing.assert_close(drawn(Span(30, 36)), whole[30:36], rtol=0, atol=1e-5)


def test_other_weights_have_another_key(checkpoint: Path) -> None:
    assert load_detector("depth", str(checkpoint)).key
    assert load_detector("depth", str(checkpoint)).key != load_drawers(["depth"])["depth"].key


@pytest.mark.parametrize("name", DETECTORS)
def test_missing_weights_are_refused_with_the_command_that_fetches_them(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=f"hf download {DETECTORS[name].repository}"):
        load_detector("depth", name)


def test_what_is_no_detector_or_damaged_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Did you mean depth-anything-small"):
        load_detector("depth", "depth-anything-smal")
    with pytest.raises(SettingsError, match="draws edges"):
        load_detector("edges", "depth-anything-small")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_detector("depth", str(tmp_path))
