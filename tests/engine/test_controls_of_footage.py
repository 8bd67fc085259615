"""Every control of real clips, and of light that is no number: same count and size, 0 to 1, however it is cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenEXR
import pytest
import torch
from torch import Tensor

from engine.controls import KINDS, draw_window, load_drawers
from engine.footage import read_frames
from engine.media import open_reader
from engine.windows import Span

FRAMES = 11
SUFFIXES = (".mp4", ".mkv", ".mov", ".webm")


def opening(path: Path) -> Tensor:
    """The first frames of a clip, the shorter side 72 pixels."""
    with open_reader(path) as reader:
        height, width = reader.info.height, reader.info.width
        scale = min(1.0, 72 / min(height, width))
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        return read_frames(reader, Span(0, min(FRAMES, reader.info.frames)), size)


@pytest.fixture(scope="module")
def openings(footage: Path) -> dict[str, Tensor]:
    return {path.name: opening(path) for path in sorted(footage.iterdir()) if path.suffix in SUFFIXES}


@pytest.mark.parametrize("control", KINDS)
def test_every_clip_has_its_map(control: str, openings: dict[str, Tensor]) -> None:
    assert len(openings) >= 10
    for name, frames in openings.items():
        drawer = load_drawers([control])[control]
        fitted = drawer.fit([frames])
        maps = draw_window(fitted, frames)
        assert (len(maps), *maps.shape[2:]) == (len(frames), *frames.shape[2:]), name
        assert 0 <= maps.min() <= maps.max() <= 1, name  # false for what is no number, too
        assert torch.equal(draw_window(drawer.fit(frames.split(3)), frames), maps), name
        one_by_one = [draw_window(fitted, frames[max(0, i - 1) : i + 1], min(i, 1)) for i in range(len(frames))]
        torch.testing.assert_close(torch.cat(one_by_one), maps, rtol=0, atol=1e-5)


@pytest.mark.parametrize("control", KINDS)
def test_light_that_is_no_number_breaks_no_map(control: str, tmp_path: Path) -> None:
    light = np.random.default_rng(0).random((24, 32, 3), np.float32)
    for number in range(2):
        light[10 + number, 15] = (np.nan, np.inf, -np.inf)
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        with OpenEXR.File(header, {"RGB": light}) as file:
            file.write(str(tmp_path / f"light.{number}.exr"))
    frames = opening(tmp_path)
    maps = draw_window(load_drawers([control])[control].fit([frames]), frames)
    assert 0 <= maps.min() <= maps.max() <= 1
