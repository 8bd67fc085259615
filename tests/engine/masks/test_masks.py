"""Only a part of the picture: bit by bit the source outside, whatever names the part; bad masks are refused first."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest
import torch

import restyle
from engine import pipeline
from engine.errors import MediaError, SettingsError
from engine.masks import mask_mark
from engine.media import open_reader
from engine.media.stills_reader import StillsReader
from engine.settings import Codec, Settings
from tests.engine.drawn_render import render, scene

HEIGHT, WIDTH, COUNT = 64, 96, 10
PNG = Settings(look="comic", codec=Codec.PNG)


def write(folder: Path, pictures: np.ndarray) -> Path:
    folder.mkdir()
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{number:03d}.png"), picture)
    return folder


@pytest.fixture
def clip(tmp_path):
    drawn = np.random.default_rng(0).integers(0, 256, (COUNT, HEIGHT, WIDTH, 3), np.uint8)
    return write(tmp_path / "clip", drawn)


def moving_box() -> np.ndarray:
    box = np.zeros((COUNT, HEIGHT, WIDTH), np.uint8)
    for number in range(COUNT):
        box[number, 16:48, 20 + 3 * number : 50 + 3 * number] = 255
    return box


def frames_of(path: Path) -> torch.Tensor:
    with open_reader(path) as reader:
        return reader.read(0, reader.info.frames)


@pytest.mark.parametrize("inverted", [False, True])
def test_outside_the_mask_every_bit_is_the_sources(tmp_path, clip, model, inverted):
    mask = write(tmp_path / "mask", moving_box())
    settings = replace(PNG, mask=str(mask), mask_invert=inverted, mask_grow=2)
    made, source = frames_of(pipeline.restyle(clip, tmp_path / "out", settings).output), frames_of(clip)
    kept = cv2.dilate(np.moveaxis(moving_box() if not inverted else 255 - moving_box(), 0, -1), np.ones((5, 5))) == 0
    kept = torch.from_numpy(np.moveaxis(kept, -1, 0))[:, None].expand_as(made)
    assert torch.equal(made[kept], source[kept])
    assert (made[~kept] != source[~kept]).float().mean() > 0.5


def test_another_mask_keeps_the_chunks(tmp_path, clip, model):
    mask = write(tmp_path / "mask", moving_box())
    pipeline.restyle(clip, tmp_path / "out", PNG)
    calls = len(model.calls)
    again = pipeline.restyle(clip, tmp_path / "out", replace(PNG, mask=str(mask)))
    assert len(model.calls) == calls
    assert again.resumed_chunks == again.chunks


def test_one_still_masks_all_frames_and_frames_in_memory_too(tmp_path, model):
    still = write(tmp_path / "mask", moving_box()[:1])
    source = torch.rand(5, 3, HEIGHT, WIDTH)
    made = torch.cat(list(restyle.frames(source, look="comic", mask=str(still / "000.png"))))
    assert torch.equal(made[..., :16, :], source[..., :16, :])
    assert not torch.equal(made, source)


def test_an_index_of_the_render_masks_its_things(tmp_path, model):
    folder = render(tmp_path / "render")
    settings = replace(PNG, passes=str(folder), mask="index:1", mask_feather=0)
    made = frames_of(pipeline.restyle(folder, tmp_path / "out", settings).output)
    whole = frames_of(pipeline.restyle(folder, tmp_path / "whole", replace(PNG, passes=str(folder))).output)
    inside = (scene().layers == 0).expand_as(made)
    source = (frames_of(folder) * 255).round() / 255
    assert torch.equal(made[~inside], source[~inside])
    assert 0 < inside.float().mean() < 1
    with pytest.raises(SettingsError, match="index:9 is dark in every frame"):
        pipeline.restyle(folder, tmp_path / "none", replace(settings, mask="index:9"))
    assert (made[inside] - whole[inside]).abs().mean() < (made[inside] - source[inside]).abs().mean()


def test_several_numbers_of_the_render_are_one_mask(tmp_path, model):
    """A figure is of many things: what is in the mask of any of its numbers is in that of all."""
    folder = render(tmp_path / "render")
    settings = replace(PNG, passes=str(folder), mask_feather=0)
    made = frames_of(pipeline.restyle(folder, tmp_path / "out", replace(settings, mask="index:2,1")).output)
    source, layers = (frames_of(folder) * 255).round() / 255, scene().layers.expand_as(made)
    assert torch.equal(made[layers > 1], source[layers > 1])
    for layer in (0, 1):
        assert (made[layers == layer] != source[layers == layer]).float().mean() > 0.9
    assert layers.max() > 1


def with_names(folder: Path) -> Path:
    """Adds Cryptomatte to a render: each layer of the scene by a name, half of what it covers in either pair."""
    for number, file in enumerate(sorted(folder.glob("*.exr"))):
        with OpenEXR.File(str(file), separate_channels=True) as stored:
            channels = {name: one.pixels for name, one in stored.channels().items()}
        layers = scene().layers[number, 0].numpy().astype(np.uint32) + np.uint32(0x3F000000)
        for pair in ("RG", "BA"):
            channels[f"ViewLayer.CryptoObject00.{pair[0]}"] = layers.view(np.float32)
            channels[f"ViewLayer.CryptoObject00.{pair[1]}"] = np.full(layers.shape, 0.5, np.float32)
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        header["cryptomatte/1234567/name"] = "ViewLayer.CryptoObject"
        header["cryptomatte/1234567/manifest"] = '{"Ground": "3f000000", "Thing": "3f000001"}'
        OpenEXR.File(header, channels).write(str(file))
    return folder


def test_a_name_of_the_render_masks_its_thing(tmp_path, model):
    folder = with_names(render(tmp_path / "render"))
    settings = replace(PNG, passes=str(folder), mask="cryptomatte:Ground", mask_feather=0)
    by_name = frames_of(pipeline.restyle(folder, tmp_path / "out", settings).output)
    by_index = frames_of(pipeline.restyle(folder, tmp_path / "out", replace(settings, mask="index:1")).output)
    assert torch.equal(by_name, by_index)
    for mask, error, told in (
        ("cryptomatte:Groud", MediaError, "Did you mean Ground"),
        ("cryptomatte:", SettingsError, "means nothing"),
    ):
        with pytest.raises(error, match=told):
            pipeline.restyle(folder, tmp_path / "out", replace(settings, mask=mask))
    with pytest.raises(SettingsError, match="needs the passes of a render"):
        pipeline.restyle(folder, tmp_path / "out", replace(settings, passes=None))


def test_names_in_files_of_their_own_must_fit_and_other_files_make_another_mask(tmp_path, model):
    folder, apart = render(tmp_path / "render"), with_names(render(tmp_path / "apart"))
    settings = replace(PNG, passes=str(folder), mask="cryptomatte:Ground")
    marks = []
    for step in (1, 2):
        for number, file in enumerate(sorted(apart.glob("*.exr")), 1):
            with OpenEXR.File(str(file), separate_channels=True) as stored:
                names = {name: one.pixels for name, one in stored.channels().items() if "Crypto" in name}
                header = {key: value for key, value in stored.header().items() if key.startswith("cryptomatte")}
            header |= {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
            smaller = {name: np.ascontiguousarray(one[::step, ::step]) for name, one in names.items()}
            OpenEXR.File(header, smaller).write(str(folder / f"names.{number:04d}.exr"))
        marks.append(mask_mark("cryptomatte:Ground", settings))
        if step == 1:
            pipeline.restyle(tmp_path / "render/frame.%04d.exr", tmp_path / "out", settings)
    assert marks[0] != marks[1]
    with pytest.raises(MediaError, match="Cryptomatte and other passes are 64x36 and 128x72"):
        pipeline.restyle(tmp_path / "render/frame.%04d.exr", tmp_path / "out", settings)


def test_a_colour_is_a_mask(tmp_path, model):
    pictures = np.full((3, HEIGHT, WIDTH, 3), 90, np.uint8)
    pictures[:, 10:30, 10:40] = (0, 255, 0)
    clip = write(tmp_path / "clip", pictures)
    settings = replace(PNG, mask="key:#00ff00", mask_feather=0)
    made = frames_of(pipeline.restyle(clip, tmp_path / "out", settings).output) != frames_of(clip)
    assert made[..., 10:30, 10:40].any(dim=1).float().mean() > 0.9
    assert not made[..., 31:, :].any()


@pytest.mark.parametrize("mask", ["key:#00ff00", "file"])
def test_a_mask_costs_no_more_than_one_more_look_at_the_source(tmp_path, clip, model, monkeypatch, mask):
    mask = mask if mask != "file" else str(write(tmp_path / "mask", moving_box()))
    reads: list[int] = []
    monkeypatch.setattr(StillsReader, "read", counted(StillsReader.read, clip, reads))
    pipeline.restyle(clip, tmp_path / "plain", PNG)
    plain, reads[:] = sum(reads), []
    pipeline.restyle(clip, tmp_path / "masked", replace(PNG, mask=mask))
    assert sum(reads) == plain + COUNT


def counted(read, clip, reads):
    def counting(self, start, stop):
        if self.info.path == clip:
            reads.append(stop - start)
        return read(self, start, stop)

    return counting


def test_bad_masks_are_refused_before_the_model_is_asked(tmp_path, clip, model):
    short = write(tmp_path / "short", moving_box()[:4])
    small = write(tmp_path / "small", moving_box()[:, :32, :40])
    broken = write(tmp_path / "broken", moving_box())
    data = (broken / "007.png").read_bytes()
    (broken / "007.png").write_bytes(data[:60] + bytes(len(data) - 60))
    dark = write(tmp_path / "dark", moving_box() * 0)
    for mask, error, told in (
        (str(short), SettingsError, "has 4 frames, the clip 10"),
        (str(small), SettingsError, "is 40x32, the clip 96x64"),
        (str(broken), MediaError, r"007\.png"),
        (str(tmp_path / "gone.mp4"), MediaError, "There is no file"),
        (str(dark), SettingsError, "is dark in every frame"),
        ("index:3", SettingsError, "needs the passes of a render"),
        ("key:green", SettingsError, "means nothing"),
    ):
        with pytest.raises(error, match=told):
            pipeline.restyle(clip, tmp_path / "out", replace(PNG, mask=mask))
    for wrong in ({"mask_grow": 1.5}, {"mask_feather": -1}, {"mask_invert": "yes"}):
        with pytest.raises(SettingsError, match=next(iter(wrong))):
            replace(PNG, **wrong)
    assert model.calls == []


@pytest.mark.parametrize("kind", ["picture", "clip"])
def test_outside_the_mask_a_background_stands_bit_by_bit_and_chunks_are_kept(tmp_path, clip, model, kind):
    mask = write(tmp_path / "mask", moving_box())
    pictures = np.random.default_rng(5).integers(
        0, 256, (1 if kind == "picture" else COUNT + 3, HEIGHT, WIDTH, 3), np.uint8
    )
    behind = write(tmp_path / "behind", pictures)
    settings = replace(PNG, mask=str(mask))
    pipeline.restyle(clip, tmp_path / "out", settings)
    calls = len(model.calls)
    made = frames_of(pipeline.restyle(clip, tmp_path / "out", replace(settings, background=str(behind))).output)
    assert len(model.calls) == calls
    outside = (torch.from_numpy(moving_box()) == 0)[:, None].expand_as(made)
    wanted = frames_of(behind)[:COUNT].expand_as(made)
    assert torch.equal(made[outside], wanted[outside])
    assert (made[~outside] != wanted[~outside]).float().mean() > 0.5


def test_a_larger_background_is_scaled(tmp_path, clip, model):
    mask = write(tmp_path / "mask", moving_box())
    behind = write(tmp_path / "behind", np.full((1, 2 * HEIGHT, 2 * WIDTH, 3), 77, np.uint8))
    made = frames_of(
        pipeline.restyle(clip, tmp_path / "out", replace(PNG, mask=str(mask), background=str(behind))).output
    )
    assert torch.equal(made[:, :, :16], torch.full((COUNT, 3, 16, WIDTH), 77 / 255))


def test_bad_backgrounds_are_refused_before_the_model_is_asked(tmp_path, clip, model):
    mask = write(tmp_path / "mask", moving_box())
    short = write(tmp_path / "short", np.zeros((4, HEIGHT, WIDTH, 3), np.uint8))
    square = write(tmp_path / "square", np.zeros((1, HEIGHT, HEIGHT, 3), np.uint8))
    for place, file, error, told in (
        (str(mask), short, SettingsError, "has 4 frames, the clip 10"),
        (str(mask), square, SettingsError, "is 64x64, the clip 96x64"),
        (str(mask), tmp_path / "gone.png", MediaError, "There is no file"),
        (None, square, SettingsError, "nothing that stands before it"),
    ):
        with pytest.raises(error, match=told):
            pipeline.restyle(clip, tmp_path / "out", replace(PNG, mask=place, background=str(file)))
    assert model.calls == []
