"""Where a clip is restyled: masks from files, a render's indices or by colour, and what is kept outside of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from consistency.blend import blend, feathered, grown
from engine.agreement import check_passes
from engine.errors import SettingsError
from engine.media import MediaInfo, Pass, Reader, RenderPasses, open_reader, scaled
from engine.settings import Settings

INDEX = re.compile(r"(index|material):(\d+)")
KEY = re.compile(r"key:#([0-9a-fA-F]{6})")
AT_ONCE = 8  # frames
LIKE = 0.15
"""How far a channel may be from the colour of a key, 0 to 1, and still be taken for it."""

Masks = Callable[[int, int], Tensor]
"""`masks(start, stop)` gives `[T, 1, H, W]` of these frames, 0 to 1, at the source's size or one for all."""
Compose = Callable[[Tensor, int], Tensor]
"""`compose(frames, first)` of restyled frames `[T, 3, H, W]` at the result's size, `first` being their first number."""


@contextmanager
def masked(settings: Settings, reader: Reader, size: tuple[int, int]) -> Iterator[Compose]:
    """This opens the mask of a job, and gives what puts restyled frames of `size` into their source.

    Outside of the mask frames are those of the source, bit by bit; without a mask all is restyled.

    Raises:
        SettingsError: the mask is of another size or length, or means nothing.
        MediaError: its file is missing or damaged.
    """
    if settings.mask is None:
        yield lambda frames, first: frames
        return
    with _opened(settings.mask, settings.passes, reader) as masks:

        def compose(frames: Tensor, first: int) -> Tensor:
            stop = first + len(frames)
            inside = masks(first, stop)
            inside = grown(1 - inside if settings.mask_invert else inside, settings.mask_grow)
            inside = feathered(F.interpolate(inside, size, mode="nearest-exact"), settings.mask_feather)
            return blend(frames, scaled(reader.read(first, stop), size), inside)

        yield compose


@contextmanager
def _opened(mask: str, passes: str | None, reader: Reader) -> Iterator[Masks]:
    if found := INDEX.fullmatch(mask):
        kind = Pass.OBJECT if found[1] == "index" else Pass.MATERIAL
        yield _read_through(_by_index(mask, passes, reader.info, (kind, int(found[2]))), reader.info.frames)
    elif found := KEY.fullmatch(mask):
        yield _by_colour(reader, found[1])
    else:
        _refuse_unclear(mask)
        with open_reader(mask) as file:
            _check(file.info, reader.info)
            yield _read_through(lambda start, stop: _levels(file, start, stop), file.info.frames)


def _read_through(masks: Masks, frames: int) -> Masks:
    """This reads a mask once, so that what is damaged is found before the work."""
    for number in range(0, frames, AT_ONCE):
        masks(number, min(number + AT_ONCE, frames))
    return masks


def _by_index(mask: str, passes: str | None, clip: MediaInfo, wanted: tuple[Pass, int]) -> Masks:
    kind, number = wanted
    if passes is None:
        raise SettingsError(f"The mask {mask} needs the passes of a render: restyle proxy RENDER, or --passes RENDER.")
    render = RenderPasses.find(Path(passes))
    render.layer(kind)
    check_passes(render, clip)

    def masks(start: int, stop: int) -> Tensor:
        return torch.stack([(render.read(frame, kind)[0].round() == number).float() for frame in range(start, stop)])

    return masks


def _by_colour(reader: Reader, colour: str) -> Masks:
    key = torch.tensor([int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]).view(1, 3, 1, 1)
    return lambda start, stop: ((reader.read(start, stop) - key).abs().amax(dim=1, keepdim=True) < LIKE).float()


def _levels(file: Reader, start: int, stop: int) -> Tensor:
    still = file.info.frames == 1
    return (file.read(0, 1) if still else file.read(start, stop)).mean(dim=1, keepdim=True)


def _check(mask: MediaInfo, clip: MediaInfo) -> None:
    if mask.frames not in (1, clip.frames):
        raise SettingsError(
            f"The mask {mask.path} has {mask.frames} frames, the clip {clip.frames}. Give one for each, or one for all."
        )
    if (mask.width, mask.height) != (clip.width, clip.height):
        raise SettingsError(
            f"The mask {mask.path} is {mask.width}x{mask.height}, the clip {clip.width}x{clip.height}. "
            "Both must be of one size."
        )


def _refuse_unclear(mask: str) -> None:
    if mask.partition(":")[0] in ("index", "material", "key") and not Path(mask).exists():
        raise SettingsError(f"The mask {mask!r} means nothing. Say index:3, material:2, key:#00ff00, or a file.")
