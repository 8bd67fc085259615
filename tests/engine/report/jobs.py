"""Small finished jobs for the tests of reports: one with seams that can be seen, one without."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.report import UnlikeChunks, film, write_anew
from engine import pipeline
from engine.diffusion import catalog
from engine.report import FinishedJob
from engine.settings import Settings
from samples.scenes import draw_scene

FRAMES, SIZE, LONGEST = 50, (72, 128), 24
SEAMS = [14, 28]  # 50 frames in chunks of at most 24 that share 8 and more


def finished(folder: Path, *, unlike: bool, name: str = "out.mp4", frames: int = FRAMES, **settings) -> FinishedJob:
    """This runs a job whose chunks are `unlike` and put side by side, or alike and joined."""
    source = folder / "clip.mp4"
    if not source.exists():
        film(source, draw_scene(3, frames, *SIZE).frames)
    stand_in = UnlikeChunks(colour=0.05, texture=0.03) if unlike else UnlikeChunks()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(catalog, "load", lambda model, device: stand_in)
        patched.setattr("engine.plan.LONGEST", LONGEST)
        steady = 0.0 if unlike else 1.0  # what is put side by side is not what was joined and steadied
        pipeline.restyle(source, folder / name, Settings(cuts="none", steady=steady, **(settings or {"look": "comic"})))
    job = FinishedJob.open(folder / name)
    if unlike:
        write_anew(job, job.raw)
    return job
