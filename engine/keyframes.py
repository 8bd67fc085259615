"""Frames that someone painted: the result passes through them, and what they show spreads along the motion.

A painted picture is looked up from the frames around it along the source's motion, at the size of the result and in one
step from wherever a pixel was, so that it stays as sharp as it was painted. The way is found at the size that is worked
on, and settled in a source of up to `FINER` times its sides. Light that changes meanwhile goes on changing: what the
model's frames differ by over many pixels is added. It holds as far as going there and back comes home, and fades out,
slowly at first, until the next painted frame or over `REACH` frames.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from consistency.blur import blur
from consistency.warp import warped
from engine.errors import SettingsError
from engine.filling import said_of_alike
from engine.light import lighter
from engine.media import MediaInfo, scaled
from engine.motion import Estimated, Motion
from engine.pictures import read_picture
from engine.timecode import frame_at, read_time
from engine.traces import ReadSource, Trace
from engine.ways import GRAIN, alike, larger, resized, settled, sought
from engine.windows import Span

REACH = 36
"""Frames over which a painted frame fades where no other follows."""
FINER = 2
"""Times the size that is worked on: ways are settled in no finer pictures, as it takes as long as they have pixels."""
ENOUGH = 0.5
"""Trust, from which on a painted frame counts fully: going there and back may miss by as much as is allowed."""
SURE = 0.99
"""Trust, above which nothing else needs to be asked."""
STEADY = 0.006
"""Of 0 to 1: a source whose light differs by less has the same light, and what the model's frames do is flicker."""


@dataclass(frozen=True)
class Keyframe:
    """A painted frame: its number in the clip, and its picture `[3, H, W]`."""

    number: int
    picture: Tensor


def read_keyframes(
    texts: Sequence[str], info: MediaInfo, size: tuple[int, int], what: str = "keyframe"
) -> tuple[Keyframe, ...]:
    """This reads painted frames as they are asked for, `0:12.5=painted.png`, in the order of the clip.

    what: they are called in messages.

    Raises:
        SettingsError: a text says no time or one beyond the clip, two name one frame, a picture has another shape.
        MediaError: a picture is missing or damaged.
    """
    found: dict[int, Keyframe] = {}
    for text in texts:
        number, file = _place(text, info, what)
        if number in found:
            raise SettingsError(f"Two painted frames stand for frame {number}; {file} is the second. Leave one out.")
        found[number] = Keyframe(number, _picture(file, info, size, what))
    return tuple(found[number] for number in sorted(found))


def _place(text: str, info: MediaInfo, what: str) -> tuple[int, Path]:
    moment, _, file = text.partition("=")
    if (time := read_time(moment)) is None or not file:
        raise SettingsError(f"The {what} {text!r} is not TIME=PICTURE; say 12.5=painted.png or 0:12.5=painted.png.")
    return frame_at(time, info, f"The {what} {text!r}"), Path(file)


def _picture(file: Path, info: MediaInfo, size: tuple[int, int], what: str) -> Tensor:
    picture = read_picture(file, what)
    height, width = picture.shape[-2:]
    if width * info.height != height * info.width:
        shapes = f"{width}x{height}, the clip {info.width}x{info.height}"
        raise SettingsError(f"The {what} {file} is {shapes}. Paint over a frame of the clip, uncropped.")
    return scaled(picture[None], size)[0]


@dataclass(frozen=True)
class Carried:
    """What a painted picture `[3, H, W]` says of another frame.

    way: the flow to where it shows each pixel, `[1, 2, h, w]`. trust: how far that holds, 0 to 1, `[1, 1, h, w]`. fade:
    how far all of it counts, 0 to 1. light: what the frame is lighter by than the painted one was made, `[1, 3, ...]`,
    coarse, where the source is, too. else_added: what is added to pixels that it does not
    show, and to those around them, `[1, 3, ...]`.
    """

    picture: Tensor
    way: Tensor
    trust: Tensor
    fade: float
    light: Tensor
    else_added: Tensor

    def over(self, frame: Tensor) -> Tensor:
        """This gives what is to be added to a frame `[1, 3, H, W]` at the size of the result."""
        size = frame.shape[-2:]
        shown = warped(self.picture[None], larger(self.way, size), "bicubic") + resized(self.light, size)
        return self.fade * torch.lerp(resized(self.else_added, size), shown - frame, resized(self.trust, size))


@dataclass(frozen=True)
class Led:
    """Finished frames `[N, 3, h, w]` at the size that was worked on, and how painted ones lead them.

    painted: the picture `[3, H, W]` that stands for the only one. carried: what others say of the only one.
    """

    frames: Tensor
    painted: Tensor | None = None
    carried: tuple[Carried, ...] = ()

    def onto(self, large: Tensor) -> Tensor:
        """This leads the frames once they have the size of the result, `[N, 3, H, W]`."""
        if self.painted is not None:
            return self.painted[None]
        if not self.carried:
            return large
        return (large + sum(carried.over(large) for carried in self.carried)).clamp(0, 1)


def through(
    frames: Iterator[Tensor], shot: Span, keyframes: Sequence[Keyframe], motion: Motion, source: ReadSource
) -> Iterator[Led]:
    """This leads a shot's finished frames, `[N, 3, h, w]` each, through the painted frames that lie in it.

    source: gives its frames at the size of these, or finer ones. Up to `REACH` frames before a painted one are held
    until it is reached, and of each the way to it, as small as it was found. Where there are any, frames come singly.
    """
    keys = {key.number: key for key in keyframes if shot.start <= key.number < shot.stop}
    if not keys:
        yield from map(Led, frames)
        return
    seen = lru_cache(maxsize=1)(source)
    held: deque[tuple[int, Tensor]] = deque()
    past: list[_Spread] = []
    for number, frame in enumerate((one[None].clone() for part in frames for one in part), shot.start):
        following = min((key for key in keys if key > number), default=None)
        if number not in keys:
            held.append((number, frame))
        else:
            coming = _Spread(keys[number], frame, motion, seen)
            coming.look_back(number - len(held), past[0].key.number if past else None)
            while held:
                yield _led(*held.popleft(), *past, coming)
            yield Led(frame, painted=keys[number].picture)
            coming.go_on(following)
            past = [coming]
        while held and (following is None or held[0][0] < following - REACH):
            yield _led(*held.popleft(), *past)


def _led(number: int, frame: Tensor, *spreads: _Spread) -> Led:
    """This adds to a frame `[1, 3, h, w]` what painted ones say of it."""
    return Led(frame, carried=tuple(spread.carried(number, frame) for spread in spreads if spread.reaches(number)))


class _Spread:
    """A painted frame on its way to the frames around it, step by step in one direction.

    made: the frame that it was painted over, `[1, 3, h, w]`.
    """

    def __init__(self, key: Keyframe, made: Tensor, motion: Motion, source: ReadSource) -> None:
        self.key, self._reach = key, REACH
        self._made, self._source, self._guessed = made, source, isinstance(motion, Estimated)
        self._trace = Trace(key.number, motion, self._small)
        self._then = source(key.number)[None]
        self._painted = scaled(key.picture[None], (made.shape[-2], made.shape[-1]))
        self._ways: dict[int, tuple[Tensor, Tensor]] = {}

    def look_back(self, first: int, before: int | None) -> None:
        """This finds the ways to it from the frames before it, from `first` on; `before` is the painted one there.

        They are kept at the size that they are found at, and settled when their frame's turn has come.
        """
        self._turn(before)
        numbers = range(self.key.number - 1, first - 1, -1)
        self._ways = {number: self._trace.step(number) for number in numbers if self.reaches(number)}

    def go_on(self, following: int | None) -> None:
        """This turns to the frames after it; `following` is the next painted one."""
        self._turn(following)

    def _turn(self, other: int | None) -> None:
        self._reach = REACH if other is None else min(REACH, abs(other - self.key.number))
        self._trace.turn()

    def reaches(self, number: int) -> bool:
        """This says whether anything of it is left at a frame."""
        return abs(number - self.key.number) < self._reach

    def carried(self, number: int, frame: Tensor) -> Carried:
        """This says what is to be seen of it in a frame `[1, 3, h, w]`: of one after it, of the next one only."""
        left = 1 - abs(number - self.key.number) / self._reach
        fade = left**3 * (left * (6 * left - 15) + 10)  # and the next one's is the rest of 1
        way, trust = self._ways.pop(number) if number in self._ways else self._trace.step(number)
        trust = (trust / ENOUGH).clamp(max=1)
        here = self._small(number)[None]
        way, trust = self._settled(number, way, trust, lighter(here, self._trace.first[None], way, trust))
        size = here.shape[-2:]
        ending = larger(way, size), F.interpolate(trust, size, mode="area")
        changed = lighter(here, self._trace.first[None], *ending).square().mean(dim=1, keepdim=True)
        light = lighter(frame, self._made, *ending) * (changed / (changed + STEADY**2))
        shown = warped(self._painted, ending[0]) + resized(light, size)
        added, known = shown - frame, ending[1]
        # Known pixels keep what is said of them: at another size patches would have a pale rim.
        added = torch.where(known > SURE, added, said_of_alike(added, known, here))
        return Carried(self.key.picture, way, trust, fade, light, added)

    def _settled(self, number: int, way: Tensor, trust: Tensor, light: Tensor) -> tuple[Tensor, Tensor]:
        """This brings a way and its trust to the size of the finer source, which became lighter by `light`."""
        now = self._source(number)[None]
        now, then = (blur(one, GRAIN) for one in (now - resized(light, now.shape[-2:]), self._then))
        way = larger(way, now.shape[-2:])
        way, trust = settled(sought(way, now, then) if self._guessed else way, trust, now, then)
        return way, torch.maximum(trust, (alike(way, now, then) / ENOUGH).clamp(max=1)) if self._guessed else trust

    def _small(self, number: int) -> Tensor:
        """This gives a frame of the source as it is worked on."""
        return scaled(self._source(number)[None], (self._made.shape[-2], self._made.shape[-1]))[0]
