"""Make what is wanted next beside the work on what is there."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Future, wait
from itertools import islice
from queue import SimpleQueue
from typing import Generic, TypeVar

from engine.stoppable import Stoppable, Stopped, heed

T = TypeVar("T")

NAP = 0.5  # seconds: whoever sleeps longer would not hear that it is to stop


def ahead(items: Generator[T]) -> Generator[T]:
    """This gives the same items; while whoever asked works on one, a thread makes the next, and no more than that.

    The first is made by whoever asks: there is nothing to be done beside it. An error comes out where its item would
    have. Closed early, this stops the thread in the midst of its work, and closes `items`.
    """
    maker = _Maker(items)
    few = list(islice(items, 1))
    maker.start()
    try:
        while few:
            coming = maker.ask()
            yield few.pop()
            while not wait([coming], NAP).done:
                heed()
            few = coming.result()
    finally:
        maker.stop()
        items.close()


class _Maker(Stoppable, Generic[T]):
    """Makes one item each time that it is asked; none at the end."""

    def __init__(self, items: Generator[T]) -> None:
        super().__init__("restyle ahead")
        self._items = items
        self._asked: SimpleQueue[Future[list[T]] | None] = SimpleQueue()

    def ask(self) -> Future[list[T]]:
        coming: Future[list[T]] = Future()
        self._asked.put(coming)
        return coming

    def work(self) -> None:
        while (coming := self._asked.get()) is not None:
            try:
                coming.set_result(list(islice(self._items, 1)))
            except Stopped:
                raise
            except BaseException as error:  # noqa: BLE001 - raised again by whoever asks
                coming.set_exception(error)
            del coming  # or the item would stay until the next one is asked for

    def stop(self) -> None:
        self.interrupt()
        self._asked.put(None)
        self.join()
