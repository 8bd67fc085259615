"""Where finished frames go: a clip, a folder of stills or one picture, under a temporary name until complete."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, cast

import av
from av import Packet, VideoFrame
from av.container import OutputContainer
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from av.video.stream import VideoStream
from safetensors import SafetensorError
from torch import Tensor

from engine.errors import MediaError, ResourceError, is_full
from engine.media.encoding import MUXERS, PICTURES, Encoding
from engine.media.info import MediaInfo
from engine.media.pixels import ACCURATE, packed_frame
from engine.media.still import as_jpeg, as_png
from engine.media.streams import OtherStreams


class Sink(Protocol):
    """Where finished frames go, under a temporary name until they are complete."""

    def write(self, frame: Tensor, alpha: Tensor | None, number: int) -> None:
        """This takes the next frame `[3, H, W]` and, where there is one, its alpha `[1, H, W]`."""

    def finish(self) -> None:
        """This writes what is still held and gives the result its name."""

    def discard(self) -> None:
        """This leaves nothing behind."""


# x265 makes up the first decoding times of clips that end before its reordering has begun.
REORDERED = 8
# A second of the finest sound.
SAMPLES = 96_000
# Of a JPEG, of 100.
QUALITY = 95
# The bytes depend on how many frames are encoded at once, so every machine does as many.
THREADS = 4


def partial_name(path: Path) -> Path:
    """This names the unfinished result, beside the finished one: always the same, so that leftovers are replaced."""
    return path.with_name(f".{path.stem}.unfinished{path.suffix}")


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """This says in one line what went wrong on the disk: full, gone, not permitted.

    Raises:
        ResourceError: it is full.
        MediaError: anything else.
    """
    try:
        yield
    except (av.FFmpegError, OSError, SafetensorError) as error:
        if is_full(error):
            raise ResourceError(
                f"{path} cannot be written: the disk is full. Make room, and give the same command again."
            ) from error
        raise MediaError(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}.") from error


class ClipSink:
    """This encodes frames into a file, each at its source's time, and copies the other streams along."""

    def __init__(self, path: Path, chosen: Encoding, info: MediaInfo, size: tuple[int, int], alpha: bool) -> None:
        self._path = path
        self._partial = partial_name(path)
        self._ticks = 1 / Fraction(math.lcm(*(time.denominator for time in (*info.times, info.end))))
        self._times = [int(time / self._ticks) for time in (*info.times, info.end)]
        # The last frame may have no time at all, which a muxer would take for unknown.
        self._durations = {a: max(b - a, 1) for a, b in zip(self._times, self._times[1:], strict=False)}
        self._reformatter = VideoReformatter()
        self._muxer = MUXERS[path.suffix.lower()]
        # Bit-exact: no time of day, no random identifiers, so the same frames give the same bytes.
        options = {"movflags": "+faststart", "fflags": "+bitexact"}
        if self._muxer != "matroska":
            # A late start is stored in this unit; in milliseconds, as by default, it would move. Of sound it is exact
            # to the sample.
            scale = self._ticks.denominator
            options["movie_timescale"] = str(scale * math.ceil(SAMPLES / scale))
        self._target: OutputContainer = av.open(self._partial, "w", format=self._muxer, container_options=options)
        self._others: OtherStreams | None = None
        if info.timecode:
            self._target.metadata["timecode"] = info.timecode
        self._held: Packet[Any] | None = None
        self._reordering = 0  # how far decoding begins before the first frame is shown, in ticks
        try:
            self._pixels = _pixels(chosen, size, alpha)
            self._stream = self._add_stream(chosen, info, size)
            if info.path.is_file():
                self._others = OtherStreams(info.path, self._target, self._muxer)
        except BaseException:
            self.discard()
            raise

    def _add_stream(self, chosen: Encoding, info: MediaInfo, size: tuple[int, int]) -> VideoStream:
        rate = info.rate
        if self._muxer == "matroska" and info.variable_rate:
            rate = 1 / max(info.end - info.times[-1], self._ticks)  # Matroska stores it as the last frame's length
        rate = rate.limit_denominator(100_000) or Fraction(25)
        stream = cast(VideoStream, self._target.add_stream(chosen.encoder, rate=rate, options=dict(chosen.options)))
        context = stream.codec_context
        context.height, context.width = size
        context.pix_fmt = self._pixels
        context.time_base = stream.time_base = self._ticks
        context.thread_type, context.thread_count = "AUTO", THREADS
        if info.frames < REORDERED:
            context.max_b_frames = 0
        context.sample_aspect_ratio = info.sample_aspect_ratio
        context.color_range = int(ColorRange.MPEG)
        context.colorspace = int(Colorspace.ITU709)
        context.color_trc = int(ColorTrc.BT709)
        context.color_primaries = int(ColorPrimaries.BT709)
        if info.reel:
            stream.metadata["reel_name"] = info.reel
        if chosen.tag is not None:
            context.codec_tag = chosen.tag
        return stream

    def write(self, frame: Tensor, alpha: Tensor | None, number: int) -> None:
        """This encodes the next frame."""
        picture = self._reformatter.reformat(
            packed_frame(frame, alpha),
            format=self._pixels,
            src_colorspace=int(Colorspace.ITU709),
            dst_colorspace=int(Colorspace.ITU709),
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            dst_color_trc=ColorTrc.BT709,
            dst_color_primaries=ColorPrimaries.BT709,
            interpolation=ACCURATE,
        )
        picture.pts = self._times[number]
        picture.time_base = self._ticks
        picture.duration = self._durations[picture.pts]
        self._encode(picture)

    def _encode(self, picture: VideoFrame | None) -> None:
        """This holds the newest packet back, so that `finish` knows the last one."""
        for packet in self._stream.encode(picture):
            if packet.dts is None or packet.pts is None:
                raise MediaError(f"{self._path}: the encoder gave a frame without a time.")
            packet.duration = self._durations[self._in_ticks(packet, packet.pts)]
            if self._held is None:
                self._reordering = self._times[0] - self._in_ticks(packet, packet.dts)
            else:
                self._mux(self._held)
            self._held = packet

    def _in_ticks(self, packet: Packet[Any], time: int) -> int:
        return round(time * packet.time_base / self._ticks)

    def _mux(self, packet: Packet[Any]) -> None:
        if self._others is not None and packet.dts is not None:
            self._others.copy_until(packet.dts * packet.time_base)
        self._target.mux(packet)

    def finish(self) -> None:
        """This flushes the encoder, copies the rest of the other streams and gives the file its name."""
        self._encode(None)
        if self._held is not None and self._held.dts is not None and self._held.pts is not None:
            if self._muxer != "matroska":
                # MP4 stores how long frames last in the order of decoding, and the last one there makes up the whole.
                # Players believe the shorter of that sum and the last time shown.
                end = self._times[-1] - self._reordering
                missing = end - self._in_ticks(self._held, self._held.dts)
                shown_last = self._in_ticks(self._held, self._held.pts) == self._times[-2]
                self._held.duration = max(missing, self._held.duration or 1 if shown_last else 1)
            self._mux(self._held)
        if self._others is not None:
            self._others.copy_until(None)
        self._target.close()
        self._partial.replace(self._path)

    def discard(self) -> None:
        """This closes everything and removes the unfinished file."""
        if self._others is not None:
            self._others.close()
        with suppress(av.FFmpegError, OSError):  # closing writes what is held, and the disk may be full
            self._target.close()
        self._partial.unlink(missing_ok=True)


def _pixels(chosen: Encoding, size: tuple[int, int], alpha: bool) -> str:
    if alpha and chosen.pixels_alpha is not None:
        return chosen.pixels_alpha
    return chosen.pixels_odd if size[0] % 2 or size[1] % 2 else chosen.pixels


class StillsSink:
    """This writes frames as PNG, 8 bits a channel, into a folder: frame.000000.png and so on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = partial_name(path)
        shutil.rmtree(self._partial, ignore_errors=True)
        self._partial.mkdir()

    def write(self, frame: Tensor, alpha: Tensor | None, number: int) -> None:
        """This writes one still."""
        (self._partial / f"frame.{number:06d}.png").write_bytes(as_png(frame, alpha))

    def finish(self) -> None:
        """This puts the folder in the place of an older one."""
        old = self._path.with_name(f".{self._path.name}.replaced")
        if self._path.exists():
            self._path.replace(old)
        self._partial.replace(self._path)
        shutil.rmtree(old, ignore_errors=True)

    def discard(self) -> None:
        """This removes the unfinished folder."""
        shutil.rmtree(self._partial, ignore_errors=True)


class PictureSink:
    """This writes the only frame there is as one picture, PNG or JPEG by the suffix of its name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = partial_name(path)

    def write(self, frame: Tensor, alpha: Tensor | None, number: int) -> None:
        """This writes the picture."""
        is_png = PICTURES[self._path.suffix.lower()] == "PNG"
        self._partial.write_bytes(as_png(frame, alpha) if is_png else as_jpeg(frame, QUALITY))

    def finish(self) -> None:
        """This gives the picture its name."""
        self._partial.replace(self._path)

    def discard(self) -> None:
        """This removes the unfinished picture."""
        self._partial.unlink(missing_ok=True)
