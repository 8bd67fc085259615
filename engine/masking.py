"""What is kept outside of a mask: restyled frames are put into those of the source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor
from torch.nn import functional as F

from consistency.blend import blend, feathered, grown
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

    Outside of the mask frames are those of the source, bit by bit; without a mask all is restyled. Errors as of
    `open_masks`.
    """
    if "mask" in sources.detectors and not (isinstance(settings.mask, str) and is_label(settings.mask)):
        raise SettingsError(
            "There is a detector for the mask, but no label for it to find. Say --mask person, background or label:sky."
        )
    if settings.mask is None:
        yield lambda frames, first: frames
        return
    with open_masks(settings.mask, settings, sources) as masks:

        def compose(frames: Tensor, first: int) -> Tensor:
            source = sources.reader.read(first, first + len(frames))
            inside = masks(first, first + len(frames), source)
            inside = grown(1 - inside if settings.mask_invert else inside, settings.mask_grow)
            inside = feathered(F.interpolate(inside, size, mode="nearest-exact"), settings.mask_feather)
            return blend(frames, scaled(source, size), inside)

        yield compose
