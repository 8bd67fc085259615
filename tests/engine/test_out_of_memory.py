"""Memory runs out in the middle of a job: it goes on by the model's next smaller plan, from the last finished chunk."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from engine import pipeline
from engine.diffusion import catalog
from engine.diffusion.memory import ON_GPU, ON_PROCESSOR, Ladder
from engine.diffusion.stylizer import Chunk, Request, Styled
from engine.errors import ResourceError
from engine.plan import longest_chunk
from engine.settings import Settings
from engine.sizes import Sizes
from tests.engine.test_pipeline import draw_clip
from tests.fake_stylizer import FakeStylizer

COMIC = Settings(look="comic", steady=0, cuts="none")


@dataclass
class Hungry(FakeStylizer):
    """Runs out of memory at its chunk number `at`, until it holds its plan number `enough`."""

    at: int = 1
    enough: int = 1
    tried: list[int] = field(default_factory=list)

    def restyle(self, chunk: Chunk, request: Request) -> Styled:
        self.tried.append(self.memory.held)
        if len(self.calls) == self.at and self.memory.held < self.enough:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB.")
        return super().restyle(chunk, request)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three chunks."""
    monkeypatch.setattr("engine.plan.LONGEST", 17)
    return draw_clip(tmp_path / "clip.mp4", 30, size=(32, 48))


def run(source: Path, model: FakeStylizer, monkeypatch: pytest.MonkeyPatch, name: str) -> tuple[bytes, list[str]]:
    """The result, and what was told beside the progress."""
    notes: list[str] = []
    monkeypatch.setattr(catalog, "load", lambda *_: model)
    told: Any = lambda progress: notes.append(progress.note) if progress.note else None  # noqa: E731
    result = pipeline.restyle(source, source.with_name(name), COMIC, progress=told)
    return result.output.read_bytes(), notes


def test_a_job_that_runs_out_of_memory_goes_on_with_less(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, told = run(source, FakeStylizer(), monkeypatch, "plain.mp4")
    assert told == ["fake on cpu: a whole window is computed at once"]
    model = Hungry()
    result, told = run(source, model, monkeypatch, "hungry.mp4")
    assert result == plain
    assert told[1:] == ["memory ran out; from here on less is computed at once"]
    assert model.tried == [0, 0, 1, 1]  # the first chunk is not made again, the third begins with what held
    assert len(model.calls) == 3


def test_it_goes_down_as_far_as_it_must(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Hungry(at=0, enough=2)
    _, told = run(source, model, monkeypatch, "hungry.mp4")
    assert len(told) == 3
    assert model.memory.plan is ON_PROCESSOR[-1]


def test_where_nothing_is_enough_it_says_so_and_keeps_what_is_finished(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ResourceError, match=r"Memory ran out by the smallest plan of fake: CUDA .* smaller --size"):
        run(source, Hungry(enough=9), monkeypatch, "hungry.mp4")
    assert list((source.parent / "hungry.mp4.restyle").glob("chunk-000000-*.avi"))
    result, _ = run(source, FakeStylizer(), monkeypatch, "hungry.mp4")
    plain, _ = run(source, FakeStylizer(), monkeypatch, "plain.mp4")
    assert result == plain


@pytest.mark.parametrize(("begun", "held", "kept"), [(2, 0, 2), (2, 1, 2), (0, 2, 3), (1, 3, 3)])
def test_a_job_goes_on_with_weights_of_the_kind_that_its_chunks_are_made_with(
    begun: int, held: int, kept: int, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(source, FakeStylizer(memory=Ladder(plans=ON_GPU, held=begun)), monkeypatch, "job.mp4")
    sorted((source.parent / "job.mp4.restyle").glob("chunk-*.safetensors"))[1].unlink()
    model = FakeStylizer(memory=Ladder(plans=ON_GPU, held=held))
    _, told = run(source, model, monkeypatch, "job.mp4")
    assert len(model.calls) == 1
    assert model.memory.held == kept
    assert ON_GPU[kept].words in told[0]


def test_a_job_whose_weights_have_no_room_any_more_is_refused(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(source, FakeStylizer(memory=Ladder(plans=ON_GPU, held=2)), monkeypatch, "job.mp4")
    run(source, FakeStylizer(memory=Ladder(plans=ON_GPU, held=3)), monkeypatch, "job.mp4")  # all chunks are there
    sorted((source.parent / "job.mp4.restyle").glob("chunk-*.safetensors"))[1].unlink()
    with pytest.raises(ResourceError, match="made with weights in 8 bits, for which there is too little memory on cpu"):
        run(source, FakeStylizer(memory=Ladder(plans=ON_GPU, held=3)), monkeypatch, "job.mp4")


@dataclass
class Heavy(FakeStylizer):
    """Needs half as much with every plan."""

    def peak_bytes(self, frames: int, height: int, width: int) -> int:
        return frames * height * width >> self.memory.held


SIZES = Sizes((64, 64), (64, 64))


@pytest.mark.parametrize(("free", "held", "frames"), [(10**9, 0, 96), (40 * 64 * 64, 0, 40), (10 * 64 * 64, 1, 17)])
def test_a_smaller_plan_is_taken_before_a_job_is_refused(
    free: int, held: int, frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ladder, "free_bytes", lambda ladder: free)
    model = Heavy()
    assert longest_chunk(model, SIZES) == frames
    assert model.memory.held == held


def test_too_little_for_the_smallest_plan_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ladder, "free_bytes", lambda ladder: 100)
    with pytest.raises(ResourceError, match="Close other programs or ask for a smaller --size"):
        longest_chunk(Heavy(), SIZES)
