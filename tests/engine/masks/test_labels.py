"""What a network sees is a mask: drawn once for a clip, of its exact size, and refused with the next step where not."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import pytest
import torch

import restyle
from engine import pipeline, telling
from engine.cache import MapCache
from engine.detectors import DETECTORS, load_labels
from engine.errors import ModelError, SettingsError
from engine.masks.labels import NETWORK, LabelMasks
from engine.media import TensorReader, open_reader
from engine.settings import Codec, Settings
from engine.sources import Sources
from preprocessors.segmentation import LabelMask, LabelNet
from samples.scenes import draw_scene
from tests.preprocessors import tiny_upernet

FRAMES = 20


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_upernet.build(tmp_path_factory.mktemp("upernet"))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks at pictures of 64 pixels, where the real one is shown 512."""
    load = LabelNet.load
    monkeypatch.setattr(
        LabelNet, "load", lambda folder, weights="", at=None: LabelNet(load(folder).net, weights, 64, at)
    )


@pytest.fixture(scope="module")
def frames() -> torch.Tensor:
    return draw_scene(4, FRAMES, 72, 128).frames


def settings(checkpoint: Path, mask: str) -> Settings:
    return Settings(
        look="comic", codec=Codec.PNG, steady=0, mask=mask, mask_feather=0, detectors={"mask": str(checkpoint)}
    )


def sources(frames: torch.Tensor, checkpoint: Path, folder: Path, mark: str) -> Sources:
    detectors = {"mask": str(checkpoint)}
    reader = TensorReader(frames, Fraction(24))
    return Sources(reader, (72, 128), None, MapCache(folder), mark, {}, detectors, (), None)


def test_outside_of_what_is_seen_the_source_stays_bit_by_bit(checkpoint, frames, model):
    given = replace(settings(checkpoint, "person"), steady=1)
    made = torch.cat(list(restyle.frames(frames, **{**given.to_dict(), "codec": "h264"})))
    seen = LabelMask(load_labels(str(checkpoint)), "person")(frames).expand(-1, 3, -1, -1)
    assert torch.equal(made[seen == 0], frames[seen == 0])
    assert 0.02 < float((seen > 0).float().mean()) < 0.98
    assert (made[seen == 1] != frames[seen == 1]).float().mean() > 0.5


def test_the_background_is_where_nobody_is(checkpoint, frames, tmp_path):
    given = sources(frames, checkpoint, tmp_path, "")
    person, background = (LabelMasks(mask, given)(3, 9) for mask in ("person", "background"))
    assert torch.equal(person, LabelMasks("label:person", given)(3, 9))
    assert torch.equal(background, 1 - person)


def test_large_frames_are_looked_at_smaller_and_their_masks_are_of_their_size(
    checkpoint, frames, tmp_path, monkeypatch
):
    whole = LabelMasks("person", sources(frames, checkpoint, tmp_path, ""))(0, 4)
    monkeypatch.setattr("engine.masks.labels.SIDE", 36)
    small = LabelMasks("person", sources(frames, checkpoint, tmp_path, ""))(0, 4)
    assert small.shape == whole.shape == (4, 1, 72, 128)
    assert not torch.equal(small, whole)


def test_however_it_is_asked_for_it_is_the_same(checkpoint, frames, tmp_path):
    kept = LabelMasks("label:sky", sources(frames, checkpoint, tmp_path, "clip"))
    fresh = LabelMasks("label:sky", sources(frames, checkpoint, tmp_path / "none", ""))
    whole = kept(0, FRAMES, frames)
    assert whole.shape == (FRAMES, 1, 72, 128)
    for start, stop in ((0, 1), (3, 11), (0, FRAMES)):
        torch.testing.assert_close(kept(start, stop), whole[start:stop], rtol=0, atol=0)
        torch.testing.assert_close(fresh(start, stop), whole[start:stop], rtol=0, atol=1 / 60000)


def test_each_frame_is_told_as_it_is_looked_at_and_what_is_kept_is_not(checkpoint, frames, tmp_path):
    """A frame takes seconds: without a word a long clip would seem to stand still."""
    told: list[tuple[int, int]] = []
    kept = LabelMasks("person", sources(frames, checkpoint, tmp_path, "clip"), lambda *how: told.append(how))
    kept(0, 3)
    kept(3, FRAMES)
    assert told == [(number + 1, FRAMES) for number in range(FRAMES)]


def test_a_job_tells_how_far_its_mask_is(checkpoint, frames, model):
    told: list[telling.Progress] = []
    given = {**settings(checkpoint, "person").to_dict(), "codec": "h264"}
    list(restyle.frames(frames, progress=told.append, **given))
    stages = [one.stage for one in told if one.total]
    assert stages.count(telling.MASK) >= FRAMES


def test_a_second_run_looks_at_nothing_again(checkpoint, frames, model, tmp_path, monkeypatch):
    clip = tmp_path / "clip"
    clip.mkdir()
    for number, frame in enumerate(frames):
        cv2.imwrite(str(clip / f"{number:03d}.png"), (frame.permute(1, 2, 0).flip(-1) * 255).round().byte().numpy())
    pipeline.restyle(clip, tmp_path / "out", settings(checkpoint, "person"))
    looked: list[int] = []
    look = LabelNet._look

    def counted(net: LabelNet, frame: torch.Tensor, label: int) -> torch.Tensor:
        looked.append(label)
        return look(net, frame, label)

    monkeypatch.setattr(LabelNet, "_look", counted)
    pipeline.restyle(clip, tmp_path / "again", replace(settings(checkpoint, "person"), look="ink"))
    assert looked == []
    other, made = tiny_upernet.build(tmp_path / "other", seed=3), len(model.calls)
    pipeline.restyle(clip, tmp_path / "out", settings(other, "person"))
    assert len(looked) == FRAMES
    assert len(model.calls) == made
    with open_reader(tmp_path / "out") as one, open_reader(tmp_path / "again") as two:
        assert not torch.equal(one.read(0, 5), two.read(0, 5))


@pytest.mark.parametrize("mask", ["person", "background", "label:sky"])
def test_missing_weights_are_refused_with_the_command_before_a_frame_is_read(mask, frames, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(TensorReader, "read", lambda *_: pytest.fail("a frame was read"))
    with pytest.raises(ModelError, match=f"MIT.*restyle models --pull {NETWORK}"):
        restyle.frames(frames, look="comic", mask=mask)


def test_what_means_nothing_is_refused(checkpoint, frames, model):
    for given, told in (
        ({"mask": "label:persn", "detectors": {"mask": str(checkpoint)}}, "Did you mean person"),
        ({"mask": "label:zebra", "detectors": {"mask": str(checkpoint)}}, "There are: person, sky, wall"),
        ({"mask": "key:#00ff00", "detectors": {"mask": str(checkpoint)}}, "no label for it to find"),
        ({"detectors": {"mask": str(checkpoint)}}, "no label for it to find"),
        ({"mask": "person", "detectors": {"mask": "upernet-tyni"}}, "Did you mean upernet-tiny"),
        ({"mask": "label:"}, "means nothing"),
    ):
        with pytest.raises(SettingsError, match=told):
            restyle.frames(frames, look="comic", **given)
    assert model.calls == []


def test_all_that_draw_masks_may_be_used_for_anything():
    assert {one.licence.name for one in DETECTORS.values() if one.control == "mask"} == {"MIT"}
