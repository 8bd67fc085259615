"""The bench cannot be cheated by what does nothing worth having."""

from __future__ import annotations

import functools

import pytest

from benchmarks.steadiness.controls import CONTROLS
from benchmarks.steadiness.gates import failed
from benchmarks.steadiness.injections import CASES, inject
from benchmarks.steadiness.scores import Judge

PAN, PARALLAX, STILL = 0, 3, 8
TRIVIAL = ("source", "freeze", "blur", "tmix")


@pytest.fixture(scope="module")
def judge(drawn):
    return functools.cache(lambda seed, case: Judge(inject(drawn(seed), seed, case)))


@pytest.mark.parametrize("seed", [PAN, PARALLAX])
@pytest.mark.parametrize("case", CASES)
def test_the_oracle_is_perfect_and_passes_every_gate(judge, seed: int, case: str) -> None:
    trial = judge(seed, case).trial
    score = judge(seed, case).score(CONTROLS["oracle"](trial, trial.clip.motion))
    assert score.quality == 1
    assert failed(score, case) == []


@pytest.mark.parametrize("seed", [PAN, PARALLAX])
@pytest.mark.parametrize("case", CASES)
def test_doing_nothing_is_worth_nothing(judge, seed: int, case: str) -> None:
    trial = judge(seed, case).trial
    score = judge(seed, case).score(CONTROLS["identity"](trial, trial.clip.motion))
    assert score.quality == 0
    assert score.left == pytest.approx(1)
    assert failed(score, case) == (["sharpness"] if case == "D7" else [])  # D7 adds detail


@pytest.mark.parametrize("seed", [PAN, PARALLAX])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", TRIVIAL)
def test_a_trivial_result_fails_a_gate_or_is_worth_next_to_nothing(judge, seed: int, case: str, name: str) -> None:
    trial = judge(seed, case).trial
    score = judge(seed, case).score(CONTROLS[name](trial, trial.clip.motion))
    assert score.quality <= 0.05 or failed(score, case)


@pytest.mark.parametrize("case", ["D1", "D2", "D3", "D5", "D6", "D8"])
def test_only_where_nothing_moves_is_freezing_steady(judge, case: str) -> None:
    trial = judge(STILL, case).trial
    frozen = CONTROLS["freeze"](trial, trial.clip.motion)
    assert judge(STILL, case).score(frozen).left < 0.01
    assert judge(PAN, case).score(CONTROLS["freeze"](judge(PAN, case).trial, trial.clip.motion)).left > 0.3
