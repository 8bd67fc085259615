"""Masks that a person painted of some frames, carried to all others along the source's motion.

Between two painted frames each says of a pixel what it was where the pixel came from; the nearer one counts more, and
each only as far as going there and back came home, and as the source has the same colour there and here, but for how
light has changed. Near borders the way is that of the side which looks like the pixel. Before the first and after the
last there is one to go by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from threading import Lock
from zlib import compress, decompress

import torch
from torch import Tensor
from torch.nn import functional as F

from consistency.blur import blur
from consistency.warp import warped
from engine.footage import Footage
from engine.keyframes import Keyframe
from engine.light import lighter
from engine.motion import Motion
from engine.timecode import read_time
from engine.traces import Trace
from engine.ways import GRAIN, UNLIKE, resized, settled
from engine.windows import Span

BLOCK = 16  # frames that are read at once
LEAST = 1e-6  # of trust: where nobody knows, both count
LEVELS = 255
FAST = 1  # of 9: a mask is mostly even
WIDE = 12.0  # coarse pixels over which light changes alike: what hides a thing is smaller than that
ROUND = 3  # pixels a side that this is the mean over


def is_painted(mask: str) -> bool:
    """This says whether a mask is of one moment, as `0:12.5=mask.png`."""
    moment, _, file = mask.partition("=")
    return bool(file) and read_time(moment) is not None


class FollowedMasks:
    """The masks of all frames of a clip, at its size, from painted ones; `folder` holds those that are done.

    A stretch between two painted frames is followed as soon as one of its frames is asked for: from its end to its
    beginning, then the other way. No more frames are held than are read at once.
    """

    def __init__(
        self,
        painted: Sequence[Keyframe],
        footage: Footage,
        motion: Motion,
        folder: Path,
        told: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        """This follows nothing yet. `told(done, total)` hears how many frames have been."""
        self._painted = {key.number: key.picture.mean(dim=0, keepdim=True)[None] for key in painted}
        self._footage, self._motion, self._folder = footage, motion, folder
        info = footage.reader.info
        self._frames, self._size = info.frames, (info.height, info.width)
        self._told, self._done = told, len(self._painted)
        self._block = lru_cache(maxsize=2)(self._read_block)
        self._following = Lock()

    def beside(self, footage: Footage) -> FollowedMasks:
        """This gives the same masks to another thread with footage of its own; a stretch is followed by one of them."""
        other = copy(self)
        other._footage = footage
        other._block = lru_cache(maxsize=2)(other._read_block)
        return other

    def __call__(self, start: int, stop: int, frames: Tensor | None = None) -> Tensor:
        """This gives `[T, 1, H, W]`, as `Masks` promises."""
        return F.interpolate(
            torch.cat([self._mask(number) for number in range(start, stop)]), self._size, mode="bilinear"
        )

    def _mask(self, number: int) -> Tensor:
        if number in self._painted:
            return self._painted[number]
        with self._following:
            if not self._place(number).exists():
                self._follow(*next(ends for ends in self._stretches() if ends[0] < number < ends[1]))
        return self._kept(number)[0]

    def _stretches(self) -> Iterator[tuple[int, int]]:
        """The numbers between which nothing is painted: of painted frames, or just beyond the clip."""
        return pairwise((-1, *sorted(self._painted), self._frames))

    def _follow(self, first: int, last: int) -> None:
        """This finds the masks of a stretch: what its end says is put down, then blended with what its start says."""
        if last in self._painted:
            trace = Trace(last, self._motion, self._source)
            for number in range(last - 1, first, -1):
                self._keep(number, *self._seen_from(trace, number))
        if first not in self._painted:
            return
        trace = Trace(first, self._motion, self._source)
        for number in range(first + 1, last):
            mask, trust = self._seen_from(trace, number)
            if last in self._painted:
                there, other = self._kept(number)
                near, far = (last - number) * (trust + LEAST), (number - first) * (other + LEAST)
                mask = (near * mask + far * there) / (near + far)
            self._keep(number, mask, trust)

    def _seen_from(self, trace: Trace, number: int) -> tuple[Tensor, Tensor]:
        """What a painted frame says of another one, and how far to believe it, `[1, 1, h, w]` each."""
        way, trust = trace.step(number)
        here, first = trace.here[None], trace.first[None]
        change = lighter(here, first, way, trust, WIDE)
        here = here - resized(change, here.shape[-2:])  # as it would be in the painted one's light
        way, trust = settled(way, trust, blur(here, GRAIN), blur(first, GRAIN))
        known = warped(torch.cat([self._painted[trace.start], first], dim=1), way)
        # The root: over many frames small misses add up even where the way is right, which the colour then shows.
        return known[:, :1], trust.sqrt() * _alike(known[:, 1:], here)

    def _keep(self, number: int, *maps: Tensor) -> None:
        if not self._place(number).exists():
            self._done += 1
            self._told(self._done, self._frames)
        levels = (torch.cat(maps) * LEVELS).round().byte()
        self._place(number).write_bytes(compress(levels.numpy().tobytes(), FAST))

    def _kept(self, number: int) -> tuple[Tensor, Tensor]:
        # Not as NumPy's file: reading one parses a line of Python, which fails in several threads at once.
        levels = torch.frombuffer(bytearray(decompress(self._place(number).read_bytes())), dtype=torch.uint8)
        size = next(iter(self._painted.values())).shape
        mask, trust = (levels.float() / LEVELS).view(2, *size)
        return mask, trust

    def _place(self, number: int) -> Path:
        return self._folder / f"{number:07d}"

    def _source(self, number: int) -> Tensor:
        return self._block(number // BLOCK)[number % BLOCK]

    def _read_block(self, block: int) -> Tensor:
        return self._footage.read(Span(block * BLOCK, min((block + 1) * BLOCK, self._frames)))


def _alike(one: Tensor, other: Tensor) -> Tensor:
    """This says how far pictures `[1, 3, h, w]` have one colour, `[1, 1, h, w]`: 1 where they do."""
    apart = (one - other).square().mean(dim=1, keepdim=True)
    around = F.avg_pool2d(apart, ROUND, 1, ROUND // 2, count_include_pad=False)
    return torch.exp(-around / (2 * UNLIKE**2))
