"""Peers are given their best before they are compared."""

from __future__ import annotations

import pytest

from benchmarks.steadiness.peers import PEERS
from benchmarks.steadiness.peers_join import RandomBlend
from benchmarks.steadiness.tune import SEEDS, SWEEPS, Outcome, main, spoken


def test_every_peer_that_has_settings_is_swept_with_its_default_among_them() -> None:
    assert set(SWEEPS) <= set(PEERS)
    for name, settings in SWEEPS.items():
        assert PEERS[name] in settings, name
        assert len({spoken(setting) for setting in settings}) == len(settings)
    unswept = set(PEERS) - set(SWEEPS)
    assert unswept == {"hard cut", "linear fade", "cosine fade", "matched fade"}  # nothing to set


def test_settings_are_not_picked_on_the_clips_that_are_compared() -> None:
    assert not set(SEEDS) & set(range(12))


def test_a_setting_that_fails_gates_is_worth_half_there() -> None:
    assert Outcome([0.8, 0.4], [True, False]).worth == pytest.approx(0.4)
    assert Outcome([0.8, 0.4], [True, False]).quality == pytest.approx(0.6)
    assert spoken(RandomBlend(8)) == "block=8, seed=0"


def test_the_table_marks_one_best_setting_of_a_peer(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--only", "band fade", "--seeds", "100", "--frames", "18", "--size", "54", "96"])
    rows = capsys.readouterr().out.splitlines()[1:]
    assert [row[0] for row in rows].count("*") == 1
    assert all("of 9" in row for row in rows)
