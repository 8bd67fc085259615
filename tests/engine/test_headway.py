"""How far a chunk is gets told once, whatever has to be done twice."""

import pytest

from engine.headway import Headway


def test_the_parts_of_a_chunk_add_up_to_its_frames():
    told: list[float] = []
    headway = Headway(told.append, frames=30, steps=4)
    headway.prepared()
    for share in (0.125, 0.25, 0.5, 0.75, 1.0):
        headway.denoised(share)
    headway.finished()
    assert told == pytest.approx([2.5, 5, 2.5, 5, 5, 5, 5])


def test_steps_that_are_done_again_are_told_from_where_they_broke_off():
    told: list[float] = []
    headway = Headway(told.append, frames=30, steps=4)
    for share in (0.5, 0.25, 0.5, 0.75):
        headway.denoised(share)
    headway.finished()
    assert told == pytest.approx([15, 5, 10])
