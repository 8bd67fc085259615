"""What a job prepares while the model is at work on a GPU: the same result, and no more than one chunk ahead."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Semaphore
from typing import Any

import pytest
from torch import Tensor

from engine import chunks, parallel, pipeline, telling
from engine.beside import prepared_bytes
from engine.chunks import Finished, Prepared, prepared
from engine.diffusion import catalog
from engine.diffusion.stylizer import Chunk, Request, Styled
from engine.errors import MediaError
from engine.footage import read_frames
from engine.media import Reader
from engine.settings import Settings
from engine.sizes import Sizes
from engine.windows import FrameRule, Span
from tests.engine.test_pipeline import Killed, draw_clip
from tests.fake_stylizer import FakeStylizer

ASKED = Settings(look="comic", controls={"depth": 1.0, "flow": 0.5}, steady=0)
NAME = "restyle ahead"


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clip of two shots, of two chunks and one, and another of two."""
    monkeypatch.setattr("engine.plan.LONGEST", 24)
    (tmp_path / "cuts.txt").write_text("36\n50\n")
    return draw_clip(tmp_path / "clip.mp4", 84, cut=36)


def run(source: Path, name: str, model: FakeStylizer, patch: pytest.MonkeyPatch, **how: Any) -> bytes:
    """The result; `ahead` forces preparing ahead, or forbids it."""
    patch.setattr("engine.parallel.works_ahead", lambda *_: how.get("ahead", True))
    patch.setattr(catalog, "load", lambda *_: model)
    patch.setenv("RESTYLE_CACHE", str(source.with_name(f"cache of {name}")))
    settings = replace(ASKED, cuts=str(source.with_name("cuts.txt")))
    told: Any = how.get("progress", lambda progress: None)
    return pipeline.restyle(source, source.with_name(name), settings, progress=told).output.read_bytes()


def running() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == NAME]


@pytest.mark.parametrize("rule", [FrameRule(8), FrameRule(8, stride=4, offset=1)], ids=["every", "fourth"])
def test_ahead_or_not_the_result_is_the_same_and_so_is_one_that_was_killed(
    source: Path, monkeypatch: pytest.MonkeyPatch, rule: FrameRule
) -> None:
    def kill(progress: telling.Progress) -> None:
        if len(list(source.parent.glob("killed.mp4.restyle/chunk-*.safetensors"))) == 2:
            raise Killed

    plain = run(source, "plain.mp4", FakeStylizer(rule=rule, lookback=2), monkeypatch, ahead=False)
    model = FakeStylizer(rule=rule, lookback=2)
    assert run(source, "ahead.mp4", model, monkeypatch) == plain
    assert len(model.calls) == 5
    killed = FakeStylizer(rule=rule, lookback=2)
    with pytest.raises(Killed):
        run(source, "killed.mp4", killed, monkeypatch, progress=kill)
    assert running() == []
    assert run(source, "killed.mp4", killed, monkeypatch) == plain
    assert len(killed.calls) == 5  # those that were finished were not made again


@dataclass
class Waiting(FakeStylizer):
    """Works on a chunk until the next one is begun to be read; sees how many are there meanwhile."""

    begun: Semaphore = field(default_factory=lambda: Semaphore(0))
    ready: list[weakref.ref[Prepared]] = field(default_factory=list)
    most: int = 0

    def restyle(self, chunk: Chunk, request: Request) -> Styled:
        if len(self.calls) < 4:
            assert self.begun.acquire(timeout=60)
        self.most = max(self.most, sum(one() is not None for one in self.ready))
        return super().restyle(chunk, request)


def test_the_next_chunk_is_prepared_while_the_model_is_at_work_over_cuts_too_and_no_more_than_that(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, weights, begun = Waiting(), list[int](), list[int]()

    def reading(*asked: Any) -> Tensor:
        begun.append(1)
        if len(begun) > 1:  # the first is read before the model has anything to do
            model.begun.release()
        return read_frames(*asked)

    def noted(ready: Prepared | Finished) -> Prepared | Finished:
        assert isinstance(ready, Prepared)
        model.ready.append(weakref.ref(ready))
        given = (ready.chunk.frames, ready.chunk.noise, *ready.chunk.controls.values())
        weights.append(sum(one.nbytes for one in given))
        return ready

    monkeypatch.setattr(chunks, "read_frames", reading)
    monkeypatch.setattr(parallel, "prepared", lambda *asked: map(noted, prepared(*asked)))
    run(source, "waiting.mp4", model, monkeypatch)
    assert len(model.calls) == 5
    assert model.most <= 2
    sizes, request = Sizes((64, 96), (64, 96)), Request("ink", 0.5, 1, controls=ASKED.controls or {})
    estimate = prepared_bytes(model, request, sizes, 24)
    assert 0.5 * estimate < max(weights) <= estimate


def test_where_nothing_is_prepared_ahead_a_chunk_is_gone_before_the_next_one_is_read(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory of a processor is the model's: a long clip must not take a chunk more of it than a short one."""
    ready, there = list[weakref.ref[Any]](), list[int]()

    def reading(reader: Reader, span: Span, size: tuple[int, int]) -> Tensor:
        there.append(sum(one() is not None for one in ready))
        return read_frames(reader, span, size)

    class Noted(Chunk):
        def __post_init__(self) -> None:
            super().__post_init__()
            ready.append(weakref.ref(self))

    monkeypatch.setattr(chunks, "read_frames", reading)
    monkeypatch.setattr(chunks, "Chunk", Noted)
    run(source, "plain.mp4", FakeStylizer(), monkeypatch, ahead=False)
    assert there == [0] * 5


def test_what_goes_wrong_ahead_is_said_as_itself_and_what_was_made_is_kept(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans = list[Span]()

    def damaged(reader: Reader, span: Span, size: tuple[int, int]) -> Tensor:
        spans.append(span)
        if len(spans) == 3:
            raise MediaError("clip.mp4 is damaged at frame 40.")
        return read_frames(reader, span, size)

    monkeypatch.setattr(chunks, "read_frames", damaged)
    model = FakeStylizer()
    with pytest.raises(MediaError, match="damaged at frame 40"):
        run(source, "damaged.mp4", model, monkeypatch)
    assert running() == []
    assert len(model.calls) == 2
    assert len(list(source.with_name("damaged.mp4.restyle").glob("chunk-*.safetensors"))) == 2
