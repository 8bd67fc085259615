"""Clips of the bench, small, drawn once for all tests of this folder."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest

from benchmarks.steadiness.clips import Drawing, draw

FRAMES, HEIGHT, WIDTH = 20, 96, 160


@pytest.fixture(scope="session")
def drawn() -> Callable[[int], Drawing]:
    """This draws the clip of a seed, or gives the one already drawn."""
    return functools.cache(lambda seed: draw(seed, FRAMES, HEIGHT, WIDTH))
