"""How much room a job takes on the disk: its chunks, what each hands on, and the result."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from math import prod
from pathlib import Path

from engine.diffusion.noise import ShotNoise
from engine.diffusion.stylizer import Stylizer
from engine.errors import ResourceError
from engine.settings import Codec
from engine.take import Take

KEPT = 3
"""Bytes that a pixel of a finished chunk takes, about: footage in the bundled looks takes 1.9 to 3.2."""
PER_PIXEL = {Codec.H264: 0.25, Codec.HEVC: 0.25, Codec.PRORES4444: 0.75, Codec.PNG: 2.5}
"""Bytes that a pixel of the result takes, about."""


def check_room(output: Path, need: float) -> None:
    """This refuses a job that needs more bytes than are free where its output is to be."""
    free = free_disk(output.parent)
    if need > free:
        raise ResourceError(
            f"The job needs about {_in_words(need)} on the disk of {output.parent}; {_in_words(free)} are free. "
            "Make room, or choose an output (-o) on another disk."
        )


def bytes_of_result(codec: Codec, frames: int, size: tuple[int, int]) -> float:
    """This estimates what a result of so many frames takes."""
    return frames * prod(size) * PER_PIXEL[codec]


def bytes_of_job(
    shots: Sequence[Sequence[Take]], finished: Callable[[Take], bool], size: tuple[int, int], stylizer: Stylizer
) -> int:
    """This estimates what the chunks of a job take that are not finished: their frames, and what each hands on.

    size: height and width of the frames that are kept.
    """
    rule = stylizer.rule
    latent = stylizer.noise_shape(*map(rule.side, size))
    handed = ShotNoise.state_bytes(latent)
    total = 0
    for take, shared in _with_shared(shots):
        if not finished(take):
            latents = 2 * rule.latents(shared) + stylizer.lookback if shared else 0  # the noise and what it became
            total += KEPT * len(take.span) * prod(size) + handed + 4 * latents * prod(latent)
    return total


def _with_shared(shots: Sequence[Sequence[Take]]) -> Iterator[tuple[Take, int]]:
    """This gives every chunk, and how many frames of it the next one sees again."""
    for takes in shots:
        yield from ((take, take.span.stop - after.span.start) for take, after in pairwise(takes))
        yield takes[-1], 0


def bytes_there(folder: Path) -> int:
    """This tells how many bytes the finished chunks in a job's folder take; none where there is no such folder."""
    return sum(path.stat().st_size for path in folder.glob("chunk-*"))


def free_disk(folder: Path) -> int:
    """This tells how many bytes are free where `folder` is or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _in_words(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
