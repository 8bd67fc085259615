"""Show how far something is."""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

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


class Bar:
    """One line on a terminal: stage, frames per second, time left."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total} frames, {task.fields[rate]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._task: TaskID | None = None
        self._stage, self._started = "", 0.0

    def __call__(self, report: Report) -> None:
        """This moves the line on, and tells what there is to know above it."""
        if report.note:
            self._bar.console.print(f"restyle: {report.note}")
        if not report.total:
            return
        if report.stage != self._stage:
            self._stage, self._started = report.stage, time.monotonic()
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(report.stage, total=report.total, rate="")
            self._bar.start()
        assert self._task is not None
        rate = report.done / max(time.monotonic() - self._started, 1e-3)
        self._bar.update(self._task, completed=report.done, rate=f"{rate:.1f} a second")

    def close(self) -> None:
        """This leaves the terminal as it was."""
        self._bar.stop()


class Lines:
    """Plain lines, one every few seconds, or JSON objects."""

    def __init__(self, as_json: bool) -> None:
        self._json = as_json
        self._stage, self._last = "", 0.0

    def __call__(self, report: Report) -> None:
        """This tells what is new, unless it has just told."""
        if report.note:
            self._tell({"note": report.note}, f"restyle: {report.note}")
        now = time.monotonic()
        if not report.total or (
            report.stage == self._stage and report.done < report.total and now - self._last < EVERY
        ):
            return
        self._stage, self._last = report.stage, now
        told = {"stage": report.stage, "done": report.done, "total": report.total}
        self._tell(told, f"{report.stage}: {report.done} of {report.total} frames")

    def _tell(self, facts: dict[str, Any], words: str) -> None:
        if self._json:
            print(json.dumps({"event": "note" if "note" in facts else "progress", **facts}), flush=True)
        else:
            print(words, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing to put back."""


def shown_on(as_json: bool) -> Bar | Lines:
    """This chooses how progress is shown: a bar on a terminal, else lines."""
    return Lines(as_json) if as_json or not sys.stderr.isatty() else Bar()
