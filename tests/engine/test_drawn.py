"""Controls of a job: drawn once, found again by every later run, or taken from what someone has made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Self

import cv2
import numpy as np
import OpenEXR
import pytest
import torch
from torch import Tensor

from engine import controls as kinds
from engine import pipeline, telling
from engine.cache import MapCache
from engine.control_clip import draw_control
from engine.diffusion import catalog
from engine.drawn import Drawn
from engine.errors import MediaError, SettingsError
from engine.footage import Footage
from engine.media import MapWriter, open_reader, probe
from engine.settings import Settings
from engine.windows import Span
from tests.engine.test_controls import Watching
from tests.engine.test_pipeline import draw_clip


@dataclass
class Counting:
    """Brightness as a control, over a shot's brightest; `drawn` counts frames, `fitted` shots."""

    name: str
    key: str = ""
    lookbehind: int = 0
    top: float = 1.0
    drawn: list[int] = field(default_factory=list)
    fitted: list[int] = field(default_factory=list)

    def fit(self, frames: Iterable[Tensor]) -> Self:
        self.fitted.append(1)
        top = max(float(window.max()) for window in frames)
        return type(self)(self.name, self.key, self.lookbehind, top, self.drawn, self.fitted)

    def __call__(self, frames: Tensor, number: int = 0) -> Tensor:
        self.drawn.append(len(frames))
        return frames.mean(dim=1, keepdim=True) / self.top


@dataclass(frozen=True)
class CountingFootage(Footage):
    frames: list[int] = field(default_factory=list)

    def read(self, span: Span) -> Tensor:
        self.frames.append(len(span))
        return super().read(span)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Watching:
    stylizer = Watching()
    monkeypatch.setattr(catalog, "load", lambda name, options: stylizer)
    monkeypatch.setattr("engine.plan.LONGEST", 24)
    return stylizer


@pytest.fixture
def drawers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Counting]:
    made = {name: Counting(name) for name in ("depth", "edges", "flow")}
    monkeypatch.setattr(kinds, "KINDS", {name: lambda name=name: made[name] for name in made})
    return made


ASKED = Settings(look="comic", cuts="none", controls={"depth": 1.0, "edges": 0.5}, steady=0)


def run(source: Path, output: str, settings: Settings = ASKED) -> telling.Result:
    return pipeline.restyle(source, source.with_name(output), settings)


def test_a_second_run_with_another_prompt_draws_nothing(
    tmp_path: Path, model: Watching, drawers: dict[str, Counting]
) -> None:
    source = draw_clip(tmp_path / "clip.mp4", 70)
    run(source, "a.mp4")
    first, maps = [sum(drawer.drawn) for drawer in drawers.values()], model.maps
    assert first == [70, 70, 0]  # each frame once, though chunks overlap
    model.maps = []
    run(source, "b.mp4", replace(ASKED, look=None, prompt="ink", strength=0.3))
    assert [sum(drawer.drawn) for drawer in drawers.values()] == first
    assert [len(drawer.fitted) for drawer in drawers.values()] == [1, 1, 0]
    for before, after in zip(maps, model.maps, strict=True):
        assert all(torch.equal(before[name], after[name]) for name in ("depth", "edges"))


@pytest.mark.parametrize("lookbehind", [0, 1])
def test_frames_that_are_at_hand_are_not_read_again(tmp_path: Path, lookbehind: int) -> None:
    source = draw_clip(tmp_path / "clip.mp4", 70)
    with open_reader(source) as reader:
        footage = CountingFootage(reader, (32, 48))
        made = Drawn(Counting("depth", lookbehind=lookbehind), footage, MapCache(tmp_path / "kept"), "clip")
        control, whole = made.fit(Span(0, 70)), Drawn(Counting("edges"), footage, MapCache(tmp_path / "all"), "clip")
        expected = whole.fit(Span(0, 70))(Span(0, 70))
        chunks = [Span(0, 40), Span(32, 70)]
        shown = [footage.read(chunk) for chunk in chunks]
        footage.frames.clear()
        maps = [control(chunk, frames) for chunk, frames in zip(chunks, shown, strict=True)]
    # To fit, the shot is read once; beyond that the end of the block in which the first chunk ends.
    assert sum(footage.frames) == 70 + 24
    assert torch.equal(maps[0], expected[:40])
    assert torch.equal(maps[1], expected[32:])


def test_what_changes_one_control_draws_that_one_only(
    tmp_path: Path, model: Watching, drawers: dict[str, Counting]
) -> None:
    source = draw_clip(tmp_path / "clip.mp4", 30)
    run(source, "a.mp4")
    drawers["edges"].key = "finer"
    run(source, "b.mp4")
    assert [sum(drawer.drawn) for drawer in drawers.values()] == [30, 60, 0]
    run(source, "c.mp4", replace(ASKED, controls={"depth": "0.3@0-0.5", "edges": 1.0, "flow": 1.0}))
    assert [sum(drawer.drawn) for drawer in drawers.values()] == [30, 60, 30]


@pytest.mark.parametrize("change", ["cuts", "source", "size"])
def test_other_footage_is_drawn_anew(
    tmp_path: Path, model: Watching, drawers: dict[str, Counting], change: str
) -> None:
    source = draw_clip(tmp_path / "clip.mp4", 30)
    run(source, "a.mp4")
    other, settings = source, ASKED
    if change == "cuts":
        (tmp_path / "cuts.txt").write_text("15\n")
        settings = replace(ASKED, cuts=str(tmp_path / "cuts.txt"))
    elif change == "source":
        other = draw_clip(tmp_path / "other.mp4", 30, cut=20)
    else:
        settings = replace(ASKED, width=48, height=32)
    run(other, "b.mp4", settings)
    assert sum(drawers["depth"].drawn) == 60


@pytest.mark.parametrize("stills", [False, True])
def test_a_written_control_handed_in_gives_the_frames_of_the_drawn_one(
    tmp_path: Path, model: Watching, drawers: dict[str, Counting], stills: bool
) -> None:
    source = draw_clip(tmp_path / "clip.mp4", 40)
    drawn = run(source, "a.mp4")
    written = draw_control(source, "depth", tmp_path / ("d" if stills else "d.mkv"), ASKED, None, lambda progress: None)
    told = probe(written)
    assert (told.frames, told.width, told.height) == (40, 96, 64)
    maps, model.maps = model.maps, []
    calls = sum(drawers["depth"].drawn)
    own = run(source, "b.mp4", replace(ASKED, control_videos={"depth": str(written)}))
    assert sum(drawers["depth"].drawn) == calls
    for before, after in zip(maps, model.maps, strict=True):
        torch.testing.assert_close(after["depth"], before["depth"].expand(-1, 3, -1, -1), rtol=0, atol=1e-6)
    assert own.frames == drawn.frames


def test_another_control_video_is_another_job(tmp_path: Path, model: Watching, drawers: dict[str, Counting]) -> None:
    from engine.errors import JobError

    source = draw_clip(tmp_path / "clip.mp4", 10)
    videos = [_video(tmp_path / f"{level}.mkv", 10, (64, 96), level) for level in (0.25, 0.75)]
    run(source, "a.mp4", replace(ASKED, control_videos={"depth": str(videos[0])}))
    with pytest.raises(JobError, match="control videos"):
        run(source, "a.mp4", replace(ASKED, control_videos={"depth": str(videos[1])}))


def _video(path: Path, frames: int, size: tuple[int, int], level: float = 0.5) -> Path:
    source = draw_clip(path.with_suffix(".times.mp4"), frames)
    with open_reader(source) as reader, MapWriter(path, reader.info, size) as writer:
        writer.write(torch.full((frames, 1, *size), level))
    return path


@pytest.mark.parametrize(
    ("frames", "size", "control", "words"),
    [
        (9, (64, 96), "depth", "has 9 frames, the clip 10"),
        (10, (64, 98), "depth", "is 98x64. Scale it to 96x64"),
        (10, (64, 96), "flow", "flow is not followed. Say how closely: --control flow:0.8"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_work(
    tmp_path: Path,
    model: Watching,
    drawers: dict[str, Counting],
    frames: int,
    size: tuple[int, int],
    control: str,
    words: str,
) -> None:
    source = draw_clip(tmp_path / "clip.mp4", 10)
    own = _video(tmp_path / "own.mkv", frames, size)
    with pytest.raises(SettingsError, match=words):
        run(source, "a.mp4", replace(ASKED, control_videos={control: str(own)}))
    assert not model.calls
    assert not (tmp_path / "a.mp4.restyle").exists()


def _exr(folder: Path, planes: dict[str, float], frames: int = 10) -> str:
    folder.mkdir()
    for number in range(frames):
        channels = {name: np.full((64, 96), level, np.float32) for name, level in planes.items()}
        with OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}, channels) as file:
            file.write(str(folder / f"{number:04d}.exr"))
    return str(folder)


@pytest.mark.parametrize(
    ("planes", "seen"), [({"Y": 0.2}, (0.2, 0.2, 0.2)), ({"R": 0.0, "G": 0.4, "B": float("nan")}, (0.0, 0.4, 0.0))]
)
def test_a_control_of_exr_is_taken_as_it_stands(
    tmp_path: Path, model: Watching, drawers: dict[str, Counting], planes: dict[str, float], seen: tuple[float, ...]
) -> None:
    own = _exr(tmp_path / "own", planes)
    run(draw_clip(tmp_path / "clip.mp4", 10), "a.mp4", replace(ASKED, control_videos={"depth": own}))
    assert model.maps
    for maps in model.maps:
        wanted = torch.tensor(seen).view(1, 3, 1, 1).expand_as(maps["depth"])
        torch.testing.assert_close(maps["depth"], wanted, rtol=0, atol=1e-6)


def test_metres_are_no_control_and_are_refused_before_any_work(
    tmp_path: Path, model: Watching, drawers: dict[str, Counting]
) -> None:
    own = _exr(tmp_path / "own", {"Z": 7.5})
    with pytest.raises(MediaError, match=r"goes from 7\.5 to 7\.5; a control goes from 0 to 1"):
        run(draw_clip(tmp_path / "clip.mp4", 10), "a.mp4", replace(ASKED, control_videos={"depth": own}))
    assert not model.calls


def test_a_control_video_that_is_not_there_is_named(
    tmp_path: Path, model: Watching, drawers: dict[str, Counting]
) -> None:
    with pytest.raises(MediaError, match=r"gone\.mkv"):
        run(
            draw_clip(tmp_path / "clip.mp4", 10),
            "a.mp4",
            replace(ASKED, control_videos={"depth": str(tmp_path / "gone.mkv")}),
        )


def test_a_control_of_stills_is_named_after_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder := tmp_path / "shots").mkdir()
    for number in range(2):
        cv2.imwrite(str(folder / f"shot.{number:04d}.png"), np.full((64, 96, 3), 90, np.uint8))
    monkeypatch.chdir(folder)
    for source, name in (("shot.%04d.png", "shots/shot.edges.mkv"), (".", "shots.edges.mkv")):
        written = draw_control(Path(source), "edges", None, ASKED, Fraction(24), lambda progress: None)
        assert written.absolute() == tmp_path / name


def test_a_place_for_a_control_is_checked_first(tmp_path: Path) -> None:
    for output, words in ((tmp_path / "d.mp4", r"\.mkv, or to a folder"), (tmp_path, "not empty")):
        with pytest.raises(SettingsError, match=words):
            draw_control(draw_clip(tmp_path / "clip.mp4", 10), "edges", output, ASKED, None, lambda progress: None)
