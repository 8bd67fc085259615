"""What is kept outside of a mask: restyled frames are put into those of the source, or before a background."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from torch import Tensor
from torch.nn import functional as F

from consistency.blend import blend, feathered, grown, wrap
from engine.background import open_background
from engine.errors import SettingsError
from engine.label_masks import is_label
from engine.masks import open_masks
from engine.media import scaled
from engine.settings import Settings
from engine.sources import Sources

Compose = Callable[[Tensor, int], Tensor]
"""`compose(frames, first)` of restyled frames `[T, 3, H, W]` at the result's size, `first` being their first number."""


@contextmanager
def masked(settings: Settings, sources: Sources, size: tuple[int, int]) -> Iterator[Compose]:
    """This opens the mask of a job, and gives what puts restyled frames of `size` into their source.

    Outside of the mask frames are those of the source, or of the background that was given, bit by bit; without a mask
    all is restyled. Errors as of `open_masks` and `open_background`.
    """
    _check(settings, sources)
    if settings.mask is None:
        yield lambda frames, first: frames
        return
    with ExitStack() as opened:
        masks = opened.enter_context(open_masks(settings.mask, settings, sources))
        behind = None
        if settings.background is not None:
            behind = opened.enter_context(open_background(settings.background, sources.reader.info, size))

        def compose(frames: Tensor, first: int) -> Tensor:
            last = first + len(frames)
            source = sources.reader.read(first, last)
            inside = masks(first, last, source)
            inside = grown(1 - inside if settings.mask_invert else inside, settings.mask_grow)
            inside = feathered(F.interpolate(inside, size, mode="nearest-exact"), settings.mask_feather)
            if behind is not None:
                return wrap(frames, behind(first, last), inside)
            return blend(frames, scaled(source, size), inside)

        yield compose


def _check(settings: Settings, sources: Sources) -> None:
    if "mask" in sources.detectors and not (isinstance(settings.mask, str) and is_label(settings.mask)):
        raise SettingsError(
            "There is a detector for the mask, but no label for it to find. Say --mask person, background or label:sky."
        )
    if settings.background is not None and settings.mask is None:
        raise SettingsError("There is a background, but nothing that stands before it. Say what: --mask person.")
