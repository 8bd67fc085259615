"""Sound, subtitles and whatever else a source carries beside its picture, copied unchanged and in step."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from av import Packet
from av.container import OutputContainer
from av.stream import Discard, Stream

from engine.media.decoding import open_container, packets, picture_stream
from engine.media.encoding import fits
from engine.media.index import stream_name


class OtherStreams:
    """This copies packets from a source into a result as far as the picture has come, so that little is held back."""

    def __init__(self, source: Path, target: OutputContainer, muxer: str) -> None:
        self._source = open_container(source)
        self._target = target
        self._copies: dict[int, Stream] = {}
        picture = picture_stream(self._source, source)
        for stream in self._source.streams:
            if stream.index != picture.index and fits(muxer, stream_name(stream)):
                copy = target.add_stream_from_template(stream)
                copy.metadata.update({key: value for key, value in stream.metadata.items() if key == "language"})
                self._copies[stream.index] = copy
            else:
                stream.discard = Discard.all
        kept = [stream for stream in self._source.streams if stream.index in self._copies]
        self._packets: Iterator[Packet[Any]] = packets(self._source, *kept) if kept else iter(())
        self._held = next(self._packets, None)

    def copy_until(self, time: Fraction | None) -> None:
        """This copies what belongs before `time` (seconds), or all the rest."""
        while self._held is not None:
            packet = self._held
            if packet.dts is None:
                packet.dts = packet.pts
            if time is not None and packet.dts is not None and packet.dts * packet.time_base > time:
                return
            self._held = next(self._packets, None)
            if packet.dts is not None:
                _trim(packet)
                packet.stream = self._copies[packet.stream_index]
                self._target.mux(packet)

    def close(self) -> None:
        """This closes the source."""
        self._source.close()


def _trim(packet: Packet[Any]) -> None:
    """An edit list may end inside the last packet; the packet stays whole, only its time is cut."""
    stream = packet.stream
    if stream.duration is None or packet.pts is None or not packet.duration:
        return
    end = (stream.start_time or 0) + stream.duration
    if packet.pts < end < packet.pts + packet.duration:
        packet.duration = end - packet.pts
