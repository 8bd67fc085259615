"""How a clip's frames hang together, estimated for some pairs at once."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

from torch import Tensor

THREADS = min(8, os.cpu_count() or 1)

T = TypeVar("T")


def of_pairs(estimate: Callable[[Tensor, Tensor], T], frames: Iterable[Tensor]) -> Iterator[T]:
    """This gives `estimate(previous, current)` for every frame but the first, `[3, H, W]` each, in order.

    Some are worked on at once, no more than keeps everyone busy. `estimate` must not mind several threads.
    """
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(THREADS) as pool:
        for previous, current in pairwise(frames):
            waiting.append(pool.submit(estimate, previous, current))
            if len(waiting) > 2 * THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
