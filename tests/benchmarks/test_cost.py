"""The bench of cost tells every stage, and charges a seam to as many frames as lie between two of them."""

from __future__ import annotations

import pytest

from benchmarks.cost import FLOW, main, measure
from engine.plan import LONGEST, OVERLAP
from samples.scenes import draw_scene


def test_every_stage_costs_something() -> None:
    costs = measure(draw_scene(0, OVERLAP + 2, 48, 64).frames)
    assert set(costs) == {FLOW, "masks", "steadying", "colours", "seams"}
    assert min(costs.values()) > 0


def test_a_seam_is_charged_to_the_frames_of_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(10**6))
    monkeypatch.setattr("benchmarks.overhead.time.process_time", lambda: float(next(ticks)))
    costs = measure(draw_scene(0, OVERLAP + 2, 48, 64).frames)
    shot, seam = 1000 / (OVERLAP + 2), 1000 / (LONGEST - OVERLAP)
    assert costs == pytest.approx({FLOW: 1000, "masks": 1000, "steadying": 1000, "colours": shot, "seams": seam})


def test_what_costs_too_much_ends_with_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for seconds, status in ((1.0, 0), (1.1, 1)):
        monkeypatch.setattr("benchmarks.cost.measure", lambda source, cost=seconds: {FLOW: 1.0, "steadying": cost})
        with pytest.raises(SystemExit) as ended:
            main(["--frames", "2", "--size", "64", "48"])
        assert ended.value.code == status
        assert f"over the flow: {seconds:.2f}" in capsys.readouterr().out
