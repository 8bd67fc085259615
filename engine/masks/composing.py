"""What is kept outside of a mask: restyled frames are put into those of the source, or before a background."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from torch import Tensor
from torch.nn import functional as F

from consistency.blend import blend, feathered, grown, wrap
from engine.chunks import Inside
from engine.errors import SettingsError
from engine.footage import Footage
from engine.masks.background import Background, open_background
from engine.masks.followed import FollowedMasks
from engine.masks.labels import Told, is_label
from engine.masks.opening import Masks, open_masks
from engine.media import scaled
from engine.settings import Settings
from engine.sources import Sources


@dataclass(frozen=True)
class Compose:
    """Where a clip is restyled, and what puts restyled frames of `size` there. Without masks all of it is.

    behind: what stands outside in place of the source.
    """

    settings: Settings
    sources: Sources
    size: tuple[int, int]
    masks: Masks | None = None
    behind: Background | None = None

    def __call__(self, frames: Tensor, first: int, source: Tensor | None = None) -> Tensor:
        """This puts restyled frames `[T, 3, H, W]` into their source, `first` being their first number.

        Outside of the mask they are those of the source, or of the background, bit by bit. source: its frames at its
        own size, where someone has read them already.
        """
        if self.masks is None:
            return frames
        last = first + len(frames)
        source = self.sources.reader.read(first, last) if source is None else source
        inside = F.interpolate(self._grown(self.masks(first, last, source)), self.size, mode="nearest-exact")
        inside = feathered(inside, self.settings.mask_feather)
        if self.behind is not None:
            return wrap(frames, self.behind(first, last), inside)
        return blend(frames, scaled(source, self.size), inside)

    @property
    def inside(self) -> Inside | None:
        """What gives the masks of frames, without their feather; None where all is restyled or nothing else stays."""
        if (masks := self.masks) is None or self.behind is not None:
            return None

        def inside(start: int, stop: int) -> Tensor:
            return self._grown(masks(start, stop)).expand(stop - start, -1, -1, -1)

        return inside

    def _grown(self, mask: Tensor) -> Tensor:
        return grown(1 - mask if self.settings.mask_invert else mask, self.settings.mask_grow)


def _silent(done: int, total: int) -> None:
    """Nobody asked."""


@contextmanager
def masked(settings: Settings, sources: Sources, size: tuple[int, int], told: Told = _silent) -> Iterator[Compose]:
    """This opens the mask of a job and its background, if it has them, for restyled frames of `size`.

    told: hears how many frames have been looked at for the mask, where that takes long.
    Errors as of `open_masks` and `open_background`.
    """
    _check(settings, sources)
    if settings.mask is None:
        yield Compose(settings, sources, size)
        return
    with ExitStack() as opened:
        masks = opened.enter_context(open_masks(settings.mask, settings, sources, told))
        behind = None
        if settings.background is not None:
            behind = opened.enter_context(open_background(settings.background, sources.reader.info, size))
        yield Compose(settings, sources, size, masks, behind)


@contextmanager
def masked_beside(first: Compose, sources: Sources) -> Iterator[Compose]:
    """This opens for another device what `masked` opened for the first; what takes long to find is found once."""
    if isinstance(first.masks, FollowedMasks):
        masks = first.masks.beside(Footage(sources.reader, sources.size))
        yield replace(first, sources=sources, masks=masks)
        return
    with masked(first.settings, sources, first.size) as own:
        yield own


def _check(settings: Settings, sources: Sources) -> None:
    if "mask" in sources.detectors and not (isinstance(settings.mask, str) and is_label(settings.mask)):
        raise SettingsError(
            "There is a detector for the mask, but no label for it to find. Say --mask person, background or label:sky."
        )
    if settings.background is not None and settings.mask is None:
        raise SettingsError("There is a background, but nothing that stands before it. Say what: --mask person.")
