"""Every control of real clips, and of light that is no number: same count and size, 0 to 1, however it is cut."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
import torch
from torch import Tensor

from engine.controls import KINDS, draw_window
from engine.errors import MediaError
from engine.footage import read_frames
from engine.media import open_reader
from engine.windows import Span
from preprocessors.flow import FlowMap
from preprocessors.preprocessor import Preprocessor
from preprocessors.raft import RaftFlow
from tests.preprocessors.test_raft import seeing
from tests.preprocessors.tiny_detectors import learned

FRAMES, FEW = 5, 2  # of each clip, and what the learned ones see of them, which take longer
SUFFIXES = (".mp4", ".mkv", ".mov", ".webm")
TINY: list[Preprocessor] = [*learned(), FlowMap(RaftFlow(seeing))]
"""Learned detectors: the real classes, narrow, with random weights; of RAFT a stand-in that needs no torchvision."""
DRAWERS: list[Preprocessor] = [*(KINDS[name]() for name in KINDS), *TINY]


def opening(path: Path) -> Tensor:
    """The first frames of a clip, the shorter side 72 pixels."""
    with open_reader(path) as reader:
        height, width = reader.info.height, reader.info.width
        scale = min(1.0, 72 / min(height, width))
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        return read_frames(reader, Span(0, min(FRAMES, reader.info.frames)), size)


@pytest.fixture(scope="module")
def openings(footage: Path) -> dict[str, Tensor]:
    """Those of all clips, the odd ones and stills among them, but of those that hold no picture."""
    stills = [footage / "edge" / "png_seq", footage / "edge" / "png_seq_alpha", footage / "proxy_blender/frame.*.exr"]
    clips = [path for path in [*footage.iterdir(), *(footage / "edge").iterdir()] if path.suffix in SUFFIXES]
    found = {str(path): opening(path) for path in stills}
    for path in sorted(clips):
        with suppress(MediaError):
            found[str(path)] = opening(path)
    return found


def name_of(drawer: Preprocessor) -> str:
    return f"{'tiny ' * (drawer in TINY)}{drawer.name}"


@pytest.mark.parametrize("drawer", DRAWERS, ids=name_of)
def test_every_clip_has_its_map(drawer: Preprocessor, openings: dict[str, Tensor]) -> None:
    assert len(openings) >= 40
    for name, clip in openings.items():
        frames = clip[:FEW] if drawer in TINY else clip
        fitted = drawer.fit([frames])
        maps = draw_window(fitted, frames)
        assert (len(maps), *maps.shape[2:]) == (len(frames), *frames.shape[2:]), name
        assert 0 <= maps.min() <= maps.max() <= 1, name  # false for what is no number, too
        assert torch.equal(draw_window(drawer.fit(frames.split(max(1, len(frames) // 2))), frames), maps), name
        seen = [min(i, fitted.lookbehind) for i in range(len(frames))]
        one_by_one = [draw_window(fitted, frames[i - back : i + 1], back, i) for i, back in enumerate(seen)]
        torch.testing.assert_close(torch.cat(one_by_one), maps, rtol=0, atol=1e-5)


@pytest.mark.parametrize("drawer", DRAWERS, ids=name_of)
def test_light_that_is_no_number_breaks_no_map(drawer: Preprocessor, tmp_path: Path) -> None:
    light = np.random.default_rng(0).random((24, 32, 3), np.float32)
    for number in range(2):
        light[10 + number, 15] = (np.nan, np.inf, -np.inf)
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        with OpenEXR.File(header, {"RGB": light}) as file:
            file.write(str(tmp_path / f"light.{number}.exr"))
    frames = opening(tmp_path)
    maps = draw_window(drawer.fit([frames]), frames)
    assert 0 <= maps.min() <= maps.max() <= 1
