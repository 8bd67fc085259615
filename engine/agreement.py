"""Whether the passes of a render belong to the pictures that they are given with: told before any work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from consistency.warp import warp
from engine.errors import SettingsError
from engine.media import MediaInfo, Pass, Reader, RenderPasses, scaled
from engine.proxy import Proxy
from preprocessors.flow import DisFlow

PAIRS = 6
"""Pairs of frames that are looked at, spread over the clip."""
MOVES = 0.5
"""Pixels a frame, at the size that is worked on: from here on motion can be told by looking."""
BETTER = 0.8
"""Of the error: what another reading of the vectors must fall below to be believed instead."""

READINGS = {
    "they point the other way (from the previous frame to this one, or to the next where Blender means the previous)": (
        (-1.0, -1.0)
    ),
    "their y points down, where Blender's points up": (1.0, -1.0),
    "their x points left, where Blender's points right": (-1.0, 1.0),
    "leaving them out fits better: they are those of other frames or another take, or motion blur was on": (0.0, 0.0),
}
"""What else vectors might mean, as factors of x and y."""


def open_proxy(
    reader: Reader, passes: str | None, size: tuple[int, int], told: Callable[[int, int], None]
) -> Proxy | None:
    """This finds the passes of a clip's render, looks through them, and compares them with the clip's pictures.

    None where none are given. told: hears how many frames of how many are done.

    Raises:
        MediaError, SettingsError: a pass is missing or damaged, or they are not those of this clip.
    """
    if passes is None:
        return None
    found = RenderPasses.find(Path(passes))
    check_passes(found, reader.info)
    proxy = Proxy.read(found, size, lambda done: told(done, found.frames))
    check_motion(proxy, reader)
    return proxy


def check_passes(passes: RenderPasses, info: MediaInfo) -> None:
    """This compares passes and clip by their headers.

    Raises:
        MediaError: depth or vectors are missing.
        SettingsError: there are not as many frames, or they are of another size.
    """
    for kind in (Pass.DEPTH, Pass.VECTOR):
        passes.layer(kind)
    if passes.frames != info.frames:
        raise SettingsError(
            f"{passes.path} has {passes.frames} frames, {info.path} has {info.frames}. Render as many, or cut the clip."
        )
    if passes.size != (info.width, info.height):
        sizes = ("x".join(map(str, size)) for size in (passes.size, (info.width, info.height)))
        raise SettingsError(
            f"The passes of {passes.path} are {next(sizes)}, the pictures of {info.path} {next(sizes)}. "
            "Both must be of one size: render the passes with the pictures."
        )


def check_motion(proxy: Proxy, reader: Reader) -> None:
    """This pulls neighbouring pictures over each other along the vectors, and along what else those might mean.

    Raises:
        SettingsError: the vectors do not describe how these pictures move, and another reading of them does.
    """
    pairs = _spread(reader.info.frames)
    misses, moving = torch.zeros(2, 1 + len(READINGS)), 0.0
    for number in pairs:
        before, now = scaled(reader.read(number - 1, number + 1), proxy.size)
        there, back = proxy(number, before, now)
        moving += float(_moves(there).mean()) / len(pairs)
        misses += torch.stack([_misses(there, before, now), _misses(back, now, before)])
    if moving < 0.001 and pairs:
        _refuse_stillness(proxy, reader, pairs)
    for half, name in zip(misses, ("X, Y", "Z, W"), strict=True):
        if float(half[1:].min()) < BETTER * float(half[0]):
            why = list(READINGS)[int(half[1:].argmin())]
            raise SettingsError(
                f"The vectors {name} of {proxy.passes.path} do not move these pictures: {why}. "
                "docs/blender.md says how passes are rendered."
            )


def _spread(frames: int) -> list[int]:
    """This picks frames from the second to the last, evenly."""
    return sorted({round(1 + (frames - 2) * share / (PAIRS - 1)) for share in range(PAIRS)}) if frames > 1 else []


def _moves(flow: Tensor) -> Tensor:
    return (flow.square().sum(dim=0) > MOVES**2).float()


def _misses(flow: Tensor, other: Tensor, here: Tensor) -> Tensor:
    """This sums over what moves how far `other` misses `here` `[3, H, W]`: along the flow, then its other readings."""
    factors = torch.tensor([(1.0, 1.0), *READINGS.values()]).view(-1, 2, 1, 1)
    brought, inside = warp(other.expand(len(factors), -1, -1, -1), factors * flow)
    counted = _moves(flow) * inside.prod(dim=0)[0]
    return ((brought - here).abs().mean(dim=1) * counted).sum(dim=(1, 2))


def _refuse_stillness(proxy: Proxy, reader: Reader, pairs: list[int]) -> None:
    """This refuses vectors that are zero all over where the pictures do move."""
    search, seen = DisFlow(), 0.0
    for number in pairs:
        before, now = scaled(reader.read(number - 1, number + 1), proxy.size)
        seen += float((search(before, now).square().sum(dim=0) > (2 * MOVES) ** 2).float().mean()) / len(pairs)
    if seen > 0.05:
        raise SettingsError(
            f"The vectors of {proxy.passes.path} are all but zero, and the pictures move. Blender writes none while "
            "motion blur is on: switch it off and render again."
        )
