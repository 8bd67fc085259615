"""One item is made ahead in a thread, never more; errors come where they belong, and no thread outlives its use."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Generator
from contextlib import closing
from threading import Event

import pytest

from engine.ahead import ahead
from tests.fake_stylizer import slow_layers

NAME = "restyle ahead"


class Item:
    """Something whose end can be watched."""


def running() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == NAME]


def wait_until(reached: Event) -> None:
    assert reached.wait(60)


def test_items_come_in_order_the_first_made_here_and_the_others_in_one_thread() -> None:
    makers: list[str] = []

    def items() -> Generator[int]:
        for number in range(5):
            makers.append(threading.current_thread().name)
            yield number

    assert list(ahead(items())) == list(range(5))
    assert makers == [threading.current_thread().name, *[NAME] * 4]
    assert running() == []


@pytest.mark.parametrize("count", [0, 1])
def test_few_items_are_few(count: int) -> None:
    assert list(ahead(number for number in range(count))) == list(range(count))
    assert running() == []


def test_the_next_one_is_made_beside_and_no_more_than_that() -> None:
    made = [Event() for _ in range(4)]

    def items() -> Generator[int]:
        for number, event in enumerate(made):
            event.set()
            yield number

    with closing(ahead(items())) as few:
        next(few)
        wait_until(made[1])
        time.sleep(0.1)
        assert not made[2].is_set()
        next(few)
        wait_until(made[2])
        time.sleep(0.1)
        assert not made[3].is_set()


def test_it_keeps_no_item_that_it_has_given() -> None:
    def items() -> Generator[Item]:
        for _ in range(3):
            yield Item()

    for item in ahead(items()):
        watched = weakref.ref(item)
        del item
        assert watched() is None


def test_an_error_comes_as_itself_where_its_item_would_have() -> None:
    def items() -> Generator[int]:
        yield 0
        yield 1
        raise ArithmeticError("lost")

    few = ahead(items())
    assert [next(few), next(few)] == [0, 1]
    with pytest.raises(ArithmeticError, match="lost"):
        next(few)
    assert running() == []


def test_what_is_no_exception_comes_through_too() -> None:
    """As pytest's own failures: whoever waits must not wait for ever."""

    def items() -> Generator[int]:
        yield 0
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(ahead(items()))
    assert running() == []


@pytest.mark.parametrize("how", ["closed", "failed", "dropped"])
def test_whoever_stops_early_leaves_no_thread_behind_however_long_its_work(how: str) -> None:
    began, ended = Event(), Event()

    def items() -> Generator[int]:
        try:
            yield 0
            began.set()
            slow_layers()
            yield 1
        finally:
            ended.set()

    few = ahead(items())
    if how == "failed":

        def use() -> None:
            for _ in few:
                wait_until(began)
                raise ArithmeticError

        with pytest.raises(ArithmeticError):
            use()
        few.close()
    else:
        next(few)
        wait_until(began)
        if how == "closed":
            few.close()
        del few
    assert ended.is_set()
    assert running() == []
