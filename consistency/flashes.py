"""Flashes of light, which are no cuts: frames lit otherwise for a moment, by a strobe, lightning or somebody's camera.

In a flash light goes up or down and soon comes back, and each frame shows what the one before it does, in other light,
or nothing at all; at one place the scene may change. Another picture that is cut in for a frame or two shows something
else. Frames of flashes are kept from whoever looks for cuts, who then sees whether the scene is the same after it.

PySceneDetect's own filter for flashes knows a least length of scenes, no pictures: it would take out what is cut fast.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 48  # pixels of the shorter side: what moves from frame to frame stays nearly where it is
LONGEST = 12  # frames of one flash: lightning goes out slowly
LEAST = 8.0  # 8-bit levels of mean light that go up or down
ALIKE = 0.35  # share of what a picture shows: of 14 filmed clips neighbours have .7 and more, other pictures up to .31
NOTHING = 15.0  # variance, in 8-bit levels, of what a picture shows: less is plain white or black
DARK, WHITE = 25.0, 200.0  # mean light beyond which a picture can be plain black or white
FINE, COARSE = 1.0, 4.0  # pixels: what a picture shows lies between
AROUND = (15, 15)  # pixels over which light may change in one way


@dataclass(frozen=True)
class Glimpse:
    """A small picture `[H, W, 3]`, BGR, 0 to 255, and the number of its frame."""

    number: int
    picture: NDArray[np.uint8]

    @cached_property
    def light(self) -> NDArray[np.float32]:
        """How light it is, smaller still."""
        grey = cv2.cvtColor(self.picture, cv2.COLOR_BGR2GRAY)
        scale = min(1.0, SIDE / min(grey.shape))
        size = [max(1, round(side * scale)) for side in reversed(grey.shape)]
        return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.float32)

    @cached_property
    def level(self) -> float:
        """The mean of its light."""
        return float(self.light.mean())

    @property
    def empty(self) -> bool:
        """Whether it is plain white or black."""
        plain = float(np.square(_shown(self.light)).mean()) < NOTHING
        return plain and not DARK < self.level < WHITE


@dataclass(frozen=True)
class Sight:
    """A frame that is of no flash.

    begins: the first frame, of a flash before it too, at which its scene may begin. same: whether there is a flash
    before it through which the scene goes on.
    """

    glimpse: Glimpse
    begins: int
    same: bool = False


def without_flashes(pictures: Iterable[NDArray[np.uint8]]) -> Iterator[Sight]:
    """This leaves out frames of flashes. A few pictures are held at a time."""
    before: Glimpse | None = None
    lit: list[Glimpse] = []
    for here, following in _with_following(Glimpse(*one) for one in enumerate(pictures)):
        if before is not None and len(lit) < LONGEST and _comes_back(here, before, following):
            lit.append(here)
        else:
            yield from _judged(before, lit, here)
            before, lit = here, []


def _with_following(glimpses: Iterable[Glimpse]) -> Iterator[tuple[Glimpse, list[Glimpse]]]:
    waiting: deque[Glimpse] = deque()
    for glimpse in glimpses:
        waiting.append(glimpse)
        if len(waiting) > LONGEST:
            yield waiting.popleft(), list(waiting)
    while waiting:
        yield waiting.popleft(), list(waiting)


def _comes_back(here: Glimpse, before: Glimpse, following: list[Glimpse]) -> bool:
    step = here.level - before.level
    return abs(step) >= LEAST and any((here.level - one.level) * np.sign(step) >= LEAST for one in following)


def _judged(before: Glimpse | None, lit: list[Glimpse], here: Glimpse) -> Iterator[Sight]:
    """Of a row of pictures each shows what the one before it does, but for one place where the scene may change.

    Where there are two such places, what lies between is another picture that was cut in.
    """
    if before is None or not lit:
        yield Sight(here, here.number)
        return
    row = [before, *(one for one in lit if not one.empty), here]
    changes = [one.number + 1 for one, two in pairwise(row) if not _alike(one, two)]
    if len(changes) > 1:
        yield from (Sight(one, one.number) for one in (*lit, here))
    else:
        yield Sight(here, changes[0] if changes else here.number, same=not changes)


def _alike(one: Glimpse, two: Glimpse) -> bool:
    return max(_likeness(one, two), _likeness(two, one)) >= ALIKE


def _likeness(known: Glimpse, other: Glimpse) -> float:
    """The share of what `other` shows that `known` shows there, too, in whatever light: 0 to 1."""
    return max(_explained(known.light, other.light), _explained(_lit_as(known.light, other.light), other.light))


def _explained(known: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    one, two = _shown(known), _shown(other)
    common, own = np.maximum(cv2.blur(one * two, AROUND), 0), cv2.blur(one * one, AROUND)
    return float((common**2 / (own + 1)).sum() / (cv2.blur(two * two, AROUND).sum() + 1e-6))


def _shown(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Edges and textures, without light that changes slowly over the picture."""
    return np.asarray(cv2.GaussianBlur(light, (0, 0), FINE) - cv2.GaussianBlur(light, (0, 0), COARSE))


def _lit_as(known: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """`known` in the light of `other`: each of its tones as bright as it is there in the mean."""
    tones = (known / 8).astype(np.intp).ravel()
    counts, sums = np.bincount(tones, minlength=32), np.bincount(tones, other.ravel(), minlength=32)
    there = np.nonzero(counts)[0]
    return np.interp(known, there * 8 + 4, sums[there] / counts[there]).astype(np.float32)
