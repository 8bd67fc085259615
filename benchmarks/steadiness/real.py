"""The clips of suite B: real footage, restyled by a look that treats every pixel alike, so that the answer is known.

The motion is not known: it is estimated with care from the source, and what methods are told is what scores are made
with, so suite A alone can say what errors of motion cost. Real surfaces have no texture that could be painted anew.
One could only carry fine noise along the estimated motion, which would make the estimate the truth and pay whoever
follows its errors: so D4, D5 and D9 are left to suite A.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.steadiness.clips import Drawing, eight_bit
from benchmarks.steadiness.motion import countable, estimated
from benchmarks.steadiness.trial import Clip
from engine.media import open_reader
from engine.media.scaling import scaled
from engine.shots import detect_cuts

FOOTAGE = Path(__file__).parents[3] / "shared" / "footage"
"""Beside the repository; see the README of that folder for whose clips these are."""
CASES = ("D1", "D2", "D3", "D6", "D7", "D8")
"""The faults that can be put into pictures alone."""
STEPS = 5
"""Tones that a channel is drawn towards."""
AT_ONCE = 8
"""Frames that are read before they are made small."""


@dataclass(frozen=True)
class Shot:
    """A file of one shot, and what is hard about it. locked: whether the camera stands still."""

    file: str
    locked: bool = False


SHOTS = {
    "phone-pan": Shot("phone_portrait_hlg_pan.mp4"),  # thin lines, fast; shown upright; HDR
    "walk": Shot("actioncam_walk.mp4"),  # parallax, foliage
    "juggling": Shot("fast_juggle.mp4", locked=True),  # a small fast thing, motion blur
    "signing": Shot("locked_person_signing.mkv", locked=True),  # hands before a body
    "geese": Shot("phone_geese_handheld.mp4"),  # water: motion that no flow describes
    "drone": Shot("drone_pan_coast.mp4"),  # slow and far
}
"""The clips; their numbers, from 0, seed faults and looks."""


def missing(folder: Path = FOOTAGE) -> dict[str, str]:
    """This says which clips are not there, and where they were looked for."""
    return {name: f"no {folder / shot.file}" for name, shot in SHOTS.items() if not (folder / shot.file).is_file()}


def happens(name: str, case: str) -> bool:
    """This says whether a case is a fault in a clip: what sticks to the screen is none before a locked camera."""
    return case in CASES and not (case == "D7" and SHOTS[name].locked)


def shoot(name: str, frames: int, longest: int, folder: Path = FOOTAGE) -> Drawing:
    """This reads a clip, `longest` pixels at its longer side, and restyles it: the middle frames of it."""
    source = eight_bit(read_middle(folder / SHOTS[name].file, frames, longest))
    motion = estimated(source)
    look = restyled(source, list(SHOTS).index(name))
    nothing = torch.zeros(1, 1, 1, 1).expand(len(look), 1, *look.shape[-2:])  # there is no texture to change
    clip = Clip(name, source, motion, countable(motion))
    return Drawing(clip, look, torch.zeros_like(look), nothing.expand(frames, -1, -1, -1, -1), nothing)


def read_middle(path: Path, frames: int, longest: int) -> Tensor:
    """This reads the middle of a clip as `[frames, 3, H, W]`, upright and of even sides.

    Raises:
        ValueError: the clip is shorter, or there is a cut in it.
    """
    with open_reader(path) as reader:
        info = reader.info
        first = (info.frames - frames) // 2
        if first < 0:
            raise ValueError(f"{path.name} has {info.frames} frames, not the {frames} asked for")
        share = longest / max(info.width, info.height) / 2
        size = (2 * round(info.height * share), 2 * round(info.width * share))
        starts = range(first, first + frames, AT_ONCE)
        read = [scaled(reader.read(at, min(at + AT_ONCE, first + frames)), size) for at in starts]
    source = torch.cat(read)
    if cuts := detect_cuts([source]):
        raise ValueError(f"{path.name} is cut at frame {first + cuts[0]}: pick a clip of one shot")
    return source


def restyled(source: Tensor, seed: int) -> Tensor:
    """This is a look that knows nothing but a pixel's colour: hues turned by a third or more, tones drawn to steps.

    Nothing is steeper than 1.8 times the source, so its noise stays small. Within 0.06 and 0.94.
    """
    angle = 2 * torch.pi * (1 / 3 + torch.rand((), generator=torch.Generator().manual_seed(seed)) / 3)
    turned = torch.einsum("ij,tjhw->tihw", hue_turn(angle), source).clamp(0, 1)
    return 0.06 + 0.88 * (turned - torch.sin(2 * torch.pi * STEPS * turned) / (2 * torch.pi * STEPS))


def hue_turn(angle: Tensor) -> Tensor:
    """This is the turn of colours about grey, `[3, 3]`: greys stay, and no difference grows."""
    around = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / 3**0.5
    return torch.matrix_exp(angle * around)
