"""One seed enters a job; every draw of chance in it has a seed of its own, made of that one and of its place."""

from __future__ import annotations

import hashlib


def seed_at(*place: int | str) -> int:
    """This makes a seed, 0 to 2^63 - 1, of a job's seed and a place in the job: `seed_at(7, shot, frame)`.

    The same place gives the same seed in every run, whatever was drawn before, so that a job that was stopped goes on
    with the numbers it would have had. Places that differ in anything give unrelated seeds.
    """
    digest = hashlib.sha256(",".join(map(str, place)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
