"""A preview shows the frame that was asked for, beside what the settings make of it."""

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest

from engine.diffusion import catalog
from engine.errors import SettingsError
from engine.media import open_reader
from engine.preview import TILE, all_looks, preview
from engine.settings import Codec, Settings, look_names
from engine.telling import Progress
from tests.engine.test_pipeline import draw_clip

COMIC = Settings(look="comic", cuts="none")


@pytest.fixture
def clip(tmp_path):
    return draw_clip(tmp_path / "clip.mp4", 30)


def halves(picture):
    """Source and result `[3, H, W]`, which lie below each other as the clip is wide."""
    with open_reader(picture) as reader:
        return reader.read(0, 1)[0].chunk(2, dim=-2)


@pytest.mark.parametrize(("moment", "number"), [(None, 15), (Fraction(0), 0), (Fraction("0.9"), 27)])
def test_it_shows_the_source_at_the_moment_that_was_asked_for(clip, model, moment, number):
    source, result = halves(preview(clip, None, COMIC, moment=moment))
    with open_reader(clip) as reader:
        off = [float((source - reader.read(i, i + 1)[0]).abs().mean()) for i in range(30)]
    assert off.index(min(off)) == number
    assert min(off) < 0.02
    assert float((result - source).abs().mean()) > 0.05


def test_it_has_the_size_of_the_result_and_upright_pictures_stand_side_by_side(tmp_path, model):
    upright = draw_clip(tmp_path / "upright.mp4", 3, size=(96, 64))
    with open_reader(preview(upright, None, replace(COMIC, width=128, height=192))) as reader:
        assert (reader.info.width, reader.info.height) == (256, 192)


def test_what_a_mask_keeps_is_the_source(tmp_path, clip, model):
    mask = np.zeros((64, 96), np.uint8)
    mask[:, :48] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    source, result = halves(preview(clip, None, replace(COMIC, mask=str(tmp_path / "mask.png"))))
    change = (result - source).abs().mean(dim=(0, 1))
    assert change[56:].max() < 0.03  # JPEG
    assert change[:40].min() > 0.03


def test_it_passes_through_a_frame_that_was_painted_for_that_moment(tmp_path, clip, model):
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((64, 96, 3), 51, np.uint8))
    painted = replace(COMIC, keyframes=(f"0.5={tmp_path / 'grey.png'}",))
    assert float((halves(preview(clip, None, painted))[1] - 0.2).abs().mean()) < 0.01  # JPEG rings at the border


def test_it_lies_beside_the_result_under_a_name_of_its_own(tmp_path, clip, model):
    assert preview(clip, tmp_path / "my.ink.mp4", COMIC) == tmp_path / "my.ink.preview.jpg"
    assert preview(clip, tmp_path / "ink", replace(COMIC, codec=Codec.PNG)) == tmp_path / "ink.preview.jpg"


def test_it_replaces_no_source(tmp_path, model):
    photo = tmp_path / "a.preview.jpg"
    cv2.imwrite(str(photo), np.full((64, 96, 3), 90, np.uint8))
    before = photo.read_bytes()
    with pytest.raises(SettingsError, match=r"a\.preview\.jpg is of the source itself; choose another name \(-o\)"):
        preview(photo, tmp_path / "a.png", COMIC)
    assert model.calls == []
    assert photo.read_bytes() == before


def test_a_moment_beyond_the_end_is_refused(clip, model):
    with pytest.raises(SettingsError, match=r"The moment 7.5 s lies beyond the end of .*clip.mp4, which lasts 1.0"):
        preview(clip, None, COMIC, moment=Fraction("7.5"))
    assert model.calls == []


def test_a_sheet_shows_the_source_and_all_looks_by_one_model(clip, model, monkeypatch):
    loaded: list[str] = []

    def load(name, how):
        loaded.append(name)
        return model

    monkeypatch.setattr(catalog, "load", load)
    told: list[Progress] = []
    sheet = all_looks(clip, None, COMIC, moment=Fraction("0.5"), progress=told.append)
    assert sheet == clip.with_name("clip.looks.jpg")
    assert loaded == ["starter"]
    assert model.calls == [1] * len(look_names())
    assert (told[-1].done, told[-1].total) == (len(look_names()), len(look_names()))
    with open_reader(sheet) as reader, open_reader(clip) as source:
        tiles = [tile for row in reader.read(0, 1)[0].chunk(3, dim=1) for tile in row[:, -64:].chunk(3, dim=2)]
        first = source.read(15, 16)[0]
    assert len(tiles) == 1 + len(look_names())
    assert float((tiles[0] - first).abs().mean()) < 0.02
    changes = [float((tile - first).abs().mean()) for tile in tiles[1:]]
    assert min(changes) > 0.03
    assert len({round(change, 4) for change in changes}) == len(look_names())


def test_a_sheet_of_stills_is_named_after_them_and_replaces_none(tmp_path, model):
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"shot.{number:04d}.jpg"), np.full((64, 96, 3), 90, np.uint8))
    pattern, still = tmp_path / "shot.%04d.jpg", tmp_path / "shot.0001.jpg"
    before = still.read_bytes()
    with pytest.raises(SettingsError, match=r"shot.0001.jpg is of the source itself"):
        all_looks(pattern, still, COMIC, rate=Fraction(24))
    assert model.calls == []
    assert all_looks(pattern, None, COMIC, rate=Fraction(24)).name == "shot.looks.jpg"
    assert still.read_bytes() == before


def test_pictures_on_a_sheet_are_no_larger_than_can_be_looked_at_side_by_side(tmp_path, model):
    upright = draw_clip(tmp_path / "upright.mp4", 2, size=(960, 540))
    with open_reader(all_looks(upright, tmp_path / "mine.jpg", COMIC)) as reader:
        assert reader.info.width == 3 * TILE * 540 // 960
