"""Threads that end when they are told to, at the next layer of a network or the next frame that they come to."""

from __future__ import annotations

from functools import cache
from threading import Event, Thread, current_thread
from typing import Any

from torch.nn.modules.module import register_module_forward_pre_hook


class Stopped(BaseException):
    """Raised inside a thread that is to stop."""


class Stoppable(Thread):
    """Does its `work` once; what that raises it must keep for whoever waits. It ends with the program at the latest.

    It is told to stop and heeds that itself. Python can also raise an error in another thread, wherever that stands,
    but then locks stay shut, and up to Python 3.11 a thread that it has just begun may be hit in its place.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.told = Event()

    def work(self) -> None:
        """This is what the thread is for."""
        raise NotImplementedError

    def start(self) -> None:
        """This begins the work, in which every layer of a network heeds `interrupt`."""
        _heeded_by_layers()
        super().start()

    def run(self) -> None:
        """This works until there is nothing left, or until it is told to stop."""
        try:
            self.work()
        except Stopped:
            return

    def interrupt(self) -> None:
        """This raises `Stopped` in the thread as soon as that heeds it."""
        self.told.set()


def heed() -> None:
    """This raises `Stopped` in a thread that has been told to stop; work that takes long calls it now and then."""
    thread = current_thread()
    if isinstance(thread, Stoppable) and thread.told.is_set():
        raise Stopped


@cache
def _heeded_by_layers() -> None:
    """This has layers call `heed`, once and for all: of any network, as they come from libraries."""

    def before(*given: Any) -> None:  # noqa: ANN401 - a layer and what it is given
        heed()

    register_module_forward_pre_hook(before)
