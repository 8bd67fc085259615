"""Rows that know a part of the answer lose the rest, and nothing else."""

from __future__ import annotations

import pytest

from benchmarks.steadiness.bounds import BOUNDS
from benchmarks.steadiness.gates import failed
from benchmarks.steadiness.injections import inject
from benchmarks.steadiness.scores import Judge

PAN = 0


@pytest.mark.parametrize("name", BOUNDS)
def test_of_a_drift_nothing_but_rounding_is_left(drawn, name: str) -> None:
    trial = inject(drawn(PAN), PAN, "D8")
    made, answer = BOUNDS[name](trial, trial.clip.motion), trial.answers[0]
    score = Judge(trial).score(made)
    assert failed(score, "D8") == []
    assert 0.3 < score.quality < 1
    assert (made - answer).abs().max() < 2 / 255
    assert (made.mean(dim=(2, 3)) - answer.mean(dim=(2, 3))).abs().max() < 0.1 / 255


def test_knowing_the_colours_is_no_help_where_textures_swim(drawn) -> None:
    trial = inject(drawn(PAN), PAN, "D5")
    assert Judge(trial).score(BOUNDS["recoloured"](trial, trial.clip.motion)).quality < 0.1
