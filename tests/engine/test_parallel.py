"""Several devices restyle a clip's shots in parallel: the same frames as one alone, whatever happens on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Barrier

import pytest
import torch

from engine import pipeline
from engine.diffusion import catalog
from engine.diffusion.loading import Options
from engine.diffusion.memory import Ladder
from engine.diffusion.setup import find_devices
from engine.diffusion.stylizer import Chunk, Request, Styled
from engine.errors import ResourceError, SettingsError
from engine.settings import Settings
from engine.telling import Progress
from tests.engine.diffusion import tiny_sd15
from tests.engine.test_pipeline import Killed, draw_clip
from tests.fake_stylizer import FakeStylizer, slow_layers

ALONE = Settings(look="comic", steady=0)
BOTH = replace(ALONE, device="cpu,cpu")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of four shots, one of which is longer than a chunk."""
    folder = tmp_path_factory.mktemp("clip")
    (folder / "cuts.txt").write_text("8\n38\n50\n")
    return draw_clip(folder / "clip.mp4", 60, cut=8, size=(32, 48))


@pytest.fixture(autouse=True)
def _short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.plan.LONGEST", 24)


@dataclass
class Meeting(FakeStylizer):
    """Waits at its first chunk until the other one is at its first, too."""

    door: Barrier = field(default_factory=lambda: Barrier(1))

    def restyle(self, chunk: Chunk, request: Request) -> Styled:
        if not self.calls:
            self.door.wait(timeout=60)
        return super().restyle(chunk, request)


def lend(monkeypatch: pytest.MonkeyPatch, models: list[FakeStylizer]) -> None:
    """Has the next jobs get these models, one for each device."""
    waiting = list(models)
    monkeypatch.setattr(catalog, "load", lambda name, how: waiting.pop(0))


def run(source: Path, settings: Settings, output: Path, told: Callable[[Progress], None] = lambda _: None) -> bytes:
    listed = replace(settings, cuts=str(source.with_name("cuts.txt")))
    return pipeline.restyle(source, output, listed, progress=told).output.read_bytes()


@pytest.fixture(scope="module")
def alone(source: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What one device makes of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.plan.LONGEST", 24)
        patch.setenv("RESTYLE_CACHE", str(tmp_path_factory.mktemp("cache")))
        lend(patch, [FakeStylizer()])
        return run(source, ALONE, source.with_name("alone.mp4"))


def test_two_devices_work_at_once_and_give_the_frames_of_one(
    source: Path, alone: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    door, here, told = Barrier(2), threading.current_thread(), list[Progress]()

    def hear(progress: Progress) -> None:
        assert threading.current_thread() is here
        told.append(progress)

    models: list[FakeStylizer] = [Meeting(door=door), Meeting(door=door)]
    lend(monkeypatch, models)
    assert run(source, BOTH, tmp_path / "both.mp4", hear) == alone
    assert sum(len(model.calls) for model in models) == 5
    assert min(len(model.calls) for model in models) >= 1
    assert max(max(model.calls) for model in models if model.calls) == models[0].calls[0]  # the longest shot first
    restyled = [progress for progress in told if progress.stage == "restyling"]
    assert restyled[0].note == "fake on cpu and cpu: a whole window is computed at once"
    done = [progress.done for progress in restyled]
    assert done == sorted(done)
    assert done[-1] == restyled[-1].total


@pytest.mark.parametrize("then", [ALONE, BOTH], ids=["one", "two"])
def test_a_killed_job_goes_on_to_the_same_bytes_on_as_many_devices_as_there_are(
    source: Path, alone: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: Settings
) -> None:
    def kill_after_two_chunks(progress: Progress) -> None:
        if progress.stage == "restyling" and progress.done > 24:
            raise Killed

    lend(monkeypatch, [FakeStylizer(), FakeStylizer()])
    with pytest.raises(Killed):
        run(source, BOTH, tmp_path / "killed.mp4", kill_after_two_chunks)
    assert not (source.parent / tmp_path / "killed.mp4").exists()
    kept = len(list((tmp_path / "killed.mp4.restyle").glob("chunk-*.safetensors")))
    again: list[FakeStylizer] = [FakeStylizer(), FakeStylizer()]
    lend(monkeypatch, again)
    assert run(source, then, tmp_path / "killed.mp4") == alone
    assert sum(len(model.calls) for model in again) == 5 - kept


@dataclass
class Slow(FakeStylizer):
    """A model of very many quick layers."""

    def restyle(self, chunk: Chunk, request: Request) -> Styled:
        slow_layers()
        raise AssertionError("nobody has stopped it")


@dataclass
class Full(FakeStylizer):
    def restyle(self, chunk: Chunk, request: Request) -> Styled:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB.")


def test_what_stops_one_stops_the_other_in_the_middle_of_its_work(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []
    lend(monkeypatch, [Full(), Slow()])
    with pytest.raises(ResourceError, match="Memory ran out by the smallest plan of fake"):
        run(source, BOTH, tmp_path / "full.mp4", lambda progress: notes.append(progress.note))
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("restyle on")] == []
    assert "cpu: memory ran out; from here on less is computed at once" in notes


def test_devices_without_a_shot_are_told_of(
    source: Path, alone: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []
    lend(monkeypatch, [FakeStylizer() for _ in range(6)])
    assert (
        run(source, replace(ALONE, device=",".join(6 * ["cpu"])), tmp_path / "six.mp4", lambda p: notes.append(p.note))
        == alone
    )
    assert "2 of 6 devices stay idle: the clip has 4 shots, and each is made on one." in notes


def test_a_real_model_gives_the_same_bytes_twice_over(source: Path, tmp_path: Path) -> None:
    model = tiny_sd15.build(tmp_path / "model", controls=("depth",))
    settings = Settings(prompt="ink", model=str(model), steps=1, steady=0, controls={"depth": 1.0})
    assert run(source, replace(settings, device="cpu,cpu"), tmp_path / "both.mp4") == run(
        source, settings, tmp_path / "alone.mp4"
    )


def test_models_that_share_a_device_share_its_memory(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Options] = []

    def load(name: str, how: Options) -> FakeStylizer:
        asked.append(how)
        return FakeStylizer(memory=Ladder(sharers=how.sharers))

    monkeypatch.setattr(catalog, "load", load)
    run(source, BOTH, tmp_path / "both.mp4")
    assert [(how.device, how.sharers) for how in asked] == [("cpu", 2), ("cpu", 2)]
    assert Ladder(sharers=2).free_bytes() == pytest.approx(Ladder().free_bytes() / 2, rel=0.2)


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two new GPUs and an old one."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0) if device.index < 2 else (7, 5))


def test_devices_are_named_one_by_one(gpus: None) -> None:
    assert [str(device) for device in find_devices("cuda:0, cuda:1")] == ["cuda:0", "cuda:1"]
    assert [str(device) for device in find_devices("cpu")] == ["cpu"]


def test_all_gpus_are_named_at_once(gpus: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [str(device) for device in find_devices("cuda:all")] == ["cuda:0", "cuda:1"]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(SettingsError, match="CUDA finds 0 GPUs"):
        find_devices("cuda:all")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("cpu,cuda:0", "cpu computes in float32, cuda:0 computes in bfloat16: shots would differ"),
        ("cuda:all", "cuda:0 computes in bfloat16, cuda:2 computes in float16"),
        ("cuda:0,", "no device ''"),
        ("cuda:0,cuda:7", "no cuda:7 here"),
    ],
)
def test_devices_that_do_not_go_together_are_refused(gpus: None, names: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        find_devices(names)
