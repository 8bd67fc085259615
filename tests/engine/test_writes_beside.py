"""What a job writes while the model is at work on a GPU: the same result, sooner, and nothing if the job is stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any

import av
import numpy as np
import pytest
from torch import Tensor

from engine import pipeline
from engine.diffusion import catalog
from engine.diffusion.stylizer import Chunk, Request, Styled
from engine.errors import MediaError
from engine.media import Writer
from engine.settings import Settings
from engine.telling import WRITING, Progress
from tests.engine.test_pipeline import Killed, draw_clip
from tests.fake_stylizer import FakeStylizer

ASKED = Settings(look="comic", controls={"depth": 1.0}, steady=0)
NAME = "restyle writing"


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clip of two shots, of two chunks and one; beside it a picture, its left half white."""
    monkeypatch.setattr("engine.plan.LONGEST", 24)
    (tmp_path / "cuts.txt").write_text("36\n")
    half = np.repeat(np.arange(48)[None, :, None] < 24, 32, axis=0).repeat(3, axis=2)
    with av.open(tmp_path / "half.png", "w", format="image2") as target:
        stream = target.add_stream("png", options={})
        stream.width, stream.height, stream.pix_fmt = 48, 32, "rgb24"
        target.mux(stream.encode(av.VideoFrame.from_ndarray((255 * half).astype(np.uint8), format="rgb24")))
        target.mux(stream.encode(None))
    return draw_clip(tmp_path / "clip.mp4", 52, cut=36, size=(32, 48))


def run(
    source: Path,
    name: str,
    models: list[FakeStylizer],
    patch: pytest.MonkeyPatch,
    *,
    at_once: bool = True,
    asked: Settings = ASKED,
    told: Callable[[Progress], None] = lambda progress: None,
) -> bytes:
    waiting = list(models)
    patch.setattr(pipeline, "writes_beside", lambda *_: at_once)
    patch.setattr(catalog, "load", lambda *_: waiting.pop(0))
    settings = replace(asked, cuts=str(source.with_name("cuts.txt")))
    return pipeline.restyle(source, source.with_name(name), settings, progress=told).output.read_bytes()


def assert_nothing_is_left(source: Path, name: str) -> None:
    assert NAME not in [thread.name for thread in threading.enumerate()]
    assert [path.name for path in source.parent.glob("*.mp4")] == ["clip.mp4"]
    assert not list(source.parent.glob(f".{Path(name).stem}.unfinished*"))


@pytest.mark.parametrize(
    "given",
    [{"steady": 1.0}, {"mask": "half.png"}, {"palette": "half.png"}, {"device": "cpu,cpu"}],
    ids=lambda given: next(iter(given)),
)
def test_written_beside_or_after_the_result_is_the_same_and_so_is_one_that_was_killed(
    source: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]
) -> None:
    def kill(progress: Progress) -> None:
        if len(list(source.parent.glob("killed.mp4.restyle/chunk-*.safetensors"))) == 2:
            raise Killed

    monkeypatch.chdir(source.parent)
    asked = replace(ASKED, **given)
    models = [FakeStylizer(drift=0.1) for _ in asked.device.split(",")]
    after = run(source, "after.mp4", models, monkeypatch, at_once=False, asked=asked)
    told = list[Progress]()
    assert run(source, "beside.mp4", models, monkeypatch, asked=asked, told=told.append) == after
    for stage in ("restyling", WRITING):
        done = [progress.done for progress in told if progress.stage == stage and not progress.note]
        assert done == sorted(done)
        assert done[-1] == [progress.total for progress in told if progress.stage == stage][-1]
    with pytest.raises(Killed):
        run(source, "killed.mp4", models, monkeypatch, asked=asked, told=kill)
    assert NAME not in [thread.name for thread in threading.enumerate()]
    assert not list(source.parent.glob(".killed.unfinished*"))
    assert run(source, "killed.mp4", models, monkeypatch, asked=asked) == after


@dataclass
class Waiting(FakeStylizer):
    """Works on one of its chunks until something has happened, then tells how far it is."""

    number: int = 2
    begun: Event = field(default_factory=Event)
    happened: Event = field(default_factory=Event)

    def restyle(self, chunk: Chunk, request: Request) -> Styled:
        if len(self.calls) == self.number:
            self.begun.set()
            assert self.happened.wait(300)
            time.sleep(0.1)  # what has happened is to be noticed meanwhile
        return super().restyle(chunk, request)


def count_frames(monkeypatch: pytest.MonkeyPatch, seen: Callable[[int], None]) -> None:
    """Has `seen` hear how many frames were given to the writer, before they are written."""
    write, given = Writer.write, list[int]()

    def counted(writer: Writer, frames: Tensor, alpha: Tensor | None = None) -> None:
        given.append(len(frames))
        seen(sum(given))
        write(writer, frames, alpha)

    monkeypatch.setattr(Writer, "write", counted)


def test_what_is_finished_is_joined_steadied_and_written_while_the_model_is_at_work(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the last chunk is in the model all of the first shot is."""
    model = Waiting()
    count_frames(monkeypatch, lambda count: model.happened.set() if count == 36 else None)
    run(source, "result.mp4", [model], monkeypatch, asked=replace(ASKED, steady=1.0))
    assert len(model.calls) == 3


def test_what_goes_wrong_in_writing_ends_the_job_in_the_midst_of_a_chunk_and_what_is_finished_is_kept(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Waiting(number=1)

    def full(count: int) -> None:
        if count > 8:
            assert model.begun.wait(300)
            model.happened.set()
            raise MediaError("result.mp4 cannot be written: the disk is gone.")

    count_frames(monkeypatch, full)
    with pytest.raises(MediaError, match="the disk is gone"):
        run(source, "result.mp4", [model], monkeypatch)
    assert len(model.calls) == 2  # of three; the second was not finished
    assert len(list(source.with_name("result.mp4.restyle").glob("chunk-*.safetensors"))) == 1
    assert_nothing_is_left(source, "result.mp4")


def test_what_goes_wrong_after_the_last_chunk_is_said_too(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(count: int) -> None:
        if count > 48:
            raise MediaError("result.mp4 cannot be written: the disk is gone.")

    count_frames(monkeypatch, full)
    with pytest.raises(MediaError, match="the disk is gone"):
        run(source, "result.mp4", [FakeStylizer()], monkeypatch)
    assert_nothing_is_left(source, "result.mp4")


@pytest.mark.parametrize("stage", ["restyling", WRITING])
def test_a_job_that_is_stopped_waits_for_nothing_and_leaves_nothing_half_written(
    source: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    def stop(progress: Progress) -> None:
        if progress.stage == stage and progress.done > 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(source, "result.mp4", [FakeStylizer()], monkeypatch, asked=replace(ASKED, steady=1.0), told=stop)
    assert_nothing_is_left(source, "result.mp4")
