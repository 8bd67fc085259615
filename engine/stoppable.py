"""A thread that can be stopped in the midst of its work, as Ctrl-C stops the main one."""

from __future__ import annotations

import ctypes
import time
from threading import Lock, Thread

PATIENCE = 5.0  # seconds until a thread is told again to stop
GLANCE = 0.005  # seconds between two looks at whether it has ended


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
        """This waits until a thread that was interrupted has ended; where that takes long it is interrupted again.

        Whoever waits may be interrupted, too: that is raised when the thread has ended, or it would work on beside
        whatever is closed next.
        """
        told: Stopped | None = None
        while True:
            try:
                if self.ended(PATIENCE) or not self.is_alive():
                    break
                self.interrupt()
            except Stopped as error:
                told = error
        self.join()
        if told:
            raise told

    def ended(self, seconds: float) -> bool:
        """This waits so long at most, and says whether the work is over.

        Not by `join`: where that is interrupted, Python takes the thread for ended though it is not.
        """
        until = time.monotonic() + seconds
        while not self._over and time.monotonic() < until:
            time.sleep(GLANCE)
        return self._over

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
