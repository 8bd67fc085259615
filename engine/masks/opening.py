"""Which part of a clip is meant: masks from files, of a render's passes, by colour, or by what is seen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import torch
from torch import Tensor

from engine.agreement import check_passes
from engine.detectors import detector_mark
from engine.errors import MediaError, SettingsError, did_you_mean
from engine.footage import SLICE, Footage
from engine.journal import fingerprint
from engine.keyframes import read_keyframes
from engine.masks.followed import FollowedMasks, is_painted
from engine.masks.labels import NETWORK, LabelMasks, Told, is_label
from engine.media import Cryptomatte, MediaInfo, Pass, Reader, RenderPasses, is_sequence, open_reader, source_files
from engine.motion import estimated
from engine.settings import Settings
from engine.sources import Sources

INDEX = re.compile(r"(index|material):(\d+(?:,\d+)*)")
CRYPTOMATTE = re.compile("cryptomatte:(.+)")
KEY = re.compile(r"key:#([0-9a-fA-F]{6})")
LEAST = 1 / 255
"""What is darker than this everywhere is no mask."""
LIKE = 0.15
"""How far a channel may be from the colour of a key, 0 to 1, and still be taken for it."""


class Masks(Protocol):
    """What knows which part of each frame is meant."""

    def __call__(self, start: int, stop: int, frames: Tensor | None = None) -> Tensor:
        """This gives the masks of frames `start` to `stop`, `[T, 1, H, W]` at the source's size, or one for all.

        0 to 1, 1 is what is meant. frames: the source's, `[T, 3, H, W]`, where someone has read them already.
        """
        ...


@contextmanager
def open_masks(mask: str | tuple[str, ...], settings: Settings, sources: Sources, told: Told) -> Iterator[Masks]:
    """This opens what `mask` names, and looks through it, so that what is damaged is found before the work.

    Several are of moments, `0:12.5=mask.png`; between those the mask follows the motion.

    Raises:
        SettingsError: it is of another size or length than the clip, or means nothing.
        MediaError: its file is missing or damaged.
        ModelError: the network that it needs is not here.
    """
    reader = sources.reader
    names = (mask,) if isinstance(mask, str) else mask
    if any(map(is_painted, names)):
        with TemporaryDirectory(prefix="restyle-") as folder:
            yield _followed(names, settings, sources, Path(folder), told)
        return
    if len(names) > 1:
        raise SettingsError(f"{names[0]!r} is not TIME=PICTURE; of several masks each is, as 0:12.5=mask.png.")
    (mask,) = names
    if found := INDEX.fullmatch(mask):
        kind = Pass.OBJECT if found[1] == "index" else Pass.MATERIAL
        masks = _by_index(_render(mask, settings.passes, reader.info), kind, [int(one) for one in found[2].split(",")])
        yield _read_through(mask, masks, reader.info.frames, settings.mask_invert)
    elif found := CRYPTOMATTE.fullmatch(mask):
        masks = _by_name(found[1], _render(mask, settings.passes, reader.info))
        yield _read_through(mask, masks, reader.info.frames, settings.mask_invert)
    elif found := KEY.fullmatch(mask):
        yield _by_colour(reader, found[1])
    elif is_label(mask):
        yield LabelMasks(mask, sources, told)
    else:
        _refuse_unclear(mask)
        with open_reader(mask) as file:
            _check(file.info, reader.info)
            yield _read_through(mask, _of_file(file), file.info.frames, settings.mask_invert)


def mask_mark(mask: str, settings: Settings) -> str:
    """This gives what one mask is known by: what its file holds, wherever it lies, or the words that name it."""
    if is_painted(mask):
        moment, _, picture = mask.partition("=")
        return f"{moment}={fingerprint([Path(picture)])}"
    if is_label(mask):
        return f"{mask} by {detector_mark('mask', (settings.detectors or {}).get('mask', NETWORK))}"
    if (found := CRYPTOMATTE.fullmatch(mask)) and settings.passes:  # its files may be no passes
        return f"{mask} of {fingerprint(Cryptomatte.find(Path(settings.passes), found[1]).files)}"
    return mask if INDEX.fullmatch(mask) or KEY.fullmatch(mask) else fingerprint(source_files(mask))


def _followed(names: tuple[str, ...], settings: Settings, sources: Sources, folder: Path, told: Told) -> Masks:
    footage = Footage(sources.reader, sources.size)
    painted = read_keyframes(names, sources.reader.info, sources.size, "mask")
    motion = sources.proxy or estimated(sources.detectors.get("flow"), sources.workplace).painted
    return FollowedMasks(painted, footage, motion, folder, told)


def _read_through(mask: str, masks: Masks, frames: int, inverted: bool) -> Masks:
    """This reads all masks once: a file may be damaged in its midst, and a mask be nowhere."""
    most = [float(masks(number, min(number + SLICE, frames)).max()) for number in range(0, frames, SLICE)]
    if max(most) < LEAST and not inverted:
        raise SettingsError(
            f"The mask {mask} is dark in every frame, so nothing would be restyled. Name what is in the clip, or turn "
            "it round: --mask-invert."
        )
    return masks


def _render(mask: str, passes: str | None, clip: MediaInfo) -> RenderPasses:
    if passes is None:
        raise SettingsError(f"The mask {mask} needs the passes of a render: restyle proxy RENDER, or --passes RENDER.")
    render = RenderPasses.find(Path(passes))
    check_passes(render, clip)
    return render


def _by_index(render: RenderPasses, kind: Pass, numbers: list[int]) -> Masks:
    render.layer(kind)
    wanted = torch.tensor(numbers, dtype=torch.float32)

    def masks(start: int, stop: int, frames: Tensor | None = None) -> Tensor:
        return torch.stack(
            [torch.isin(render.read(frame, kind)[0].round(), wanted).float() for frame in range(start, stop)]
        )

    return masks


def _by_name(name: str, render: RenderPasses) -> Masks:
    thing = Cryptomatte.find(render.path, name)
    if len(thing.files) != render.frames:
        raise MediaError(
            f"{render.path} has {len(thing.files)} frames of Cryptomatte, {render.frames} of other passes."
        )
    if thing.size != render.size:
        sizes = ("x".join(map(str, one.size)) for one in (thing, render))
        raise MediaError(f"{render.path}: Cryptomatte and other passes are {' and '.join(sizes)}.")
    return lambda start, stop, frames=None: torch.stack([thing.read(frame) for frame in range(start, stop)])


def _by_colour(reader: Reader, colour: str) -> Masks:
    key = torch.tensor([int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]).view(1, 3, 1, 1)

    def masks(start: int, stop: int, frames: Tensor | None = None) -> Tensor:
        shown = reader.read(start, stop) if frames is None else frames
        return ((shown - key).abs().amax(dim=1, keepdim=True) < LIKE).float()

    return masks


def _of_file(file: Reader) -> Masks:
    def masks(start: int, stop: int, frames: Tensor | None = None) -> Tensor:
        levels = file.read(0, 1) if file.info.frames == 1 else file.read(start, stop)
        return levels.mean(dim=1, keepdim=True)

    return masks


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
    path = Path(mask)
    word = mask.partition(":")[0] in ("index", "material", "cryptomatte", "key", "label") or not path.suffix
    if word and not path.exists() and not is_sequence(path):
        raise SettingsError(
            f"The mask {mask!r} means nothing, and is no file.{did_you_mean(mask, ('person', 'background'))} "
            "Say person, background, label:sky, index:3 or index:5,6,7, material:2, cryptomatte:Cube, key:#00ff00, or "
            "a file."
        )
