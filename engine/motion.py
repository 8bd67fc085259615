"""How a clip's frames hang together: what says so, asked for some pairs at once."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, TypeVar

from torch import Tensor

from engine.detectors import load_motion
from engine.stoppable import heed
from preprocessors.flow import DisFlow, FlowEstimator
from preprocessors.workplace import Workplace

THREADS = min(8, os.cpu_count() or 1)

T = TypeVar("T")


class Motion(Protocol):
    """What knows how the source moves: by estimate, or because it was told. Several threads may ask at once."""

    def __call__(self, number: int, previous: Tensor, current: Tensor) -> tuple[Tensor, Tensor]:
        """This gives the flow from frame `number` of the clip to the one before it, and the one back.

        previous, current: both frames, `[3, H, W]`, 0 to 1, perhaps with their edge repeated below and to the right.
        Flows are `[2, H, W]`, in pixels of that size.
        """
        ...


@dataclass(frozen=True)
class Estimated:
    """Motion as it is estimated from the frames alone."""

    flow: FlowEstimator

    def __call__(self, number: int, previous: Tensor, current: Tensor) -> tuple[Tensor, Tensor]:
        """This estimates both flows."""
        return self.flow.both(previous, current)


@dataclass(frozen=True)
class Motions:
    """The source's motion for each who asks. All but noise want it as well as it can be known.

    noise: it moves along this one. steadying: what is averaged along it must not follow grain. painted: what was
    painted on single frames, masks and pictures, keeps to borders along it.
    """

    noise: Motion
    steadying: Motion
    painted: Motion


def estimated(detector: str | None, at: Workplace) -> Motions:
    """This gives motion by estimate: DIS, or a detector for all. at: where a detector computes.

    Raises:
        SettingsError, ModelError: there is no such detector, or it is not here.
    """
    if detector is None:
        fine, smooth = DisFlow(fine=True), DisFlow(fine=True, smooth=True)
        return Motions(Estimated(DisFlow()), Estimated(smooth), Estimated(fine))
    return same_for_all(Estimated(load_motion(detector, at)))


def same_for_all(motion: Motion) -> Motions:
    """This is for motion that is better known than DIS knows it."""
    return Motions(motion, motion, motion)


def of_pairs(ask: Callable[[int, Tensor, Tensor], T], frames: Iterable[Tensor], first: int) -> Generator[T]:
    """This gives `ask(number, previous, current)` for every frame but the first, `[3, H, W]` each, in order.

    `first` is the first frame's number in the clip. Some pairs are worked on at once, no more than keeps everyone
    busy. `ask` must not mind several threads.
    """
    waiting: deque[Future[T]] = deque()
    pool = ThreadPoolExecutor(THREADS)
    try:
        for number, (previous, current) in enumerate(pairwise(frames), first + 1):
            heed()
            waiting.append(pool.submit(ask, number, previous, current))
            if len(waiting) > 2 * THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)  # nobody waits for what was not begun
