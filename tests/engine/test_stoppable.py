"""A thread that is told to stop does so in the midst of its work, wherever that is; others are left alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.nn.modules import module

from engine.footage import read_frames
from engine.media import open_reader
from engine.motion import of_pairs
from engine.stoppable import Stoppable, heed
from engine.windows import Span
from tests.engine.test_pipeline import draw_clip
from tests.fake_stylizer import slow_layers

LAYER, PICTURE = torch.nn.Identity(), torch.zeros(1)


class Worker(Stoppable):
    """Does what it is given, and says how far it came."""

    def __init__(self, task: Callable[[], object]) -> None:
        super().__init__("worker")
        self.began, self.finished = threading.Event(), False
        self._task = task

    def work(self) -> None:
        self.began.set()
        self._task()
        self.finished = True


def test_work_that_nobody_stops_is_finished() -> None:
    worker = Worker(lambda: LAYER(PICTURE))
    worker.start()
    worker.join(60)
    assert worker.finished


def test_nothing_is_left_that_slows_other_layers() -> None:
    for task in (lambda: LAYER(PICTURE), heed):
        worker = Worker(task)
        worker.interrupt()
        worker.start()
        worker.join(60)
    assert not module._global_forward_pre_hooks


def test_a_network_that_is_compiled_beside_it_stays_whole() -> None:
    worker = Worker(slow_layers)
    worker.start()
    assert worker.began.wait(60)
    network = torch.nn.Linear(2, 2)
    network.compile(backend="eager", fullgraph=True)
    assert network(torch.zeros(1, 2)).shape == (1, 2)
    worker.interrupt()
    worker.join(60)
    assert not worker.is_alive()


def test_a_thread_ends_between_two_layers() -> None:
    worker = Worker(slow_layers)
    worker.start()
    assert worker.began.wait(60)
    worker.interrupt()
    worker.join(60)
    assert not worker.is_alive()
    assert not worker.finished


def pairs() -> None:
    for _ in of_pairs(lambda number, previous, current: number, torch.zeros(4, 3, 8, 8), 0):
        pass


@pytest.mark.parametrize("task", [heed, pairs, lambda: LAYER(PICTURE)], ids=["heed", "pairs", "layer"])
def test_what_takes_long_heeds_it(task: Callable[[], object]) -> None:
    worker = Worker(task)
    worker.interrupt()
    worker.start()
    worker.join(60)
    assert worker.began.is_set()
    assert not worker.finished


def test_reading_heeds_it(tmp_path: Path) -> None:
    reader = open_reader(draw_clip(tmp_path / "clip.mp4", 4, size=(32, 48)))
    worker = Worker(lambda: read_frames(reader, Span(0, 4), (32, 48)))
    worker.interrupt()
    worker.start()
    worker.join(60)
    assert not worker.finished
    assert len(read_frames(reader, Span(0, 4), (32, 48))) == 4


def test_other_threads_go_on() -> None:
    told = Worker(slow_layers)

    def after() -> None:
        told.join(60)
        LAYER(PICTURE)
        heed()

    other = Worker(after)
    told.start()
    other.start()
    told.interrupt()
    other.join(60)
    assert other.finished
    LAYER(PICTURE)


def test_threads_end_though_they_are_just_beginning_threads_of_their_own() -> None:
    """Told by an error raised in it from outside, one of a few such threads would wait for ever."""

    def endless() -> None:
        while True:
            pairs()

    for number in range(50):
        worker = Worker(endless)
        worker.start()
        time.sleep(number % 10 / 3000)
        worker.interrupt()
        worker.join(60)
        assert not worker.is_alive()


class Stubborn(Stoppable):
    """Goes on for half a second after it was told to stop."""

    def __init__(self) -> None:
        super().__init__("stubborn")
        self.finished = threading.Event()

    def work(self) -> None:
        self.told.wait(60)
        time.sleep(0.5)
        self.finished.set()


class Ending(Stoppable):
    """Ends another thread, and notes whether that has ended when it goes on to close what they both use."""

    def __init__(self, other: Stubborn) -> None:
        super().__init__("ending")
        self.other, self.began = other, threading.Event()
        self.closed_after: bool | None = None

    def work(self) -> None:
        try:
            self.other.interrupt()
            self.began.set()
            self.other.join()
        finally:
            self.closed_after = self.other.finished.is_set()


def test_who_ends_a_thread_waits_for_it_however_often_it_is_told_to_stop_itself() -> None:
    other = Stubborn()
    ending = Ending(other)
    other.start()
    ending.start()
    assert ending.began.wait(60)
    for _ in range(6):
        time.sleep(0.05)
        ending.interrupt()
    assert not other.finished.is_set()
    ending.join(60)
    assert ending.closed_after
    assert [one for one in threading.enumerate() if one in (other, ending)] == []
