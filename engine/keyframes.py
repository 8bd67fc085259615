"""Frames that someone painted: the result passes through them, and what they show spreads along the motion.

A painted picture is looked up from the frames around it along the source's motion, at the size of the result and in one
step from wherever a pixel was, so that it stays as sharp as it was painted. The way is found at the size that is worked
on, and settled in a source of up to `FINER` times its sides. Light that changes meanwhile goes on changing: what the
model's frames differ by over many pixels is added. It holds as far as going there and back comes home, and fades out,
slowly at first, until the next painted frame or over `REACH` frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from consistency.blur import blur
from consistency.warp import warped
from engine.errors import SettingsError
from engine.media import MediaInfo, scaled
from engine.motion import Estimated, Motion
from engine.pictures import read_picture
from engine.timecode import frame_at, read_time
from engine.traces import ReadSource, Trace
from engine.ways import GRAIN, larger, resized, settled, sought
from engine.windows import Span

REACH = 36
"""Frames over which a painted frame fades where no other follows."""
FINER = 2
"""Times the size that is worked on: ways are settled in no finer pictures, as it takes as long as they have pixels."""
COARSE = 4
"""Pixels that are worked on: of so many a side one says how the light has changed."""
BROAD = 3.0
"""Of those: over how many to each side light is taken to change alike."""
FAINT = 0.01
"""Difference in colour, 0 to 1, that says nothing."""
ENOUGH = 0.5
"""Trust, from which on a painted frame counts fully: going there and back may miss by as much as is allowed."""


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

    way: the flow to where it shows each pixel, `[1, 2, h, w]`. share: how far it counts, 0 to 1, `[1, 1, h, w]`. light:
    what the frame is lighter by than the painted one was made, `[1, 3, ...]`, coarse.
    """

    picture: Tensor
    way: Tensor
    share: Tensor
    light: Tensor

    def over(self, frame: Tensor) -> Tensor:
        """This gives what is to be added to a frame `[1, 3, H, W]` at the size of the result."""
        size = frame.shape[-2:]
        shown = warped(self.picture[None], larger(self.way, size), "bicubic")
        return resized(self.share, size) * (shown + resized(self.light, size) - frame)


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
    until it is reached. Where there are any, frames come singly.
    """
    keys = {key.number: key for key in keyframes if shot.start <= key.number < shot.stop}
    if not keys:
        yield from map(Led, frames)
        return
    held: list[Led] = []
    spread: _Spread | None = None
    for number, frame in enumerate((one for part in frames for one in part), shot.start):
        following = min((key for key in keys if key > number), default=None)
        held.append(Led(frame[None].clone()))
        if number in keys:
            spread = _Spread(keys[number], held[-1].frames, motion, source)
            before = max((key for key in keys if key < number), default=None)
            _spread_back(held, spread, before)
            held[-1] = replace(held[-1], painted=keys[number].picture)
            spread.turn(_reach(number, following))
        elif spread is not None:
            held[-1] = spread.onto(number, held[-1])
        while held and (following is None or number - len(held) + 1 < following - REACH):
            yield held.pop(0)


def _reach(key: int, other: int | None) -> int:
    return REACH if other is None else min(REACH, abs(other - key))


def _spread_back(held: list[Led], spread: _Spread, before: int | None) -> None:
    """This adds what a painted frame, the last one held, says of the frames before it."""
    spread.turn(_reach(spread.key.number, before))
    for back in range(1, min(len(held), spread.reach)):
        held[-1 - back] = spread.onto(spread.key.number - back, held[-1 - back])


class _Spread:
    """A painted frame on its way to the frames around it, step by step in one direction.

    made: the frame that it was painted over, `[1, 3, h, w]`.
    """

    def __init__(self, key: Keyframe, made: Tensor, motion: Motion, source: ReadSource) -> None:
        self.key, self.reach = key, REACH
        self._made, self._source, self._guessed = made, source, isinstance(motion, Estimated)
        self._trace = Trace(key.number, motion, self._seen)
        self._then = self._now

    def turn(self, reach: int) -> None:
        """This goes back to the painted frame, to fade over `reach` frames from there."""
        self.reach = reach
        self._trace.turn()

    def onto(self, number: int, led: Led) -> Led:
        """This goes on to the next frame, and adds what is to be seen there."""
        left = 1 - abs(number - self.key.number) / self.reach
        if left <= 0:
            return led
        fade = left**3 * (left * (6 * left - 15) + 10)  # and the next one's is the rest of 1
        way, trust = self._trace.step(number)
        trust = (trust / ENOUGH).clamp(max=1)
        light = _lighter(led.frames, self._made, way, trust)
        way, trust = self._settled(way, trust)
        return replace(led, carried=(*led.carried, Carried(self.key.picture, way, fade * trust, light)))

    def _settled(self, way: Tensor, trust: Tensor) -> tuple[Tensor, Tensor]:
        """This brings a way and its trust to the size of the finer source."""
        size = self._now.shape[-2:]
        light = _lighter(self._trace.here[None], self._trace.first[None], way, trust)
        now, then = (blur(one, GRAIN) for one in (self._now - resized(light, size), self._then))
        way = larger(way, size)
        return settled(sought(way, now, then) if self._guessed else way, trust, now, then)

    def _seen(self, number: int) -> Tensor:
        """This reads the source, to be looked at more closely too, and gives it as it is worked on."""
        self._now = self._source(number)[None]
        return scaled(self._now, (self._made.shape[-2], self._made.shape[-1]))[0]


def _lighter(now: Tensor, then: Tensor, way: Tensor, trust: Tensor) -> Tensor:
    """This says what a frame is lighter by than another where its way ends, over many pixels that can be trusted.

    What differs by more than most around, as borders do that slipped, is no light: it counts less.
    """
    change = now - warped(then, way)
    apart = (change - resized(_around(change, trust), now.shape[-2:])).square().mean(dim=1, keepdim=True)
    usual = resized(_around(apart, trust), now.shape[-2:]) + FAINT**2
    return _around(change, trust * torch.exp(-apart / (2 * usual)))


def _around(maps: Tensor, trust: Tensor) -> Tensor:
    """This takes the coarse mean of maps `[1, C, h, w]`, each pixel counting as far as it is trusted."""
    height, width = (-(-side // COARSE) for side in maps.shape[-2:])
    known = blur(F.adaptive_avg_pool2d(torch.cat([maps * trust, trust], dim=1), (height, width)), BROAD)
    return known[:, :-1] / known[:, -1:].clamp(min=1e-3)
