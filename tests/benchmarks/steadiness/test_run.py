"""From clips to tables: the small form of the bench, and other programs' results."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import pytest
import torch

from benchmarks.steadiness import report
from benchmarks.steadiness.__main__ import main
from benchmarks.steadiness.controls import identity, oracle
from benchmarks.steadiness.methods import METHODS
from benchmarks.steadiness.outputs import name_of, outputs, read, write_inputs, write_pictures
from benchmarks.steadiness.plot import quality_plot
from benchmarks.steadiness.run import Plan, Row, drawings, run, trials
from benchmarks.steadiness.trial import Motion


@pytest.fixture(scope="module")
def plan(tmp_path_factory) -> Plan:
    cache = tmp_path_factory.mktemp("cache")
    return Plan((0, 8), ("D3", "D7"), frames=20, height=48, width=80, flows=("estimated", "true"), cache=cache)


@pytest.fixture(scope="module")
def rows(plan: Plan) -> list[Row]:
    return list(run(plan, {"nothing": identity, "answer": oracle, **METHODS}))


def test_every_method_meets_every_trial_but_those_that_are_no_fault(rows: list[Row]) -> None:
    assert len(rows) == 3 * 2 * (2 + len(METHODS))  # D7 is none where nothing moves
    assert {row.clip for row in rows} == {"pan-0", "still-8"}
    assert all(row.milliseconds >= 0 for row in rows)
    assert {row.score.quality for row in rows if row.method == "answer"} == {1}


def test_methods_get_the_flow_that_they_are_promised(plan: Plan) -> None:
    seen: list[Motion] = []

    def spy(trial, motion):
        seen.append(motion)
        return trial.flickering

    for _ in run(Plan((0,), ("D3",), frames=20, height=48, width=80, flows=("estimated", "true"), cache=plan.cache),
                 {"spy": spy}):  # fmt: skip
        pass
    _, drawing = next(drawings(plan))
    assert torch.equal(seen[1].to_previous, drawing.clip.motion.to_previous)
    assert seen[0].to_next[-1].abs().max() == seen[0].to_previous[0].abs().max() == 0
    distance = (seen[0].to_previous[1:] - seen[1].to_previous[1:]).norm(dim=1).median()
    assert 0 < distance < 0.3


def test_tables_hold_every_method_and_say_what_was_not_computed(rows: list[Row], plan: Plan, capsys, tmp_path) -> None:
    for table in (report.quality_table, report.gate_table, report.seam_table, report.figure_table):
        text = table(rows)
        assert all(name in text for name in report.methods_of(rows))
        assert len({len(line) for line in text.splitlines()}) == 1
    shared = ["--frames", "20", "--size", "48", "80", "--cache", str(plan.cache), "--seeds", "0", "--cases", "D3"]
    files = tmp_path / "rows.json", tmp_path / "plot.svg"
    main([*shared, "--methods", "oracle", "--farther", "--json", str(files[0]), "--plot", str(files[1])])
    said = capsys.readouterr().out
    assert "No learned metric was computed" in said
    assert "tOF" in said
    found = json.loads(files[0].read_text())
    assert found[0]["score"]["quality"] == 1
    assert found[0]["score"]["farther"]["made"]["tof"] >= 0
    assert ElementTree.fromstring(files[1].read_text()).tag.endswith("svg")


def test_a_plot_draws_what_passed_within_what_was_scored(rows: list[Row]) -> None:
    drawn = ElementTree.fromstring(quality_plot(rows))
    bars = [float(bar.attrib["height"]) for bar in drawn if "fill-opacity" in bar.attrib]
    assert all(pale >= full for pale, full in zip(bars[::2], bars[1::2], strict=True))


def test_another_program_s_pictures_are_scored_as_its_frames_would_be(plan: Plan, tmp_path) -> None:
    assert write_inputs(plan, tmp_path) == 3
    (first, drawing), *_ = drawings(plan)
    trial = next(trials(plan, first, drawing))
    read_back = outputs(tmp_path / "flickering")(trial, drawing.clip.motion)
    assert torch.allclose(read_back, trial.flickering, atol=1e-6)
    assert torch.allclose(read(tmp_path / "source", drawing.clip.name), drawing.clip.source, atol=1e-6)


def test_what_cannot_be_scored_is_named(plan: Plan, tmp_path) -> None:
    (first, drawing), *_ = drawings(plan)
    trial = next(trials(plan, first, drawing))
    with pytest.raises(ValueError, match=name_of(trial)):
        outputs(tmp_path)(trial, drawing.clip.motion)
    write_pictures(tmp_path / name_of(trial), trial.flickering[:3])
    with pytest.raises(ValueError, match="not"):
        outputs(tmp_path)(trial, drawing.clip.motion)


def test_differences_are_those_between_the_same_clips(rows: list[Row]) -> None:
    own = [row for row in rows if row.flow == "estimated"]
    table = report.difference_table(own, "nothing").splitlines()
    assert next(line for line in table if "answer" in line).split("|")[2].strip() == "-1.000"
    assert report.difference_table(own, "no such method").count("\n") == 1


def test_an_interval_holds_the_mean_and_narrows_with_agreement() -> None:
    low, high = report.interval([0.2, 0.4, 0.9, 0.5])
    assert 0.2 <= low < 0.5 < high <= 0.9
    assert report.interval([0.5, 0.5, 0.5]) == (0.5, 0.5)
