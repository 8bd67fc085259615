"""The bench of whole jobs lets pass what is steady and sharp, and nothing else."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch

from benchmarks.endtoend import even, passes, row
from engine.report.figures import Figures

GOOD = replace(Figures(*(1.0 for _ in fields(Figures))), warp_error=1.1, warp_floor=1.0)


def test_what_is_steady_and_sharp_passes() -> None:
    assert passes(GOOD)
    assert "!" not in row("clip", "ours", GOOD.warp_ratio, GOOD)


@pytest.mark.parametrize("fault", [{"warp_error": 1.3}, {"detail": 0.8}, {"sharpness": 0.8}, {"sharpness": 1.2}])
def test_what_flickers_or_was_blurred_or_sharpened_does_not(fault: dict[str, float]) -> None:
    made = replace(GOOD, **fault)
    assert not passes(made)
    assert row("clip", "ours", made.warp_ratio, made).endswith("!")


def test_frames_lose_an_odd_row_or_column() -> None:
    assert even(torch.zeros(2, 3, 9, 16)).shape == (2, 3, 8, 16)
