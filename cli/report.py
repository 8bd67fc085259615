"""Judge a finished job: in full when asked, in a few lines after every run."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any, NamedTuple

from cli.progress import shown_on
from engine.errors import RestyleError


class Looking(NamedTuple):
    """How far the look at a job is."""

    done: int
    total: int
    stage: str = "looking"
    note: str = ""


def report(chosen: argparse.Namespace) -> dict[str, Any]:
    """This judges the job that was chosen, writes its page, and gives what was found, in words or as facts."""
    from engine.report import FinishedJob, as_facts, as_lines, measure, page

    job = FinishedJob.open(chosen.job, chosen.source)
    shown = shown_on(as_json=False)
    try:
        findings = measure(job, lambda done, total: shown(Looking(done, total)))
    finally:
        shown.close()
    told = as_facts(findings) if chosen.as_json else as_lines(findings)
    if chosen.output or not chosen.as_json:
        path = chosen.output or job.result.with_name(job.result.name + ".report.html")
        path.write_text(page(findings), encoding="utf-8")
        told["page"] = str(path)
    return told


def brief_words(result: Path) -> list[str]:
    """This judges a result that has just been written, in three lines and one that says how to learn more."""
    from engine.report import FinishedJob, brief, brief_lines

    try:
        lines = brief_lines(brief(FinishedJob.open(result)))
    except RestyleError as error:
        return [f"restyle: note: the result is not judged: {error}"]
    except KeyboardInterrupt:
        return [f"restyle: note: stopped while judging; {result} is whole."]
    return [*lines, f"More, with pictures: restyle report {shlex.quote(str(result))}"]


def brief_facts(result: Path) -> dict[str, Any]:
    """This judges a result that has just been written, as facts."""
    from engine.report import FinishedJob, as_facts, brief

    try:
        return as_facts(brief(FinishedJob.open(result)))
    except RestyleError as error:
        return {"error": str(error)}
