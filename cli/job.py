"""Run one job and show how far it is."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from engine.pipeline import Progress as Report

EVERY = 5.0  # seconds between plain lines


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
        """This moves the line on."""
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
        now = time.monotonic()
        if report.stage == self._stage and report.done < report.total and now - self._last < EVERY:
            return
        self._stage, self._last = report.stage, now
        if self._json:
            print(json.dumps({"event": "progress", **dataclasses.asdict(report)}), flush=True)
        else:
            print(f"{report.stage}: {report.done} of {report.total} frames", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing to put back."""


def run_job(
    clip: Path,
    output: Path | None,
    given: dict[str, Any],
    settings_file: Path | None,
    *,
    rate: str | None,
    fresh: bool,
    as_json: bool,
) -> None:
    """This runs a job from what was given on the command line, over a file of settings where there is one."""
    from engine.settings import Settings

    settings = Settings.from_toml(settings_file, **given) if settings_file else Settings(**given)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing here is to reach the network
    from engine.pipeline import restyle
    from engine.plan import stills_rate

    shown = Lines(as_json) if as_json or not sys.stderr.isatty() else Bar()
    try:
        result = restyle(clip, output, settings, fresh=fresh, rate=stills_rate(rate), progress=shown)
    finally:
        shown.close()
    if as_json:
        print(json.dumps({"event": "done", **dataclasses.asdict(result)}, default=str))
        return
    for warning in result.warnings:
        print(f"restyle: note: {warning}", file=sys.stderr)
    print(f"{result.output}: {result.frames} frames in {result.seconds:.1f} s", file=sys.stderr)
