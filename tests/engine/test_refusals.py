"""Whatever a person gives that does not fit is named before a model is loaded."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Never

import cv2
import numpy as np
import pytest

import restyle
from engine import pipeline
from engine.diffusion import catalog
from engine.errors import MediaError, ResourceError, RestyleError, SettingsError
from engine.media import open_reader
from engine.settings import Codec, Settings
from engine.sizes import choose_sizes

SETTINGS = Settings(look="comic", codec=Codec.PNG)
BAD: list[tuple[dict[str, Any], type[RestyleError], str]] = [
    ({"width": 32, "height": 48}, SettingsError, "--size 48x32 keeps"),
    ({"width": 96, "height": 54}, SettingsError, "--size 80x54 keeps"),
    ({"width": 100, "height": 33}, SettingsError, "--size 48x32 keeps"),
    ({"keyframes": ("0.1=gone.png",)}, MediaError, "no file gone.png"),
    ({"keyframes": ("77=gone.png",)}, SettingsError, "beyond the end"),
    ({"palette": "gone.png"}, MediaError, "no file gone.png"),
    ({"palette": "CLIP"}, SettingsError, "has 3 frames"),
    ({"mask": "gone.png"}, MediaError, "no file gone.png"),
    ({"mask": "key:green"}, SettingsError, "means nothing"),
    ({"control_videos": {"depth": "gone.png"}}, MediaError, "no file gone.png"),
    ({"passes": "CLIP"}, MediaError, "no EXR"),
]


@pytest.fixture(autouse=True)
def _no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object) -> Never:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(catalog, "load", load)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    folder = tmp_path / "clip"
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((32, 48, 3), 90, np.uint8))
    return folder


@pytest.mark.parametrize(("bad", "error", "told"), BAD)
def test_bad_input_is_named_first(clip, bad, error, told):
    given: dict[str, Any] = {name: str(clip) if value == "CLIP" else value for name, value in bad.items()}
    with pytest.raises(error, match=told):
        pipeline.restyle(clip, clip.parent / "out", replace(SETTINGS, **given))
    with open_reader(clip) as reader, pytest.raises(error, match=told):
        restyle.frames(reader.read(0, 3), look="comic", **given)


def test_a_torn_still_among_those_of_a_control_is_named_first(clip, tmp_path):
    depth = tmp_path / "depth"
    shutil.copytree(clip, depth)
    noise = np.random.default_rng(0).integers(0, 255, (32, 48, 3), np.uint8)
    cv2.imwrite(str(depth / "2.png"), noise)
    (depth / "2.png").write_bytes((depth / "2.png").read_bytes()[:900])
    given = replace(SETTINGS, controls={"depth": 1.0}, control_videos={"depth": str(depth)})
    with pytest.raises(MediaError, match=r"2\.png cannot be read"):
        pipeline.restyle(clip, tmp_path / "out", given)


@pytest.mark.parametrize("size", [(32, 21), (33, 22), (47, 32), (97, 64)])
def test_a_size_that_is_off_by_a_pixel_or_a_few_hundredths_has_the_shape(clip, size):
    with open_reader(clip) as reader:
        shown = choose_sizes(replace(SETTINGS, width=size[0], height=size[1]), reader.info, 288)
    assert shown.output == (size[1], size[0])


@pytest.mark.parametrize(("codec", "told"), [(Codec.H264, "a model was loaded"), (Codec.PNG, "needs about 0.0 MB")])
def test_a_disk_that_is_too_small_for_frames_without_loss_is_found_first(clip, codec, told, monkeypatch):
    monkeypatch.setattr("engine.room.free_disk", lambda folder: 17_000)
    output = clip.parent / ("out" if codec is Codec.PNG else "out.mp4")
    with pytest.raises((ResourceError, AssertionError), match=told):
        pipeline.restyle(clip, output, replace(SETTINGS, codec=codec))
