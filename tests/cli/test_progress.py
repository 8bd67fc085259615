"""How far something is, and how long it will take: to people and to machines."""

import io
import json

import pytest
from rich.console import Console

from cli.progress import Bar, Lines, in_minutes
from engine.telling import Progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves on."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])

    def pass_by(seconds: float) -> None:
        now[0] += seconds

    return pass_by


STEPS = [(0, 20), (0, 30), (24, 36), (24, 60), (24, 96)]
"""Seconds, and frames that are done by then, of 96: the first 20 lay there from an earlier run."""


def tell(shown, clock, steps=STEPS):
    for seconds, done in steps:
        clock(seconds)
        shown(Progress("restyling", done, 96))


def test_plain_lines_say_how_long_it_takes_by_what_this_run_has_done(capsys, clock):
    tell(Lines(as_json=False), clock)
    assert capsys.readouterr().err.splitlines() == [
        "restyling: 20 of 96 frames",
        "restyling: 36 of 96 frames, 1:30 left",
        "restyling: 60 of 96 frames, 0:43 left",
        "restyling: 96 of 96 frames",
    ]


def test_machines_are_told_the_seconds_that_are_left(capsys, clock):
    tell(Lines(as_json=True), clock)
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event.get("seconds_left") for event in told] == [None, 90, 43, None]
    assert told[1] == {"event": "progress", "stage": "restyling", "done": 36, "total": 96, "seconds_left": 90}


def test_every_stage_has_a_pace_of_its_own(capsys, clock):
    shown = Lines(as_json=True)
    tell(shown, clock)
    clock(7)
    shown(Progress("joining and writing", 8, 96))
    clock(7)
    shown(Progress("joining and writing", 16, 96))
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event.get("seconds_left") for event in told[-2:]] == [None, 70]


def test_the_bar_counts_down_between_what_it_is_told(clock):
    shown = Bar()
    console = Console(file=io.StringIO(), width=120, force_terminal=True)
    shown._bar.live.console = console
    tell(shown, clock, STEPS[:3])
    clock(30)
    line = shown._bar.make_tasks_table(shown._bar.tasks)
    with console.capture() as seen:
        console.print(line)
    assert "36/96 frames, 0.7 a second 1:00 left" in seen.get()
    clock(60)
    with console.capture() as seen:
        console.print(shown._bar.make_tasks_table(shown._bar.tasks))
    assert "left" not in seen.get()
    shown.close()


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0:00"), (59.6, "1:00"), (125, "2:05"), (3725, "1:02:05")])
def test_a_time_is_written_in_minutes(seconds, words):
    assert in_minutes(seconds) == words
