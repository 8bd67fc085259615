"""What a file holds: every frame that a player shows, its time, and where decoding can begin.

One pass over the packets, without decoding (2 to 50 ms), where packets and frames are known to be one to one.
Everything else - damage, fields, frames without a time, a start in the middle of a group - is decoded once and counted.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from av import VideoFrame
from av.stream import Stream
from av.video.stream import VideoStream

from engine.errors import MediaError
from engine.media.decoding import make_decoder, opened, packets, picture_stream, pictures
from engine.media.info import MediaInfo
from engine.media.layout import MATRICES, PixelLayout, read_layout

FIELDS = (2, 3, 4, 5)  # FFmpeg's field orders that mean interlaced


class Entry(NamedTuple):
    """One packet, in the order of the file; times in ticks of the track."""

    pts: int | None
    dts: int | None
    duration: int
    key: bool
    hidden: bool
    damaged: bool


@dataclass(frozen=True)
class FrameIndex:
    """The frames of a file in the order in which they are shown.

    `pts` are their times and `keys` the (pts, dts) of frames at which decoding can begin, in ticks of `time_base`.
    `hidden` and `leading` say what makes careless readers return wrong frames: packets that an edit list hides, and
    pictures that are stored after a key frame and shown before it.
    """

    info: MediaInfo
    layout: PixelLayout
    time_base: Fraction
    pts: tuple[int, ...]
    keys: tuple[tuple[int, int], ...]
    hidden: bool
    leading: bool

    def key_before(self, number: int) -> int:
        """This gives the position in `keys` of the last key frame that is shown no later than frame `number`."""
        return max(bisect_right(self.keys, (self.pts[number], 1 << 62)) - 1, 0)

    def number_shown_from(self, pts: int) -> int:
        """This gives the number of the first frame that is shown at `pts` or later."""
        return bisect_left(self.pts, pts)

    def number_at(self, pts: int) -> int | None:
        """This gives the number of the frame that is shown at `pts`; None where there is none."""
        position = bisect_left(self.pts, pts)
        return position if position < len(self.pts) and self.pts[position] == pts else None


def build_index(path: Path) -> FrameIndex:
    """This reads a file's packets and its first picture.

    Raises:
        MediaError: the file cannot be opened, holds no picture, or its colours are of a kind that cannot be converted.
    """
    with opened(path) as container:
        stream = picture_stream(container, path)
        entries = [
            Entry(p.pts, p.dts, p.duration or 0, p.is_keyframe, p.is_discard, p.is_corrupt)
            for p in packets(container, stream)
        ]
        if not entries:
            raise MediaError(f"{path} has a video track without a single frame.")
        if all(e.pts is None for e in entries):
            raise MediaError(f"{path} is a bare stream without frame times; put it into an MP4 file first.")
        return _index(path, stream, entries)


def _index(path: Path, stream: VideoStream, entries: list[Entry]) -> FrameIndex:
    first = _first_picture(path)
    layout = read_layout(path, first)
    leading = _leading(entries)
    pts = sorted({e.pts for e in entries if e.pts is not None and not e.hidden})
    promised = max(len(pts), stream.frames - sum(e.hidden for e in entries))
    # A progressive first frame says little: broadcasts mix both.
    interlaced = first.interlaced_frame or stream.codec_context.field_order in FIELDS
    doubled = 0
    if interlaced or _must_decode(entries, stream):
        pts, doubled = _decoded_pts(path)
    end, cut_off = _end(pts, entries, stream)
    lost = promised - len(pts) if cut_off or any(e.damaged for e in entries) else 0
    warnings = [f"{path} is damaged: {len(pts)} of {promised} frames can be read."] if lost > 0 else []
    if doubled:
        warnings.append(f"{path} shows {doubled} of its frames at the time of another one; they are left out.")
    base = stream.time_base or Fraction(1)
    ratio = _pixel_ratio(first, stream)
    swap = layout.orientation.transpose
    info = MediaInfo(
        path=path,
        width=first.height if swap else first.width,
        height=first.width if swap else first.height,
        times=tuple(p * base for p in pts),
        end=end * base,
        codec=_codec_name(stream),
        pixel_format=layout.format,
        bit_depth=layout.bit_depth,
        rotation=layout.orientation.rotation,
        transfer=layout.transfer,
        matrix=MATRICES[layout.matrix],
        full_range=layout.full_range,
        alpha=layout.alpha,
        interlaced=interlaced,
        sample_aspect_ratio=1 / ratio if swap else ratio,
        other_streams=_other_streams(stream),
        warnings=tuple(warnings),
        timecode=_told(stream, "timecode"),
        reel=_told(stream, "reel_name"),
    )
    keys = sorted((e.pts, e.pts if e.dts is None else e.dts) for e in entries if e.key and e.pts is not None)
    return FrameIndex(info, layout, base, tuple(pts), tuple(keys), any(e.hidden for e in entries), leading)


def _first_picture(path: Path) -> VideoFrame:
    with opened(path) as container:
        stream = picture_stream(container, path)
        first = next(pictures(packets(container, stream), make_decoder(stream, path)), None)
        if first is None:
            raise MediaError(f"{path} has a video track, but not one of its frames can be decoded.")
        return first


def _decoded_pts(path: Path) -> tuple[list[int], int]:
    """This decodes all frames and gives their times, and how many of them have the time of another."""
    with opened(path) as container:
        stream = picture_stream(container, path)
        frames = pictures(packets(container, stream), make_decoder(stream, path))
        times = [frame.pts for frame in frames if frame.pts is not None]
        return sorted(set(times)), len(times) - len(set(times))


def _must_decode(entries: list[Entry], stream: VideoStream) -> bool:
    """Whether the packets alone do not tell how many frames there are. (Fields: two of them may be one frame.)"""
    shown = [e for e in entries if not e.hidden]
    times = {e.pts for e in shown if e.pts is not None}
    return (
        len(entries) < stream.frames
        or not times
        or len(times) < len(shown)
        or any(e.damaged for e in shown)
        or stream.codec_context.name == "vp8"  # some packets are never shown
        or not entries[0].key
        or min(times) < (entries[0].pts or 0)  # pictures that lean on what came before the file
    )


def _leading(entries: list[Entry]) -> bool:
    key = None
    for entry in entries:
        if entry.key:
            key = entry.pts
        elif key is not None and entry.pts is not None and entry.pts < key:
            return True
    return False


def _end(pts: list[int], entries: list[Entry], stream: VideoStream) -> tuple[int | Fraction, bool]:
    """When the last frame stops, in ticks, and whether the track promises more than is there.

    The track's own length counts where it is given, since a packet's length belongs to the order of decoding, not of
    showing. Some phones leave the last frame no time at all; where the order differs, that is a slip instead.
    """
    mean = Fraction(pts[-1] - pts[0], max(len(pts) - 1, 1))
    length = next((e.duration for e in entries if e.pts == pts[-1] and e.duration), mean)
    promised = (stream.start_time or 0) + (stream.duration or 0)
    cut_off = len(entries) < stream.frames and promised > pts[-1] + 2 * max(length, mean)
    in_order = len(pts) > 1 and all(e.dts in (None, e.pts) for e in entries)
    # Other containers than MP4 know only how long the whole file is.
    told = stream.duration is not None and "mp4" in stream.container.format.name
    trusted = told and promised >= pts[-1] + (not in_order) and not cut_off
    return promised if trusted else pts[-1] + length, cut_off


def _pixel_ratio(frame: VideoFrame, stream: VideoStream) -> Fraction:
    return stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or Fraction(1)


def _codec_name(stream: VideoStream) -> str:
    return stream.codec_context.codec.canonical_name


def _other_streams(stream: VideoStream) -> tuple[str, ...]:
    others = (other for other in stream.container.streams if other.index != stream.index)
    return tuple(stream_name(other) for other in others if not (other.type == "data" and "timecode" in other.metadata))


def _told(stream: VideoStream, key: str) -> str | None:
    """This looks a word up that a file may carry as a whole (in capitals in Matroska), with a track, or in its own."""
    tracks = (other.metadata for other in stream.container.streams if other.type in ("video", "data"))
    for metadata in (stream.container.metadata, stream.metadata, *tracks):
        if told := metadata.get(key) or metadata.get(key.upper()):
            return told
    return None


def stream_name(stream: Stream) -> str:
    """This names a stream by kind and codec, such as "audio aac"."""
    return f"{stream.type} {stream.codec_context.codec.canonical_name if stream.codec_context else 'unknown'}"
