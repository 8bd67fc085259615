"""The report's ruler is the better one, and is right where the picture stands still."""

from __future__ import annotations

import pytest

from benchmarks.ruler import SEARCHES, Told, rulings
from engine.report.measuring import RULER


@pytest.fixture(scope="module")
def still() -> dict[str, Told]:
    return rulings(8, 1.5)


def test_grain_of_the_source_is_not_held_against_the_result(still: dict[str, Told]) -> None:
    ours = next(name for name, search in SEARCHES.items() if search.key == RULER.key)
    assert still["true"].ratio == pytest.approx(1, abs=0.02)
    assert still[ours].ratio == pytest.approx(1, abs=0.12)
    assert still[ours].seen > 0.95


def test_a_finer_search_takes_grain_for_motion(still: dict[str, Told]) -> None:
    assert still["fine"].ratio > 1.25
    assert still["fine"].seen < 0.85


def test_less_so_where_it_is_smooth(still: dict[str, Told]) -> None:
    assert still["smooth"].ratio == pytest.approx(1, abs=0.2)
    assert still["smooth"].seen > 0.93
