"""A thread that can be stopped in the midst of its work, as Ctrl-C stops the main one."""

from __future__ import annotations

import ctypes
from threading import Lock, Thread

PATIENCE = 5.0  # seconds until a thread is told again to stop


class Stopped(BaseException):
    """Raised inside a thread that is to stop."""


class Stoppable(Thread):
    """Does its `work` once; what that raises it must keep for whoever waits. It ends with the program at the latest."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._over = False
        self._ending = Lock()

    def work(self) -> None:
        """This is what the thread is for."""
        raise NotImplementedError

    def run(self) -> None:
        """This works until there is nothing left, or until it is told to stop."""
        try:
            self._run()
        except Stopped:
            return

    def interrupt(self) -> None:
        """This raises `Stopped` in the thread as soon as it is in Python again, as between two layers of the model."""
        with self._ending:
            if not self._over and self.ident is not None:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.ident), ctypes.py_object(Stopped))

    def end(self) -> None:
        """This waits until a thread that was interrupted has ended; where that takes long it is interrupted again."""
        self.join(PATIENCE)
        while self.is_alive():
            self.interrupt()
            self.join(PATIENCE)

    def _run(self) -> None:
        try:
            self.work()
        finally:
            while not self._over:  # whatever comes meanwhile: a thread that is begun later may have the same number
                try:
                    with self._ending:
                        self._over = True
                except Stopped:
                    continue
