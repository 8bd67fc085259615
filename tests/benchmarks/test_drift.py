"""The bench of drift tells a shot whose chunks drift from one whose colours hold."""

from __future__ import annotations

from benchmarks.drift import OVERLAP, draw, drift
from benchmarks.steadiness.injections import inject
from benchmarks.steadiness.methods import METHODS


def test_chunks_that_drift_are_told_from_held_ones() -> None:
    trial = inject(draw(0, 4, 48, 64, darker=0.2), 0, "D8", overlap=OVERLAP)
    assert len(trial.parts) == 4
    right = drift(trial.answers[0], trial)
    assert right.apart.max() < 1e-3
    assert right.light > 0.9999
    left = drift(trial.flickering, trial).apart
    held = drift(METHODS["ours"](trial, trial.clip.motion), trial).apart
    assert left[-1] > left[1] > 0.5
    assert held.max() < 0.6 * left.max()


def test_a_dozen_chunks_that_are_joined_stay_near_the_first() -> None:
    """Where the scene moves on, its commonest colour is another one: what chunks are off by is no median."""
    trial = inject(draw(3, 12, 54, 96, darker=0.0), 3, "D8", overlap=OVERLAP)
    assert drift(trial.flickering, trial).apart.max() > 20
    assert drift(METHODS["joined"](trial, trial.clip.motion), trial).apart.max() < 1
