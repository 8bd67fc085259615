"""Of one picture a picture is made, upright and at its size, under the name that one expects."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from engine import pipeline
from engine.errors import SettingsError
from engine.media import open_reader, probe
from engine.naming import default_output
from engine.preview import all_looks, preview
from engine.settings import Codec, Settings
from tests.engine.test_pipeline import draw_clip

COMIC = Settings(look="comic", steady=0)


@pytest.fixture
def photo(tmp_path):
    """A photo from a phone: 48 pixels wide, 80 high, stored lying on its side."""
    picture = np.random.default_rng(0).integers(60, 200, (48 // 8, 80 // 8, 3)).repeat(8, 0).repeat(8, 1)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture.astype(np.uint8)).save(tmp_path / "IMG_1234.JPG", quality=95, exif=exif)
    return tmp_path / "IMG_1234.JPG"


def picture_of(path):
    with open_reader(path) as reader:
        return reader.read(0, 1)[0]


def test_a_photo_becomes_a_png_beside_it(photo, model):
    result = pipeline.restyle(photo, None, COMIC)
    assert result.output == photo.with_name("IMG_1234.comic.png")
    assert result.output.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    made, source = picture_of(result.output), picture_of(photo)
    assert made.shape == source.shape == (3, 80, 48)
    alike = torch.corrcoef(torch.stack([made.flatten(), source.flatten()]))[0, 1]
    assert alike > 0.7  # and upright as it is: turned another way it would be about 0
    assert any("finished already" in words for words in pipeline.restyle(photo, None, COMIC).warnings)
    assert sorted(path.name for path in photo.parent.iterdir()) == [
        *("IMG_1234.JPG", "IMG_1234.comic.png", "IMG_1234.comic.png.restyle"),
    ]


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG"])
def test_a_name_that_ends_in_jpg_gives_a_jpeg(photo, model, name):
    output = photo.with_name(name)
    pipeline.restyle(photo, output, COMIC)
    assert output.read_bytes()[:3] == b"\xff\xd8\xff"
    exact = picture_of(pipeline.restyle(photo, None, COMIC).output)
    assert (picture_of(output) - exact).abs().mean() < 0.02


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        (Codec.H264, "cat.comic.png"),
        (Codec.PNG, "cat.comic.png"),
        (Codec.HEVC, "cat.comic.mp4"),
        (Codec.PRORES4444, "cat.comic.mov"),
    ],
)
def test_the_codec_of_a_clip_is_still_there_for_the_asking(tmp_path, codec, name):
    (tmp_path / "cat.tif").touch()
    assert default_output(tmp_path / "cat.tif", replace(COMIC, codec=codec)) == tmp_path / name


def test_a_photo_may_be_a_clip_or_a_folder_by_its_name(photo, model):
    assert probe(pipeline.restyle(photo, photo.with_name("a.mp4"), COMIC).output).codec == "h264"
    made = pipeline.restyle(photo, photo.with_name("stills"), replace(COMIC, codec=Codec.PNG)).output
    assert [path.name for path in made.iterdir()] == ["frame.000000.png"]


def test_one_frame_of_a_clip_may_be_a_picture(tmp_path, model):
    result = pipeline.restyle(draw_clip(tmp_path / "clip.mp4", 1), tmp_path / "one.png", COMIC)
    assert picture_of(result.output).shape == (3, 64, 96)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a.png", "a.png would be one picture, and clip.mp4 has 2 frames. Name a clip, as a.mp4, or say --codec png"),
        ("a.jpg", "a.jpg would be one picture"),
        ("a.tif", "For pictures say --codec png and name a folder"),
    ],
)
def test_more_frames_than_one_are_no_picture(tmp_path, model, name, told):
    with pytest.raises(SettingsError, match=told):
        pipeline.restyle(draw_clip(tmp_path / "clip.mp4", 2), tmp_path / name, COMIC)
    assert not model.calls


@pytest.mark.parametrize("codec", [Codec.H264, Codec.PNG])
@pytest.mark.parametrize("name", ["a.tif", "a.exr"])
def test_what_no_picture_is_written_to_is_refused_with_what_is(photo, model, name, codec):
    with pytest.raises(SettingsError, match=r"One picture is written to \.png, \.jpg or \.jpeg\."):
        pipeline.restyle(photo, photo.with_name(name), replace(COMIC, codec=codec))
    assert not model.calls


@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_that_is_named_like_a_picture_is_refused_before_the_work(photo, model, fresh):
    photo.with_name("o.png").mkdir()
    with pytest.raises(SettingsError, match=r"o\.png is a folder"):
        pipeline.restyle(photo, photo.with_name("o.png"), COMIC, fresh=fresh)
    assert not model.calls


def test_a_trial_of_one_still_does_not_stand_in_the_way_of_all(tmp_path, model):
    for number in (1, 2):
        cv2.imwrite(str(tmp_path / f"shot.{number:04d}.png"), np.full((48, 80, 3), 40 * number, np.uint8))
    tried = pipeline.restyle(tmp_path / "shot.0001.png", None, COMIC).output
    assert tried == tmp_path / "shot.0001.comic.png"
    with open_reader(tmp_path) as reader:
        assert reader.read(0, 2)[:, 0, 0, 0].mul(255).tolist() == [40, 80]


def test_the_only_still_of_a_folder_is_not_written_over(photo, model):
    for source in (photo, photo.parent):
        with pytest.raises(SettingsError, match="source itself"):
            pipeline.restyle(source, photo, COMIC, fresh=True)


def test_transparency_stays_in_png_and_is_told_of_where_there_is_no_room_for_it(tmp_path, model):
    picture = np.full((48, 80, 4), 120, np.uint8)
    picture[:, :, 3] = np.arange(80) * 3
    cv2.imwrite(str(tmp_path / "logo.png"), picture)
    with open_reader(pipeline.restyle(tmp_path / "logo.png", None, COMIC).output) as reader:
        assert torch.equal(reader.read_alpha(0, 1)[0, 0, 0] * 255, torch.arange(80) * 3.0)
    lost = pipeline.restyle(tmp_path / "logo.png", tmp_path / "logo.jpg", COMIC).warnings
    assert any(words == "Left out, since a picture (JPEG) cannot hold it: alpha channel." for words in lost)


def test_a_photo_has_a_preview_and_a_sheet_of_all_looks(photo, model):
    assert picture_of(preview(photo, None, COMIC)).shape == (3, 80, 96)
    assert picture_of(all_looks(photo, None, COMIC)).shape[0] == 3
    assert sorted(path.name for path in photo.parent.iterdir()) == [
        *("IMG_1234.JPG", "IMG_1234.comic.preview.jpg", "IMG_1234.looks.jpg"),
    ]
