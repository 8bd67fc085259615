"""The pictures show the worst clip of each fault, where it is worst."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.steadiness.strips import CROP, place, worst


def row(case: str, clip: str, quality: float, method: str = "ours") -> dict[str, Any]:
    return {"method": method, "case": case, "clip": clip, "score": {"quality": quality}}


def test_of_every_fault_the_clip_of_the_lowest_quality_is_shown() -> None:
    rows = [
        row("D4", "zoom-1", 0.9),
        row("D4", "pan-12", 0.8),
        row("D4", "fast-4", 0.1, "motion average"),
        row("D1", "light-9", 1.0),
    ]
    assert worst(rows) == {"D1": 9, "D4": 12}


def test_a_crop_lies_where_a_result_is_furthest_from_the_answer() -> None:
    answer = torch.zeros(2, 3, 2 * CROP[0], 2 * CROP[1])
    made = answer.clone()
    made[1, :, 150, 300] = 1
    rows, columns = place(made, answer)
    assert rows.start <= 150 < rows.stop
    assert columns.start <= 300 < columns.stop
    assert made[..., rows, columns].shape[-2:] == CROP
    small = torch.zeros(1, 3, 20, 30)
    assert place(small, small) == (slice(0, 20), slice(0, 30))
