"""Laws of shots with seeds of their own: one shot is made anew, others stay; what cannot be is refused before work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine import pipeline
from engine.errors import SettingsError
from engine.media import open_reader
from engine.preview import preview
from engine.reseeding import read_reseeds
from engine.settings import Codec, Settings
from tests.engine.test_pipeline import draw_clip, frames_of
from tests.fake_stylizer import FakeStylizer


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three shots: frames 0 to 9, 10 to 39, which are two chunks, and 40 to 54, at 30 frames a second."""
    (tmp_path / "cuts.txt").write_text("10\n40\n")
    return draw_clip(tmp_path / "clip.mp4", 55, size=(32, 48))


def asked(source: Path, *reseed: str) -> Settings:
    cuts = str(source.with_name("cuts.txt"))
    return Settings(look="comic", cuts=cuts, reseed=reseed, codec=Codec.PNG)


def test_one_shot_is_made_anew_and_all_others_stay_as_they_are(source: Path, model: FakeStylizer) -> None:
    output, notes = source.with_name("out"), list[str]()

    def run(settings: Settings, where: Path = output) -> tuple[torch.Tensor, list[int]]:
        before = len(model.calls)
        pipeline.restyle(source, where, settings, progress=lambda told: notes.append(told.note))
        return frames_of(where), model.calls[before:]

    first, calls = run(asked(source))
    assert len(calls) == 4
    other, calls = run(asked(source, "0:00.6=7"))
    assert calls == [19, 19]
    assert "other seeds than before: 2 of 3 shots are finished already and kept" in notes
    changed = (other != first).flatten(1).any(dim=1)
    assert torch.equal(changed.nonzero()[:, 0], torch.arange(10, 40))
    fresh, _ = run(asked(source, "0.6=7"), source.with_name("fresh"))
    assert torch.equal(other, fresh)
    both, calls = run(asked(source, "0.6=7", "1.6=8"))
    assert calls == [15]
    assert torch.equal(both[:40], other[:40])
    again, calls = run(asked(source))  # the first take was the better one
    assert calls == []
    assert torch.equal(again, first)
    _, calls = run(asked(source, "0.6=0"))  # the job's own seed
    assert calls == []


def test_it_is_the_shot_that_is_seen_at_that_moment(source: Path, model: FakeStylizer) -> None:
    """Until frame 10 begins frame 9 is seen, however near the other one is; times are written to a thousandth."""
    with open_reader(source) as reader:
        begins = float(reader.info.times[10] - reader.info.times[0])
        moments = [f"{begins + late:.3f}=7" for late in (-0.004, 0, 0.004, 0.03)]
        assert [one.frame for one in read_reseeds(moments, reader.info)] == [9, 10, 10, 10]


def test_a_seed_stays_with_its_moment_when_cuts_are_corrected(source: Path, model: FakeStylizer) -> None:
    pipeline.restyle(source, source.with_name("out"), asked(source, "1.6=8"))
    calls = len(model.calls)
    source.with_name("cuts.txt").write_text("12\n40\n")
    pipeline.restyle(source, source.with_name("out"), asked(source, "1.6=8"))
    assert sorted(model.calls[calls:]) == [12, 18, 18]


@pytest.mark.parametrize(
    ("reseed", "told"),
    [
        (["0:99=7"], "The reseed '0:99=7' lies beyond the end of"),
        (["seven=7"], "is not TIME=SEED; say 42.5=7"),
        (["0.6"], "is not TIME=SEED"),
        (["0.6=-1"], "is not TIME=SEED"),
        (["0.6=1.5"], "is not TIME=SEED"),
        ([f"0.6={2**63}"], "is not TIME=SEED"),
        (["0.6=" + 5000 * "1"], "is not TIME=SEED"),
        ([5000 * "1" + "=7"], "is not TIME=SEED"),
        (["0.5=7", "0.9=8"], r"0.5=7 and 0.9=8 lie in one shot, frames 10 to 39\. Leave one out\."),
    ],
)
def test_what_cannot_be_is_refused_before_work(source: Path, model: FakeStylizer, reseed: list[str], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        pipeline.restyle(source, source.with_name("out"), asked(source, *reseed))
    assert not model.calls
    assert not source.with_name("out").exists()


def test_frames_in_memory_take_seeds_too_and_refuse_at_once(source: Path, model: FakeStylizer) -> None:
    with open_reader(source) as reader:
        frames = reader.read(0, 20)
    one = Settings(look="comic", cuts="none", steady=0)
    plain, seeded = (torch.cat(list(pipeline.restyle_frames(frames, asking))) for asking in (one, replace(one, seed=7)))
    again = torch.cat(list(pipeline.restyle_frames(frames, replace(one, reseed=("0.2=7",)))))
    assert torch.equal(again, seeded)
    assert not torch.equal(again, plain)
    with pytest.raises(SettingsError, match="beyond the end"):
        pipeline.restyle_frames(frames, replace(one, reseed=("9=7",)))


def test_a_settings_file_says_it_as_the_command_line_does(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('look = "ink"\nreseed = ["0:42.5=7", "1:03=8"]\n')
    settings = Settings.from_toml(tmp_path / "a.toml")
    assert settings.reseed == ("0:42.5=7", "1:03=8")
    (tmp_path / "b.toml").write_text(settings.to_toml())
    assert Settings.from_toml(tmp_path / "b.toml") == settings
    with pytest.raises(SettingsError, match=r"reseed is '0:42\.5=7'; it must be a list"):
        Settings(look="ink", reseed="0:42.5=7")  # type: ignore[arg-type]


def test_a_preview_says_that_it_knows_no_shots(source: Path, model: FakeStylizer) -> None:
    notes: list[str] = []
    preview(
        source, None, replace(asked(source, "0.6=7"), codec=Codec.H264), progress=lambda told: notes.append(told.note)
    )
    assert any("made with seed 0" in note for note in notes)
