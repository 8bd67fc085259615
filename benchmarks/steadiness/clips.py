"""The clips of suite A: drawn, so that motion, occlusion and the right answer are known exactly."""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.steadiness.look import Fresh, Texture, fine_part, restyled
from benchmarks.steadiness.trial import Clip, Motion
from samples.kinds import Kind, draw_kind, light
from samples.planes import Plane
from samples.scenes import film

VARIANTS = 6
"""How many other fine textures are drawn of every clip: one for each chunk that it may be cut into."""
CACHE = Path(tempfile.gettempdir()) / "steadiness-clips"


@dataclass(frozen=True)
class Drawing:
    """A clip, and what its restyled versions are mixed of.

    base: `[T, 3, H, W]`, the look, the same on every surface whenever it is seen. fine: `[T, 3, H, W]`, the part of it
    that another texture would replace. fresh: `[N, T, 1, H, W]`, N other fine textures as strong as it, each fixed to
    the surfaces. restless: `[T, 1, H, W]`, another one in every frame.
    """

    clip: Clip
    base: Tensor
    fine: Tensor
    fresh: Tensor
    restless: Tensor

    @property
    def clean(self) -> Tensor:
        """The look, without a fault: `[T, 3, H, W]`."""
        return eight_bit(self.base)

    def reseeded(self, share: float, other: Tensor) -> Tensor:
        """This is the look with a share of its fine texture changed for `other`: as strong, and not yet 8-bit."""
        return self.base + (math.sqrt(1 - share * share) - 1) * self.fine + share * other


def eight_bit(frames: Tensor) -> Tensor:
    """This rounds to what a file would hold."""
    return frames.clamp(0, 1).mul(255).round().div(255)


def kind_of(seed: int) -> Kind:
    """This is what the clip of a seed is made for."""
    return list(Kind)[seed % len(Kind)]


def draw_clip(seed: int, frames: int, height: int, width: int) -> Clip:
    """This draws a source of the seed's kind, with its truth."""
    return draw(seed, frames, height, width).clip


def draw(seed: int, frames: int, height: int, width: int) -> Drawing:
    """This draws a clip and all that its restyled versions are made of, in one pass."""
    kind = kind_of(seed)
    planes = draw_kind(kind, seed, height, width)
    wardrobe = [_Dressed(plane, np.random.default_rng([seed, layer])) for layer, plane in enumerate(planes)]
    scene = film(_dressing(planes, wardrobe, seed), range(frames), height, width)
    lit = scene.frames * light(kind, frames, height, width)
    source, base, fine, others, restless = torch.split(lit, [3, 3, 3, VARIANTS, 1], dim=1)
    motion = Motion(scene.flow_to_previous, scene.flow_to_next)
    clip = Clip(f"{kind.value}-{seed}", eight_bit(source), motion, scene.clean)
    return Drawing(clip, base, fine, others.transpose(0, 1)[:, :, None].contiguous(), restless)


def cached(seed: int, frames: int, height: int, width: int, folder: Path = CACHE) -> Drawing:
    """This draws a clip, or reads it where the same code has drawn it before; a cache may be deleted at any time."""
    file = folder / f"{_code()}-{seed}-{frames}x{height}x{width}.pt"
    if file.exists():
        return _single(torch.load(file, weights_only=False))
    drawing = draw(seed, frames, height, width)
    folder.mkdir(parents=True, exist_ok=True)
    half = replace(drawing, **{name: getattr(drawing, name).half() for name in ("base", "fine", "fresh", "restless")})
    partial = file.with_suffix(f".{np.random.default_rng().integers(2**32)}")
    torch.save(half, partial)
    partial.replace(file)
    return _single(half)


def _single(half: Drawing) -> Drawing:
    return replace(half, **{name: getattr(half, name).float() for name in ("base", "fine", "fresh", "restless")})


def _code() -> str:
    """This names the code that draws, by its text."""
    root = Path(__file__).parents[2]
    files = [*sorted((root / "samples").glob("*.py")), Path(__file__), Path(__file__).with_name("look.py")]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


class _Dressed:
    """A surface's texture in all versions: source, look, fine part, other fine parts; and another one every frame."""

    def __init__(self, plane: Plane, rng: np.random.Generator) -> None:
        painted = restyled(plane.texture, rng)
        fine = fine_part(painted)
        self._fresh = Fresh(fine, rng)
        others = [self._fresh.draw(rng) for _ in range(VARIANTS)]
        self._settled = np.concatenate([plane.texture, painted, fine, *others], axis=2)

    def at(self, rng: np.random.Generator) -> Texture:
        return np.concatenate([self._settled, self._fresh.draw(rng)], axis=2)


def _dressing(planes: list[Plane], wardrobe: list[_Dressed], seed: int) -> Callable[[int], list[Plane]]:
    def planes_at(t: int) -> list[Plane]:
        pairs = enumerate(zip(planes, wardrobe, strict=True))
        return [plane.painted(worn.at(np.random.default_rng([seed, layer, t + 1]))) for layer, (plane, worn) in pairs]

    return planes_at
