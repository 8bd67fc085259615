"""The default reader: PyAV, led by the index of packets. Exact on every file that it opens."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from av import Packet, VideoFrame
from torch import Tensor

from engine.errors import MediaError
from engine.media.decoding import (
    deinterlaced,
    make_decoder,
    open_container,
    packets,
    picture_stream,
    pictures,
)
from engine.media.index import build_index
from engine.media.pixels import FrameConverter

# Decoded pictures kept for windows that overlap; the bytes hold 5 of 4K in 10 bit.
KEPT_FRAMES = 24
KEPT_BYTES = 128 << 20


class PyavReader:
    """This reads any window of a file, frame by frame as a player shows them.

    Windows that follow or overlap each other cost no seek. One reader serves one thread, and must not cross a `fork`.
    """

    def __init__(self, path: Path) -> None:
        self._index = build_index(path)
        self.info = self._index.info
        self._convert = FrameConverter(self._index.layout)
        self._open()
        self._kept: OrderedDict[int, VideoFrame] = OrderedDict()
        self._kept_bytes = 0
        self._run: Iterator[tuple[int, VideoFrame]] = iter(())
        self._run_key = 0
        self._next = self.info.frames  # the first frame that the run has not passed; here: there is no run yet
        self._found: int | None = None  # the last frame that it gave
        self._fault = False
        self._by_group = False
        self._faulty: set[int] = set()
        self._lost: dict[int, tuple[int, int]] = {}  # what is shown instead, decoded from which key

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was wrong with the file, as far as it has been read: sentences for people."""
        bad = sorted(self._faulty | self._lost.keys())
        if not bad:
            return self.info.warnings
        found = f"{self.info.path} is damaged: {len(bad)} of {self.info.frames} frames are faulty"
        found += f", the first at {float(self.info.times[bad[0]]):.2f} s"
        if self._lost:
            found += f"; {len(self._lost)} of them could not be decoded and show a neighbour instead"
        return (*self.info.warnings, found + ".")

    def read(self, start: int, stop: int) -> Tensor:
        """This reads frames `start` to `stop` (not included) as `[T, 3, H, W]`, RGB, 0 to 1.

        Raises:
            ValueError: the window reaches beyond the clip.
            MediaError: the picture changes its size in the middle.
        """
        out = torch.empty(stop - start, 3, self.info.height, self.info.width)
        for number in self._window(start, stop):
            self._convert.rgb(self._frame(number), out[number - start])
        return out

    def read_alpha(self, start: int, stop: int) -> Tensor:
        """This reads the opacity of frames `start` to `stop` as `[T, 1, H, W]`, 0 to 1, straight.

        Raises:
            MediaError: the clip has no alpha channel.
        """
        if not self.info.alpha:
            raise MediaError(f"{self.info.path} has no alpha channel.")
        out = torch.empty(stop - start, 1, self.info.height, self.info.width)
        for number in self._window(start, stop):
            self._convert.alpha(self._frame(number), out[number - start])
        return out

    def close(self) -> None:
        """This closes the file; the reader is of no use afterwards."""
        self._run = iter(())
        self._kept.clear()
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> None:
        self._container = open_container(self.info.path)
        self._stream = picture_stream(self._container, self.info.path)

    def _window(self, start: int, stop: int) -> range:
        if not 0 <= start < stop <= self.info.frames:
            raise ValueError(f"frames {start} to {stop} were asked for; {self.info.path} has 0 to {self.info.frames}.")
        return range(start, stop)

    def _frame(self, number: int) -> VideoFrame:
        own = number, self._index.key_before(self._first_needed(number))
        shown, key = self._lost.get(number, own)
        if shown in self._kept and (key == self._run_key or not self._by_group):
            return self._kept[shown]
        if not self._run_leads_to(shown, key):
            self._start(key)
        frame = self._advance(shown)
        if self._fault and not self._by_group:
            # From here on each group of pictures is decoded alone: what a damaged picture becomes depends on what
            # was decoded before it, and must not depend on where reading began.
            self._by_group = True
            frame = self._restart(key, shown)
        return frame or self._replaced(number, key)

    def _restart(self, key: int, number: int) -> VideoFrame | None:
        self._start(key)
        return self._advance(number)

    def _replaced(self, number: int, key: int) -> VideoFrame:
        """This stands in for a frame that its own group does not give.

        The group before may give it: some files mark frames as key frames at which decoding cannot begin. Else the next
        frame is shown, or the last one where there is no next.
        """
        nothing_before = self.info.frames
        if key:
            frame = self._restart(key - 1, number)
            if frame is not None:
                return frame
            nothing_before = self._next - 1
        for start in range(key, -1, -1):
            self._restart(start, number)
            if self._found is not None:
                # What holds for this frame holds for those up to the next one that either group gives.
                stop = min(nothing_before, self._next - 1, self._end_of_group(key))
                self._lost |= dict.fromkeys(range(number, max(stop, number + 1)), (self._found, start))
                return self._frame(number)
        raise MediaError(f"{self.info.path}: frame {number} and those around it cannot be decoded.")

    def _end_of_group(self, key: int) -> int:
        later = self._index.keys[key + 1 : key + 2]
        return self._index.number_shown_from(later[0][0]) if later else self.info.frames

    def _first_needed(self, number: int) -> int:
        # Deinterlacing looks at the frame before.
        return max(number - 1, 0) if self.info.interlaced else number

    def _run_leads_to(self, number: int, key: int) -> bool:
        """Whether decoding on is right, and cheaper than a jump: no later key frame lies between here and there."""
        if self._next > number:
            return False
        return key == self._run_key if self._by_group else self._index.keys[key][0] <= self._index.pts[self._next]

    def _start(self, key: int) -> None:
        self._kept.clear()
        self._kept_bytes = 0
        self._found = None
        self._fault = False
        self._run_key = key
        self._run = self._decode_from(key)
        self._next = self._index.number_shown_from(self._index.keys[key][0])

    def _decode_from(self, key: int) -> Iterator[tuple[int, VideoFrame]]:
        pts, _ = self._index.keys[key]
        if self._by_group:  # even the memory that a decoder has used before shows through where data is missing
            self._container.close()
            self._open()
        source = self._packets_from(key)
        decoder = make_decoder(self._stream, self.info.path)
        decoder.flush_buffers()
        frames = pictures(source, decoder)
        if self.info.interlaced:
            frames = deinterlaced(frames, self._index.time_base)
        for frame in frames:
            number = None if frame.pts is None else self._index.number_at(frame.pts)
            # Pictures shown before the key frame lean on what was not decoded.
            if number is not None and frame.pts is not None and frame.pts >= pts:
                yield number, frame

    def _packets_from(self, key: int) -> Iterator[Packet[Any]]:
        """This jumps to a key frame. Some containers (MPEG program streams) land in the middle of a later packet."""
        pts, dts = self._index.keys[key]
        for earlier in range(key, -1, -1):
            self._container.seek(min(self._index.keys[earlier]), stream=self._stream)
            source = packets(self._container, self._stream)
            for packet in source:
                if packet.is_keyframe and packet.pts == pts:
                    return chain([packet], source)
                if packet.dts is not None and packet.dts > dts:
                    break
        self._container.close()
        self._open()
        return packets(self._container, self._stream)

    def _advance(self, number: int) -> VideoFrame | None:
        """This decodes up to frame `number`; None where it does not come."""
        while self._next <= number:
            found, frame = next(self._run, (self.info.frames, None))
            if found < self._next:  # a decoder that lost its way gives frames after their turn
                self._fault = True
                continue
            self._fault |= found > self._next or frame is None or frame.is_corrupt
            self._next = found + 1
            if frame is not None:
                self._found = found
                self._keep(found, frame, number)
        return self._kept.get(number)

    def _keep(self, found: int, frame: VideoFrame, wanted: int) -> None:
        if found < wanted:
            return
        self._check_size(found, frame)
        if frame.is_corrupt:
            self._faulty.add(found)
        self._kept[found] = frame
        self._kept_bytes += _size(frame)
        while len(self._kept) > KEPT_FRAMES or (self._kept_bytes > KEPT_BYTES and len(self._kept) > 1):
            self._kept_bytes -= _size(self._kept.popitem(last=False)[1])

    def _check_size(self, number: int, frame: VideoFrame) -> None:
        size = (frame.height, frame.width) if self._index.layout.orientation.transpose else (frame.width, frame.height)
        if size != (self.info.width, self.info.height):
            raise MediaError(
                f"{self.info.path} changes its size at {float(self.info.times[number]):.2f} s from "
                f"{self.info.width}x{self.info.height} to {size[0]}x{size[1]}; cut it there first."
            )


def _size(frame: VideoFrame) -> int:
    return sum(plane.buffer_size for plane in frame.planes)
