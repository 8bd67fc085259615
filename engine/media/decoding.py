"""Opening a file and getting its pictures out, packet by packet, damaged ones skipped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
from av import CodecContext, Packet, VideoFrame
from av.container import InputContainer
from av.filter import Graph
from av.stream import Disposition, Stream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from engine.errors import MediaError

# The built-in decoders drop the alpha layer of these; libvpx keeps it.
ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """This opens a file for reading and closes it again.

    Raises:
        MediaError: it is missing, empty or not a media file.
    """
    container = open_container(path)
    try:
        yield container
    finally:
        container.close()


def open_container(path: Path) -> InputContainer:
    """This opens a file for reading; the caller closes it."""
    if not path.exists():
        raise MediaError(f"There is no file {path}.")
    if not path.is_file():
        raise MediaError(f"{path} is not a file.")
    if path.stat().st_size == 0:
        raise MediaError(f"{path} is empty: it has no bytes at all.")
    try:
        return av.open(path, "r")
    except PermissionError as error:
        raise MediaError(f"{path} may not be read: permission denied.") from error
    except (av.FFmpegError, UnicodeError) as error:
        raise MediaError(
            f"{path} cannot be opened as a video: it is damaged, cut off before its index, or not a media file. "
            "Copy it once more from where it was filmed."
        ) from error


def picture_stream(container: InputContainer, path: Path) -> VideoStream:
    """This finds the track with the moving picture: the first one that is not a cover.

    Raises:
        MediaError: there is none, or only the tiles of which phones make their photos.
    """
    if any(stream.disposition & Disposition.dependent and stream.frames == 1 for stream in container.streams.video):
        raise MediaError(
            f"{path} is a photo in tiles, as phones make them (HEIC); save it as JPEG or PNG and name that."
        )
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    kinds = sorted({stream.type for stream in container.streams})
    raise MediaError(f"{path} holds no moving picture, only: {', '.join(kinds) or 'nothing'}.")


def make_decoder(stream: VideoStream, path: Path) -> VideoCodecContext:
    """This gives the decoder for a track: the stream's own, or libvpx where there is an alpha layer."""
    context = stream.codec_context
    if context is None:
        raise MediaError(f"The picture of {path} is in a codec that cannot be decoded here.")
    if has_alpha_layer(stream):
        decoder = cast(VideoCodecContext, CodecContext.create(ALPHA_DECODERS[context.name], "r"))
        decoder.extradata = context.extradata
        decoder.thread_count = 1
        return decoder
    if not context.is_open:
        # Threads win little next to the conversion to RGB, and what they make of damaged data differs from run to run.
        context.thread_type = "NONE"
        context.thread_count = 1
    return context


def has_alpha_layer(stream: VideoStream) -> bool:
    """This says whether a WebM track carries its alpha beside the picture."""
    return stream.metadata.get("alpha_mode") == "1" and stream.codec_context.name in ALPHA_DECODERS


def packets(container: InputContainer, *streams: Stream) -> Iterator[Packet[Any]]:
    """This reads packets of these tracks up to the end, or to where the file cannot be read any further."""
    source = container.demux(*streams)
    while True:
        try:
            packet = next(source, None)
        except av.FFmpegError:
            return
        if packet is None:
            return
        if packet.size:  # the empty one at the end asks the decoder to flush; `pictures` does that itself
            yield packet


def pictures(source: Iterator[Packet[Any]], decoder: VideoCodecContext) -> Iterator[VideoFrame]:
    """This decodes packets in order and leaves out those that cannot be decoded."""
    for packet in source:
        yield from _decode(decoder, packet)
    yield from _decode(decoder, None)


def _decode(decoder: VideoCodecContext, packet: Packet[Any] | None) -> list[VideoFrame]:
    try:
        return decoder.decode(packet)
    except av.EOFError:
        return []
    except av.FFmpegError:
        return []


def deinterlaced(source: Iterator[VideoFrame], time_base: Fraction) -> Iterator[VideoFrame]:
    """This makes whole pictures of woven fields (bwdif), one for each, at the same times."""
    graph: Graph | None = None
    for frame in source:
        graph = graph or _deinterlacer(frame, time_base)
        graph.vpush(frame)
        yield from _pull(graph, time_base)
    if graph is not None:
        graph.vpush(None)
        yield from _pull(graph, time_base)


def _deinterlacer(frame: VideoFrame, time_base: Fraction) -> Graph:
    graph = Graph()
    nodes = [
        graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=time_base),
        graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced"),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    return graph


def _pull(graph: Graph, time_base: Fraction) -> Iterator[VideoFrame]:
    while True:
        try:
            frame = graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return
        # The filter counts in half ticks.
        if frame.pts is not None and frame.time_base is not None:
            frame.pts = round(frame.pts * frame.time_base / time_base)
            frame.time_base = time_base
        yield frame
