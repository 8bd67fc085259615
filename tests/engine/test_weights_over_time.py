"""A control may weigh otherwise for a time of the clip: there, and nowhere else, in all chunks that it falls into."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import restyle
from engine.diffusion.stylizer import Chunk, Request, Styled
from engine.errors import SettingsError
from engine.media import probe
from engine.settings import Settings
from engine.windows import FrameRule
from tests.cli.test_command_line import run
from tests.engine.test_pipeline import draw_clip, frames_of
from tests.fake_stylizer import FakeStylizer

TIMED = ("--control", "depth:1", "--control", "depth:0.2@0:00.6-0:01.2")
"""Frames 18 to 35 of thirty a second; chunks are frames 0 to 23, 16 to 39 and so on."""
JOB = ("--no-report", "--steady", "0", "--codec", "png")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    draw_clip(tmp_path / "clip.mp4", 50, size=(32, 48))
    (tmp_path / "mine.toml").write_text('prompt = "ink"\n[controls]\ndepth = ["1", "0.2@0:00.6-0:01.2"]\n')
    (tmp_path / "plain.toml").write_text('prompt = "ink"\n')
    (tmp_path / "cuts.txt").write_text("10\n30\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(
    monkeypatch: pytest.MonkeyPatch, name: str, *words: str, look: str = "plain.toml", shots: bool = False
) -> Tensor:
    cuts = ("--cuts", "cuts.txt") if shots else ("--no-cuts",)
    assert run(monkeypatch, "clip.mp4", "--look-file", look, *JOB, *cuts, "-o", name, *words) == 0
    frames: Tensor = frames_of(Path(name))
    return frames


def test_it_weighs_otherwise_in_that_time_alone(
    monkeypatch: pytest.MonkeyPatch, folder: Path, model: FakeStylizer
) -> None:
    """In each of three shots of one chunk."""
    always = made(monkeypatch, "always", "--control", "depth:1", shots=True)
    timed, less = (made(monkeypatch, str(len(how)), *how, shots=True) for how in (TIMED, ("--control", "depth:0.2")))
    assert len(model.calls) == 9
    assert torch.equal((timed != always).flatten(1).any(dim=1).nonzero()[:, 0], torch.arange(18, 36))
    assert torch.equal(timed[18:36], less[18:36])
    assert torch.equal(timed, made(monkeypatch, "look", look="mine.toml", shots=True))


def test_every_chunk_of_a_shot_is_asked_for_the_weights_of_its_own_frames(
    monkeypatch: pytest.MonkeyPatch, folder: Path, model: FakeStylizer
) -> None:
    asked: dict[int, tuple[float, ...]] = {}
    restyled, times = model.restyle, list(probe(Path("clip.mp4")).times)

    def restyle(chunk: Chunk, request: Request) -> Styled:
        first, last = (times.index(times[0] + chunk.times[place]) for place in (0, -1))
        assert last - first == len(chunk.frames) - 1
        (asked[first], again) = chunk.weights(request)["depth"]
        assert again == asked[first]
        return restyled(chunk, request)

    monkeypatch.setattr(model, "restyle", restyle)
    made(monkeypatch, "timed", *TIMED)
    assert len(asked) == 3
    for first, weights in asked.items():
        assert weights == tuple(0.2 if 18 <= first + place < 36 else 1 for place in range(len(weights)))
        assert len(set(weights)) == 2


def test_what_it_does_to_colours_is_not_taken_back_in_later_chunks(
    monkeypatch: pytest.MonkeyPatch, folder: Path, model: FakeStylizer
) -> None:
    """The last of three chunks lies in it, and is not held to the colours of the first, which does not."""
    timed = made(monkeypatch, "timed", "--control", "depth:2", "--control", "depth:0@0:00.8-0:01.66")
    never = made(monkeypatch, "never", "--control", "depth:0")
    assert (timed[:16] - never[:16]).mean() > 5 / 255
    assert (timed[40:] - never[40:]).mean().abs() < 0.5 / 255


def test_frames_that_fill_a_chunk_up_weigh_as_its_last(
    monkeypatch: pytest.MonkeyPatch, folder: Path, model: FakeStylizer
) -> None:
    model.rule = FrameRule(multiple=8, stride=4, offset=1)
    asked: list[tuple[float, ...]] = []
    restyled = model.restyle

    def restyle(chunk: Chunk, request: Request) -> Styled:
        asked.append(chunk.weights(request)["depth"][0])
        return restyled(chunk, request)

    monkeypatch.setattr(model, "restyle", restyle)
    made(monkeypatch, "timed", *TIMED, shots=True)
    assert asked == [(1,) * 13, (1,) * 8 + (0.2,) * 13, (0.2,) * 6 + (1,) * 15]


def test_with_another_time_finished_chunks_are_not_taken_for_its_own(
    monkeypatch: pytest.MonkeyPatch, folder: Path, model: FakeStylizer, capsys: pytest.CaptureFixture[str]
) -> None:
    made(monkeypatch, "out", *TIMED)
    calls, other = len(model.calls), (*TIMED[:-1], "depth:0.2@0:00.6-0:01.3")
    assert run(monkeypatch, "clip.mp4", "--look-file", "plain.toml", *JOB, "--no-cuts", "-o", "out", *other) == 6
    assert "0:01.3" in capsys.readouterr().err
    assert len(model.calls) == calls
    same = (*TIMED[:-1], "depth:0.2@0:0.60-0:1.2")  # the same time in other words
    assert run(monkeypatch, "clip.mp4", "--look-file", "plain.toml", *JOB, "--no-cuts", "-o", "out", *same) == 0
    assert len(model.calls) == calls


def test_it_is_the_same_from_python_and_in_a_file_of_settings(tmp_path: Path, model: FakeStylizer) -> None:
    frames = torch.rand(6, 3, 16, 24)

    def styled(weight: object) -> Tensor:
        given = restyle.frames(frames, look="comic", rate=2, cuts="none", steady=0, controls={"depth": weight})
        return torch.cat(list(given))

    timed = styled([1, "0@0:01-0:02"])
    assert torch.equal((timed != styled(1)).flatten(1).any(dim=1).nonzero()[:, 0], torch.tensor([2, 3]))
    with pytest.raises(SettingsError, match="lies beyond the end"):
        restyle.frames(frames, look="comic", rate=2, controls={"depth": "0@0:01-0:04"})
    settings = Settings(look="comic", controls={"depth": [1, "0@0:01-0:02"]})
    (tmp_path / "job.toml").write_text(settings.to_toml())
    assert Settings.from_toml(tmp_path / "job.toml") == settings
