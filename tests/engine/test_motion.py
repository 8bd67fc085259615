"""What asks about pairs of frames: in order, some at once, and nothing that nobody waits for."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import Any

import torch
from torch import Tensor

from engine.motion import THREADS, of_pairs

FRAMES = torch.arange(40, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, 3, 2, 2)


def test_every_pair_is_answered_in_order_with_its_number() -> None:
    def ask(number: int, previous: Tensor, current: Tensor) -> tuple[int, float, float]:
        time.sleep(0.002 * (number % 3))
        return number, float(previous.mean()), float(current.mean())

    assert list(of_pairs(ask, FRAMES, 7)) == [(7 + n, n - 1.0, float(n)) for n in range(1, len(FRAMES))]


def test_who_stops_early_waits_for_what_was_begun_and_for_nothing_else() -> None:
    begun = list[int]()

    def ask(number: int, *_: Any) -> int:
        begun.append(number)
        time.sleep(0.3 * (number > 1))
        return number

    with closing(of_pairs(ask, FRAMES, 0)) as pairs:
        assert next(pairs) == 1
    assert len(begun) <= 1 + THREADS < 2 * THREADS + 1
    assert not [one for one in threading.enumerate() if one.name.startswith("ThreadPoolExecutor")]
