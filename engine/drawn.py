"""Controls of a clip as a job asks for them: drawn by preprocessors and kept, or read from someone's own video."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.cache import MapCache
from engine.controls import draw_window
from engine.errors import SettingsError
from engine.footage import Footage, read_stills
from engine.given import Given
from engine.journal import fingerprint
from engine.media import MediaInfo, Reader, in_levels, open_maps, source_files
from engine.settings import ReaderName
from engine.windows import Span
from preprocessors.preprocessor import Preprocessor
from preprocessors.workplace import Workplace

BLOCK = 32  # frames that are drawn and kept together
READING = 2
"""Raised by a version that reads other frames from the same files. 2: pictures in sRGB by their profiles, upright."""


@dataclass
class Drawn:
    """A control that a preprocessor draws. Whatever is kept is not drawn again, nor looked at for fitting.

    mark: what the footage is known by, besides its size and the shot. at: where the preprocessor's network computes, if
    it has one; what is kept is of one device, as are the shot's ends of scale.
    """

    drawer: Preprocessor
    footage: Footage
    cache: MapCache
    mark: str
    at: Workplace = field(default_factory=Workplace)
    shot: Span = field(default_factory=lambda: Span(0, 1))
    _fitted: tuple[str, Preprocessor] | None = None  # where it was, and what came of it

    def fit(self, shot: Span) -> Drawn:
        """This normalises over a shot as soon as something has to be drawn."""
        return replace(self, shot=shot, _fitted=None)

    def __call__(self, span: Span, frames: Tensor | None = None) -> Tensor:
        """This gives the maps `[T, C, H, W]` of frames `span`, in steps of 1/65535, however the shot is cut.

        frames: what they show, where someone has read them already. Whole blocks are drawn, which may begin earlier and
        end later; the rest of them is read.
        """
        first = (span.start - self.shot.start) // BLOCK * BLOCK + self.shot.start
        parts = []
        for start in range(first, span.stop, BLOCK):
            block = Span(start, min(start + BLOCK, self.shot.stop))
            maps = self._block(block, span, frames)
            parts.append(maps[max(0, span.start - start) : span.stop - start])
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def _block(self, block: Span, span: Span, frames: Tensor | None) -> Tensor:
        early = min(self.drawer.lookbehind, block.start - self.shot.start)
        seen = Span(block.start - early, block.stop)
        while True:
            where, entry = self.at.mark, self.cache.entry(self._about())
            kept = entry.get(block)
            if kept is not None and len(kept) == len(block):
                return kept
            fitted = self._normalised(where)
            shown = self.footage.read(seen) if frames is None else self.footage.around(seen, span, frames)
            maps = in_levels(draw_window(fitted, shown, early, block.start - self.shot.start))
            if self.at.mark == where:  # else memory has run out there in the midst: all again on the processor
                entry.put(block, maps)
                return maps

    def _normalised(self, where: str) -> Preprocessor:
        if self._fitted is None or self._fitted[0] != where:
            self._fitted = where, self.drawer.fit(self.footage.windows(self.shot))
        return self._fitted[1]

    def _about(self) -> dict[str, Any]:
        return {
            "control": self.drawer.name,
            "key": self.drawer.key + self.at.mark,
            "footage": self.mark,
            "shot": [self.shot.start, self.shot.stop],
            "size": self.footage.size,
        }


@dataclass(frozen=True)
class ControlVideo:
    """A control that someone made: a video or stills of the clip's length, brought to the size that is worked on."""

    footage: Footage

    def fit(self, shot: Span) -> ControlVideo:
        """This gives itself: what a person made is what it is."""
        return self

    def __call__(self, span: Span, frames: Tensor | None = None) -> Tensor:
        """This gives the maps `[T, 3, H, W]` of frames `span` of the clip."""
        return self.footage.read(span)


def source_mark(source: Path, reader: ReaderName) -> str:
    """This makes the mark that a source is known by, as this reader decodes it."""
    return f"{fingerprint(source_files(source))} {reader} {READING}"


@contextmanager
def control_videos(paths: Mapping[str, str], info: MediaInfo, size: tuple[int, int]) -> Iterator[dict[str, Given]]:
    """This opens the control videos of a clip, by their control's name, for the time of a job.

    Raises:
        SettingsError: one does not fit the clip.
        MediaError: one cannot be read.
    """
    with ExitStack() as stack:
        opened: dict[str, Given] = {}
        for name, path in paths.items():
            reader = stack.enter_context(open_maps(Path(path).expanduser()))
            _check(name, reader, info, size)
            read_stills(reader, lambda stop, frames: None)
            opened[name] = ControlVideo(Footage(reader, size))
        yield opened


def _check(name: str, reader: Reader, info: MediaInfo, size: tuple[int, int]) -> None:
    control, where = reader.info, f"The control video for {name}, {reader.info.path},"
    if control.frames != info.frames:
        raise SettingsError(f"{where} has {control.frames} frames, the clip {info.frames}. Give one as long.")
    sizes = dict.fromkeys([(info.height, info.width), size])
    if (control.height, control.width) not in sizes:
        works = " or ".join(f"{width}x{height}" for height, width in sizes)
        raise SettingsError(f"{where} is {control.width}x{control.height}. Scale it to {works}.")
