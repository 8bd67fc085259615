"""What a job tells of itself: how far it is while it runs, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import get_ident

MASK = "finding the mask"  # a stage that lies between those of others
WRITING = "joining and writing"
CUTS = "finding cuts"
STILLS = "reading stills"
PASSES = "checking passes"


@dataclass(frozen=True)
class Progress:
    """How far a job is: `done` of `total` frames of a stage, named in words. `note`: what else a person should know."""

    stage: str
    done: int
    total: int
    note: str = ""


@dataclass(frozen=True)
class Result:
    """A finished job. `model_seconds` were spent inside the model, on all devices; `warnings` are for people."""

    output: Path
    frames: int
    shots: int
    chunks: int
    resumed_chunks: int
    seconds: float
    model_seconds: float
    warnings: tuple[str, ...]


Report = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Nobody asked."""


def told(progress: Report, stage: str) -> Callable[[int, int], None]:
    """This tells how far a stage is; what other threads do beside this one is not told."""
    here = get_ident()
    return lambda done, total: progress(Progress(stage, done, total)) if get_ident() == here else None


def noted(progress: Report, stage: str) -> Callable[[str], None]:
    """This tells words."""
    return lambda words: progress(Progress(stage, 0, 0, words))
