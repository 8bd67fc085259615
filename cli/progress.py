"""Show how far something is."""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from cli.output import tell

EVERY = 5.0  # seconds between plain lines


class Report(Protocol):
    """How far something is: `done` of `total` frames of a stage, named in words."""

    @property
    def stage(self) -> str: ...
    @property
    def done(self) -> int: ...
    @property
    def total(self) -> int: ...
    @property
    def note(self) -> str: ...


class Pace:
    """How fast a stage goes, by what has been done of it since it was first told of: a job may go on in its midst."""

    def __init__(self, report: Report) -> None:
        self.stage = report.stage
        self._first, self._started = report.done, time.monotonic()

    def rate(self, report: Report) -> float:
        """Frames a second, 0 as long as none is done."""
        return (report.done - self._first) / max(time.monotonic() - self._started, 1e-3)

    def left(self, report: Report) -> float | None:
        """Seconds until the stage is done, None as long as nothing tells."""
        rate = self.rate(report)
        return (report.total - report.done) / rate if rate else None


class Left(ProgressColumn):
    """The time that is left, counted down from when it was last told."""

    def render(self, task: Task) -> Text:
        """This writes it as `2:05 left`; nothing where it is not known, or was too short."""
        left = task.fields["ends"] - time.monotonic()
        return Text(f"{in_minutes(left)} left" if left > 0 else "")


class Bar:
    """One line on a terminal: stage, frames per second, time left."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total} frames, {task.fields[rate]}"),
            Left(),
            console=Console(stderr=True),
        )
        self._task: TaskID | None = None
        self._pace: Pace | None = None

    def __call__(self, report: Report) -> None:
        """This moves the line on, and tells what there is to know above it."""
        if report.note:
            self._bar.console.print(f"restyle: {report.note}")
        if not report.total:
            return
        if self._pace is None or report.stage != self._pace.stage:
            self._pace = Pace(report)
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(report.stage, total=report.total, rate="", ends=0.0)
            self._bar.start()
        assert self._task is not None
        ends = time.monotonic() + (self._pace.left(report) or 0.0)
        rate = f"{self._pace.rate(report):.1f} a second"
        self._bar.update(self._task, completed=report.done, rate=rate, ends=ends)

    def close(self) -> None:
        """This leaves the terminal as it was."""
        self._bar.stop()


class Lines:
    """Plain lines, one every few seconds, or JSON objects."""

    def __init__(self, as_json: bool) -> None:
        self._json = as_json
        self._pace: Pace | None = None
        self._last = 0.0

    def __call__(self, report: Report) -> None:
        """This tells what is new, unless it has just told."""
        if report.note:
            self._tell({"note": report.note}, f"restyle: {report.note}")
        if not report.total:
            return
        now = time.monotonic()
        if self._pace is None or report.stage != self._pace.stage:
            self._pace = Pace(report)
        elif report.done < report.total and now - self._last < EVERY:
            return
        self._last, left = now, self._pace.left(report)
        told = {"stage": report.stage, "done": report.done, "total": report.total}
        words = f"{report.stage}: {report.done} of {report.total} frames"
        if left:
            told["seconds_left"] = round(left)
            words += f", {in_minutes(left)} left"
        self._tell(told, words)

    def _tell(self, facts: dict[str, Any], words: str) -> None:
        if self._json:
            tell(json.dumps({"event": "note" if "note" in facts else "progress", **facts}))
        else:
            print(words, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing to put back."""


def in_minutes(seconds: float) -> str:
    """This writes a time as `2:05`, or `1:02:05`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"


def shown_on(as_json: bool) -> Bar | Lines:
    """This chooses how progress is shown: a bar on a terminal, else lines."""
    return Lines(as_json) if as_json or not sys.stderr.isatty() else Bar()
