"""Masks of what a network sees: people, what is behind them, or anything else that it has a label for."""

from __future__ import annotations

import re
from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

from engine.detectors import load_labels
from engine.drawn import Drawn
from engine.errors import SettingsError, did_you_mean
from engine.footage import Footage
from engine.media import MediaInfo, scaled
from engine.sources import Sources
from engine.windows import Span
from preprocessors.segmentation import SIDE, LabelMask

Told = Callable[[int, int], None]
"""`told(done, total)` frames that have been looked at for a mask, where that takes long."""
NETWORK = "upernet-tiny"
SHAPE = re.compile(r"person|background|label:(.+)")


def is_label(mask: str) -> bool:
    """This says whether a mask is named by what it shows."""
    return SHAPE.fullmatch(mask) is not None


class LabelMasks:
    """Where a label is seen in a clip, or where it is not. What was drawn of a file is kept, as controls are.

    Frames are looked at with a shorter side of 512 pixels at most, which is what the network knows.
    """

    def __init__(self, mask: str, sources: Sources, told: Told = lambda done, total: None) -> None:
        """This loads the network. `told(done, total)` hears how many frames it has looked at.

        Raises:
            SettingsError: it has no such label.
            ModelError: its weights are not here, or damaged.
        """
        found = SHAPE.fullmatch(mask)
        assert found
        network = load_labels(sources.detectors.get("mask", NETWORK), sources.workplace)
        label = found[1] or "person"
        if label not in network.labels:
            meant = did_you_mean(label, network.labels) or f" There are: {', '.join(sorted(network.labels))}."
            raise SettingsError(f"The network that draws masks has no label {label!r}.{meant}")
        self._info = sources.reader.info
        frames, self._behind = self._info.frames, mask == "background"
        self._drawer = LabelMask(network, label, told=lambda number: told(number + 1, frames))
        self._footage = Footage(sources.reader, _seen(self._info))
        self._kept = None
        if sources.mark:  # what nobody will find again is not kept
            drawn = Drawn(self._drawer, self._footage, sources.cache, sources.mark, sources.workplace)
            self._kept = drawn.fit(Span(0, frames))

    def __call__(self, start: int, stop: int, frames: Tensor | None = None) -> Tensor:
        """This gives `[T, 1, H, W]`, as `Masks` promises."""
        span = Span(start, stop)
        seen = self._footage.read(span) if frames is None else scaled(frames, self._footage.size)
        maps = self._drawer(seen, start) if self._kept is None else self._kept(span, seen)
        if maps.shape[-2:] != (self._info.height, self._info.width):
            size = (self._info.height, self._info.width)
            maps = F.interpolate(maps, size, mode="bilinear", align_corners=False)
        return 1 - maps if self._behind else maps


def _seen(info: MediaInfo) -> tuple[int, int]:
    scale = min(1.0, SIDE / min(info.height, info.width))
    return max(1, round(info.height * scale)), max(1, round(info.width * scale))
