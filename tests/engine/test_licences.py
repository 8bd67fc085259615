"""Licences with conditions are named for all that a job uses, others are not."""

from __future__ import annotations

from engine.licences import conditions
from engine.settings import Settings


def test_conditions_of_models_and_detectors_are_named() -> None:
    detectors = {"depth": "depth-anything-large", "flow": "raft-small"}
    assert list(conditions(Settings(look="ink", detectors=detectors))) == [
        "depth-anything-large is under this licence: CC-BY-NC-4.0, results may not be sold."
    ]
    assert len(list(conditions(Settings(prompt="ink", model="animatediff", detectors=detectors)))) == 2
    assert list(conditions(Settings(look="ink"))) == []
