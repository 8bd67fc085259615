"""Memory that was used is the system's again."""

from __future__ import annotations

import ctypes
import sys

import psutil
import pytest

from engine.heap import give_back


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library keeps nothing back")
def test_freed_pieces_between_used_ones_go_back_to_the_system() -> None:
    process, size = psutil.Process(), 100_000  # too small for a mapping of its own: it lies on the heap
    pieces = [b"x" * size for _ in range(2000)]
    kept = pieces[::20]
    del pieces
    before = process.memory_info().rss
    give_back()
    assert before - process.memory_info().rss > 0.8 * 1900 * size
    assert all(piece == b"x" * size for piece in kept)


def test_where_the_c_library_cannot_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    give_back()
