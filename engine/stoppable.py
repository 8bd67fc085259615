"""Threads that end when they are told to, at the next layer of a network or the next frame that they come to."""

from __future__ import annotations

from threading import Event, Lock, Thread, current_thread
from typing import Any

from torch.compiler import is_compiling
from torch.nn.modules.module import register_module_forward_pre_hook

_HOOKS = Lock()
"""Held where a hook is made: torch numbers them by a count that two threads could read at once."""


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

    def run(self) -> None:
        """This works until there is nothing left, or until it is told to stop, which every layer of a network heeds."""
        with _HOOKS:
            hook = register_module_forward_pre_hook(_before_layer)
        try:
            self.work()
        except Stopped:
            return
        finally:
            hook.remove()

    def interrupt(self) -> None:
        """This raises `Stopped` in the thread as soon as that heeds it."""
        self.told.set()


def heed() -> None:
    """This raises `Stopped` in a thread that has been told to stop; work that takes long calls it now and then."""
    thread = current_thread()
    if isinstance(thread, Stoppable) and thread.told.is_set():
        raise Stopped


def _before_layer(*given: Any) -> None:  # noqa: ANN401 - a layer and what it is given
    if not is_compiling():  # a compiler could not follow: such a network is heeded before it and after
        heed()
