"""Frames that someone painted: the result passes through them, and what they change spreads along the motion.

A painted frame says what should be otherwise than the model made it. That difference is looked up from the frames
around it along the source's motion, in one step from wherever a pixel was, so that it stays sharp. It holds as far as
going there and back comes home, and fades out, slowly at first, until the next painted frame or over `REACH` frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from consistency.warp import warp
from engine.errors import SettingsError
from engine.media import MediaInfo, scaled
from engine.motion import Motion
from engine.pictures import read_picture
from engine.timecode import frame_at, read_time
from engine.traces import ReadSource, Trace
from engine.windows import Span

REACH = 36
"""Frames over which a painted frame fades where no other follows."""


@dataclass(frozen=True)
class Keyframe:
    """A painted frame: its number in the clip, and its picture `[3, H, W]` at the size that is worked on."""

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


def through(
    frames: Iterator[Tensor], shot: Span, keyframes: Sequence[Keyframe], motion: Motion, source: ReadSource
) -> Iterator[Tensor]:
    """This leads a shot's finished frames, `[N, 3, H, W]` each, through the painted frames that lie in it.

    Up to `REACH` frames before a painted one are held until it is reached.
    """
    keys = {key.number: key for key in keyframes if shot.start <= key.number < shot.stop}
    if not keys:
        yield from frames
        return
    held: list[Tensor] = []
    change: _Change | None = None
    for number, frame in enumerate((one for part in frames for one in part), shot.start):
        following = min((key for key in keys if key > number), default=None)
        held.append(frame.clone())
        if number in keys:
            change = _Change(number, keys[number].picture - frame, motion, source)
            before = max((key for key in keys if key < number), default=None)
            _spread_back(held, change, before)
            held[-1] = keys[number].picture.clone()
            change.turn(_reach(number, following))
        elif change is not None:
            held[-1] += change.step(number)
        while held and (following is None or number - len(held) + 1 < following - REACH):
            yield held.pop(0)[None]


def _reach(key: int, other: int | None) -> int:
    return REACH if other is None else min(REACH, abs(other - key))


def _spread_back(held: list[Tensor], change: _Change, before: int | None) -> None:
    """This adds what a painted frame, the last one held, says of the frames before it."""
    change.turn(_reach(change.key, before))
    for back in range(1, min(len(held), change.reach)):
        held[-1 - back] += change.step(change.key - back)


class _Change:
    """What a painted frame says otherwise, carried to the frames around it step by step in one direction."""

    def __init__(self, key: int, change: Tensor, motion: Motion, source: ReadSource) -> None:
        self.key, self.reach = key, REACH
        self._change, self._trace = change[None], Trace(key, motion, source)

    def turn(self, reach: int) -> None:
        """This goes back to the painted frame, to fade over `reach` frames from there."""
        self.reach = reach
        self._trace.turn()

    def step(self, number: int) -> Tensor:
        """This goes on to the next frame, and gives what is to be added there, `[3, H, W]`."""
        left = 1 - abs(number - self.key) / self.reach
        if left <= 0:
            return torch.zeros_like(self._change[0])
        fade = left**3 * (left * (6 * left - 15) + 10)  # and the next one's is the rest of 1
        way, trust = self._trace.step(number)
        return (fade * trust * warp(self._change, way, "bicubic")[0])[0]
