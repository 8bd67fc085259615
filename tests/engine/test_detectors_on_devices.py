"""Detectors compute on the device of the model that their maps are for, but never beside its work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import pytest
import torch
from torch import Tensor

from engine import pipeline, telling
from engine.cache import MapCache
from engine.detectors import load_detector
from engine.diffusion import catalog
from engine.diffusion.stylizer import Chunk, Request, Styled
from engine.drawn import Drawn
from engine.footage import Footage
from engine.media import TensorReader
from engine.parallel import workplaces
from engine.settings import Settings
from engine.windows import Span
from preprocessors.raft import RaftFlow
from preprocessors.workplace import Workplace
from samples.scenes import draw_scene
from tests.engine.test_pipeline import draw_clip
from tests.fake_stylizer import FakeStylizer
from tests.preprocessors import tiny_upernet
from tests.preprocessors.test_aligned_depth import checkpoint
from tests.preprocessors.test_workplace import Recording
from tests.preprocessors.tiny_detectors import joint_net, person_net, tiny_anime_lines, tiny_hed, tiny_line_art

__all__ = ["checkpoint"]

RAN_OUT = "memory of meta ran out for detectors; they draw on the processor from here on"


@dataclass
class Alone(FakeStylizer):
    """Notes where a detector is while it works."""

    detector: Recording = field(default_factory=Recording)
    beside: list[str] = field(default_factory=list)

    def restyle(self, chunk: Chunk, request: Request) -> Styled:
        self.beside.append(self.detector.sent[-1])
        time.sleep(0.05)
        self.beside.append(self.detector.sent[-1])
        return super().restyle(chunk, request)


class Still(Recording):
    """Sees no motion, wherever it is asked."""

    def forward(self, *given: Tensor) -> Any:
        super().forward(*given)
        return [torch.zeros(1, 2, *given[0].shape[-2:])]


@pytest.mark.parametrize(("full", "ahead"), [(None, False), (None, True), (12, True), (160, False)])
def test_a_job_has_its_detectors_on_the_models_device_but_never_beside_its_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: int | None, ahead: bool
) -> None:
    """In two chunks; where memory runs out for a detector, early or while the result is steadied, the job goes on."""
    (tmp_path / "raft.pth").write_bytes(b"weights")
    net, told = Still(full), list[telling.Progress]()
    monkeypatch.setattr(RaftFlow, "load", classmethod(lambda cls, file, weights, at: cls(net, weights, at)))
    monkeypatch.setattr("engine.plan.LONGEST", 24)
    monkeypatch.setattr("engine.parallel.works_ahead", lambda *_: ahead)
    source = draw_clip(tmp_path / "clip.mp4", 30)
    learned = {"flow": str(tmp_path / "raft.pth")}
    settings = Settings(look="comic", cuts="none", controls={"flow": 1.0}, detectors=learned)
    for name, place in (("there", "meta"), ("here", "cpu")):
        model = Alone(detector=net)
        monkeypatch.setattr(catalog, "load", lambda *_, model=model: model)
        monkeypatch.setattr(pipeline, "workplaces", lambda settings, place=place: [Workplace(place)])
        told.clear()
        pipeline.restyle(source, tmp_path / f"{name}.mp4", settings, progress=told.append)
        notes = [one.note for one in told if "ran out" in one.note]
        if place == "meta":
            assert model.beside == ["cpu"] * 4
            assert notes == ([] if full is None else [RAN_OUT])
            assert ("cpu" in net.asked) == (full is not None)
            assert net.asked.count("meta") >= (full or 200)
    assert (tmp_path / "there.mp4").read_bytes() == (tmp_path / "here.mp4").read_bytes()


def test_models_that_share_a_device_leave_detectors_to_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))

    def places(device: str) -> list[str]:
        return [str(one.device) for one in workplaces(Settings(look="ink", device=device))]

    assert places("cuda:0,cuda:1") == ["cuda:0", "cuda:1"]
    assert places("cuda:1") == ["cuda:1"]
    assert places("cuda:0,cuda:0,cuda:1") == ["cpu", "cpu", "cuda:1"]
    assert places("cpu") == ["cpu"]


class Counted(Workplace):
    """Counts what is asked there."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def seat(self, *how: Any) -> Callable[..., Tensor]:
        ask = super().seat(*how)

        def counted(*given: Any) -> Tensor:
            self.asked += 1
            return ask(*given)

        return counted


def test_every_detector_computes_in_the_place_that_it_is_given(checkpoint: Path, tmp_path: Path) -> None:
    joint_net().save_pretrained(tmp_path / "people" / "pose")
    person_net().save_pretrained(tmp_path / "people" / "person")
    learned = [("depth", checkpoint), ("normal", checkpoint), ("openpose", tmp_path / "people")]
    learned.append(("mask", tiny_upernet.build(tmp_path / "upernet")))
    for control, net in (("softedge", tiny_hed()), ("lineart", tiny_line_art()), ("lineart", tiny_anime_lines())):
        learned.append((control, tmp_path / f"{len(learned)}.pth"))
        torch.save(net.state_dict(), learned[-1][1])
    for control, place in learned:
        at = Counted()
        load_detector(control, str(place), at)(draw_scene(4, 1, 64, 96).frames)
        assert at.asked >= 1, control


@dataclass
class Asking:
    """Draws, and fits to a shot, by asking a network."""

    ask: Callable[[Tensor], Tensor]
    name: str = "depth"
    key: str = "network"
    lookbehind: int = 0
    fitted: list[int] = field(default_factory=list)

    def fit(self, frames: Iterable[Tensor]) -> Self:
        self.fitted.append(len([self.ask(window) for window in frames]))
        return self

    def __call__(self, frames: Tensor, number: int = 0) -> Tensor:
        return self.ask(frames)[:, :1]


@pytest.mark.parametrize(
    ("question", "levels"), [(3, (0.5, 0.5)), (10, (0.5, 0.5)), (14, (0.25, 0.5)), (0, (0.25, 0.25))]
)
def test_where_memory_runs_out_each_block_is_drawn_in_one_place_and_kept_as_of_there(
    tmp_path: Path, question: int, levels: tuple[float, float]
) -> None:
    """The network is asked eight times to fit the shot and four times a block; elsewhere it answers differently."""
    footage, cache = Footage(TensorReader(torch.zeros(64, 3, 8, 8), Fraction(24)), (8, 8)), MapCache(tmp_path)

    def drawn(at: Workplace, full: int | None = None) -> tuple[Asking, Tensor]:
        drawer = Asking(at.seat(Recording(full)))
        return drawer, Drawn(drawer, footage, cache, "clip", at).fit(Span(0, 64))(Span(0, 64))

    def means(maps: Tensor) -> tuple[float, float]:
        return round(float(maps[:32].mean()), 3), round(float(maps[32:].mean()), 3)

    at = Workplace("meta")
    drawer, maps = drawn(at, question)
    assert means(maps) == levels
    assert maps.unique().numel() == len(set(levels))
    assert len(drawer.fitted) == (2 if question else 1)  # anew on the processor
    assert len(at.news()) == (1 if question else 0)
    assert means(drawn(Workplace())[1]) == (0.5, 0.5)
    assert means(drawn(Workplace("meta"))[1]) == (0.25, 0.25)
