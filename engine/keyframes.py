"""Frames that someone painted: the result passes through them, and what they change spreads along the motion.

A painted frame says what should be otherwise than the model made it. That difference is looked up from the frames
around it along the source's motion, in one step from wherever a pixel was, so that it stays sharp. It holds as far as
going there and back comes home, and fades out, slowly at first, until the next painted frame or over `REACH` frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from consistency.occlusion import round_trip
from consistency.warp import warp
from engine.errors import SettingsError
from engine.media import MediaInfo, open_reader, scaled
from engine.moment import frame_at, read_moment
from engine.motion import Motion
from engine.windows import Span

REACH = 36
"""Frames over which a painted frame fades where no other follows."""
EDGE = 8
"""Pixels beyond the picture's edge after which half of a change is left."""

ReadSource = Callable[[int], Tensor]
"""The source's frame of a number, `[3, H, W]`, at the size that is worked on."""


@dataclass(frozen=True)
class Keyframe:
    """A painted frame: its number in the clip, and its picture `[3, H, W]` at the size that is worked on."""

    number: int
    picture: Tensor


def read_keyframes(texts: Sequence[str], info: MediaInfo, size: tuple[int, int]) -> tuple[Keyframe, ...]:
    """This reads painted frames as they are asked for, `0:12.5=painted.png`, in the order of the clip.

    Raises:
        SettingsError: a text says no time or one beyond the clip, two name one frame, a picture has another shape.
        MediaError: a picture is missing or damaged.
    """
    found: dict[int, Keyframe] = {}
    for text in texts:
        number, file = _place(text, info)
        if number in found:
            raise SettingsError(f"Two painted frames stand for frame {number}; {file} is the second. Leave one out.")
        found[number] = Keyframe(number, _picture(file, info, size))
    return tuple(found[number] for number in sorted(found))


def _place(text: str, info: MediaInfo) -> tuple[int, Path]:
    moment, _, file = text.partition("=")
    if (time := read_moment(moment)) is None or not file:
        raise SettingsError(f"The keyframe {text!r} is not TIME=PICTURE; say 12.5=painted.png or 0:12.5=painted.png.")
    return frame_at(time, info, f"The keyframe {text!r}"), Path(file)


def _picture(file: Path, info: MediaInfo, size: tuple[int, int]) -> Tensor:
    with open_reader(file) as reader:
        if reader.info.frames != 1:
            raise SettingsError(f"The keyframe {file} has {reader.info.frames} frames; give one picture.")
        if reader.info.width * info.height != reader.info.height * info.width:
            shapes = f"{reader.info.width}x{reader.info.height}, the clip {info.width}x{info.height}"
            raise SettingsError(f"The keyframe {file} is {shapes}. Paint over a frame of the clip, uncropped.")
        return scaled(reader.read(0, 1), size)[0]


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
    trace: _Trace | None = None
    for number, frame in enumerate((one for part in frames for one in part), shot.start):
        following = min((key for key in keys if key > number), default=None)
        held.append(frame.clone())
        if number in keys:
            trace = _Trace(number, keys[number].picture - frame, motion, source)
            before = max((key for key in keys if key < number), default=None)
            _spread_back(held, trace, before)
            held[-1] = keys[number].picture.clone()
            trace.turn(_reach(number, following))
        elif trace is not None:
            held[-1] += trace.step(number)
        while held and (following is None or number - len(held) + 1 < following - REACH):
            yield held.pop(0)[None]


def _reach(key: int, other: int | None) -> int:
    return REACH if other is None else min(REACH, abs(other - key))


def _spread_back(held: list[Tensor], trace: _Trace, before: int | None) -> None:
    """This adds what a painted frame, the last one held, says of the frames before it."""
    trace.turn(_reach(trace.key, before))
    for back in range(1, min(len(held), trace.reach)):
        held[-1 - back] += trace.step(trace.key - back)


class _Trace:
    """The way from a painted frame to those around it, step by step in one direction."""

    def __init__(self, key: int, change: Tensor, motion: Motion, source: ReadSource) -> None:
        self.key, self.reach = key, REACH
        self._change, self._motion, self._source = change[None], motion, source
        self._painted = source(key)
        self.turn(REACH)

    def turn(self, reach: int) -> None:
        """This goes back to the painted frame, to fade over `reach` frames from there."""
        self.reach = reach
        self._at, self._here = self.key, self._painted
        self._way = self._change.new_zeros(1, 2, *self._change.shape[-2:])
        self._trust = self._change.new_ones(1, 1, *self._change.shape[-2:])

    def step(self, number: int) -> Tensor:
        """This goes on to the next frame, and gives what is to be added there, `[3, H, W]`."""
        left = 1 - abs(number - self.key) / self.reach
        if left <= 0:
            return torch.zeros_like(self._change[0])
        fade = left**3 * (left * (6 * left - 15) + 10)  # and the next one's is the rest of 1
        here = self._source(number)
        earlier, later = (self._here, here) if number > self._at else (here, self._here)
        flows = self._motion(max(number, self._at), earlier, later)
        there, back = (flow[None] for flow in (flows if number > self._at else reversed(flows)))
        further, inside = warp(torch.cat([self._way, self._trust], dim=1), there)
        self._way = there + further[:, :2]
        self._trust = further[:, 2:] * torch.where(inside == 1, round_trip(there, back), _beyond(there))
        self._at, self._here = number, here
        return (fade * self._trust * warp(self._change, self._way, "bicubic")[0])[0]


def _beyond(flow: Tensor) -> Tensor:
    """This says how far a change may be continued beyond the picture's edge, `[1, 1, H, W]`: less with each pixel."""
    height, width = flow.shape[-2:]
    x, y = flow[:, :1] + torch.arange(width), flow[:, 1:] + torch.arange(height)[:, None]
    out = (-x).relu() + (x - (width - 1)).relu() + (-y).relu() + (y - (height - 1)).relu()
    return torch.exp2(-out / EDGE)
