"""How visible seams are: `python -m benchmarks.seams`.

Drawn scenes are cut into overlapping chunks as a video model would give them back: every chunk with a colour of its own
and with other fine texture on the same surfaces. The seams are then made in three ways. See `consistency.metrics`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from consistency.join import ChunkJoin
from consistency.metrics import Seam, colour_step, jumps, seam_jump, sharpness_dip, warp_error
from consistency.warp import warp
from preprocessors.flow import DisFlow
from samples.scenes import Scene, draw_scene

SEEDS = (100, 101, 102, 103)
SIZE = (144, 256)


@dataclass(frozen=True)
class Chunks:
    """What a model would give back: `[L, 3, H, W]` each; where each begins; and the clip in the first one's colour."""

    versions: list[Tensor]
    starts: list[int]
    overlap: int
    scene: Scene
    clean: Tensor

    @property
    def seams(self) -> list[Seam]:
        """Where neighbours meet."""
        return [Seam(start, self.overlap) for start in self.starts[1:]]


@dataclass(frozen=True)
class Spread:
    """How chunks differ. colour: standard deviation of gains, twice that of offsets.

    texture: share of the fine texture that is another one. It is changed on the surfaces, so it moves with them, and
    keeps its energy: h becomes `sqrt(1 - share^2) h + share h'` with h' as strong as h. place: pixels by which things
    stand elsewhere, smoothly, another way in every chunk.
    """

    colour: float = 0.0
    texture: float = 0.0
    place: float = 0.0


def perturbed_chunks(seed: int, length: int, overlap: int, count: int, spread: Spread) -> Chunks:
    """This makes the chunks of one scene."""
    frames = count * (length - overlap) + overlap
    scene = draw_scene(seed, frames, *SIZE)
    starts = [index * (length - overlap) for index in range(count)]
    rng = np.random.default_rng(seed)
    tints = [_tint(1 + rng.normal(0, spread.colour, 3), rng.normal(0, spread.colour / 2, 3)) for _ in starts]
    versions = []
    for index, (start, tint) in enumerate(zip(starts, tints, strict=True)):
        part = scene.frames[start : start + length]
        if spread.texture:
            part = draw_scene(seed, length, *SIZE, paint=_reseed(seed, index, spread.texture), first=start).frames
        versions.append(tint(_displaced(part, spread.place, rng) if index and spread.place else part))
    return Chunks(versions, starts, overlap, scene, tints[0](scene.frames))


def _displaced(frames: Tensor, by: float, rng: np.random.Generator) -> Tensor:
    coarse = torch.tensor(rng.normal(0, by, (1, 2, 4, 6)), dtype=torch.float32)
    field = F.interpolate(coarse, size=frames.shape[-2:], mode="bicubic", align_corners=True)
    return warp(frames, field.expand(len(frames), -1, -1, -1), "bicubic")[0].clamp(0, 1)


def _tint(gain: NDArray[np.float64], offset: NDArray[np.float64]) -> Callable[[Tensor], Tensor]:
    by, plus = (torch.tensor(part, dtype=torch.float32).view(3, 1, 1) for part in (gain, offset))
    return lambda frames: ((frames - 0.5) * by + 0.5 + plus).clamp(0, 1)


def _reseed(seed: int, chunk: int, share: float) -> Callable[[NDArray[np.float32], int], NDArray[np.float32]]:
    def paint(texture: NDArray[np.float32], layer: int) -> NDArray[np.float32]:
        rng = np.random.default_rng([seed, chunk, layer])
        low = np.asarray(cv2.GaussianBlur(texture, (0, 0), 3, borderType=cv2.BORDER_REFLECT), np.float32)
        high = texture - low
        noise = rng.standard_normal(texture.shape[:2]).astype(np.float32)
        fresh = np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.2), np.float32)
        strength = np.sqrt(cv2.GaussianBlur((high**2).mean(axis=2), (0, 0), 6) / max(float(fresh.var()), 1e-9))
        other = (fresh * strength)[..., None]
        return np.asarray(np.clip(low + np.sqrt(1 - share**2) * high + share * other, 0, 1), np.float32)

    return paint


def hard_cut(chunks: Chunks) -> Tensor:
    """This takes every chunk from its first frame on."""
    ends = [*chunks.starts[1:], None]
    parts = zip(chunks.versions, chunks.starts, ends, strict=True)
    return torch.cat([version if end is None else version[: end - start] for version, start, end in parts])


def linear_fade(chunks: Chunks) -> Tensor:
    """This mixes the two versions of every overlap, from one to the other."""
    weight = (torch.arange(chunks.overlap) + 1).div(chunks.overlap + 1).view(-1, 1, 1, 1)
    made = chunks.versions[0]
    for version in chunks.versions[1:]:
        mixed = torch.lerp(made[-chunks.overlap :], version[: chunks.overlap], weight)
        made = torch.cat([made[: -chunks.overlap], mixed, version[chunks.overlap :]])
    return made


def ours(chunks: Chunks) -> Tensor:
    """This joins as the product does."""
    join, last, parts = ChunkJoin(DisFlow(fine=True)), len(chunks.versions) - 1, []
    for index, (version, start) in enumerate(zip(chunks.versions, chunks.starts, strict=True)):
        source = chunks.scene.frames[start : start + len(version)]
        after = 0 if index == last else chunks.overlap
        parts.append(join.add(version, chunks.overlap if index else 0, after, source))
    return torch.cat(parts)


METHODS: dict[str, Callable[[Chunks], Tensor]] = {"hard cut": hard_cut, "linear fade": linear_fade, "ours": ours}
CASES = {
    "colour": Spread(colour=0.1),
    "texture": Spread(texture=0.9),
    "place": Spread(place=1.5),
    "all": Spread(0.1, 0.9, 1.5),
}


def judge(made: Tensor, chunks: Chunks) -> list[float]:
    """This gives SJR_peak, SE_sum, STEP, SHARPdip and the warp error of a joined clip."""
    scene = chunks.scene
    seam = seam_jump(jumps(made, scene.flow_to_previous, scene.clean), chunks.seams)
    step = colour_step(made, chunks.clean, chunks.seams)
    error = warp_error(made, scene.flow_to_previous, scene.clean)
    return [seam.ratio, seam.total, step, sharpness_dip(made, chunks.seams), error]


def main(arguments: Sequence[str] | None = None) -> None:
    """This prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--overlap", type=int, default=4)
    parser.add_argument("--length", type=int, default=16)
    parser.add_argument("--chunks", type=int, default=3)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    chosen = parser.parse_args(arguments)
    print(f"{'case':10}{'method':14}{'SJR_peak':>10}{'SE_sum':>10}{'STEP':>10}{'SHARPdip':>10}{'E_warp':>10}{'ms':>8}")
    for case, spread in CASES.items():
        clips = [
            perturbed_chunks(seed, chosen.length, chosen.overlap, chosen.chunks, spread) for seed in chosen.seeds
        ]
        for name, method in METHODS.items():
            started = time.perf_counter()
            made = [method(clip) for clip in clips]
            each = 1000 * (time.perf_counter() - started) / sum(map(len, made))
            figures = np.mean([judge(clip, chunks) for clip, chunks in zip(made, clips, strict=True)], axis=0)
            print(f"{case:10}{name:14}" + "".join(f"{figure:10.3f}" for figure in figures) + f"{each:8.1f}")


if __name__ == "__main__":
    main()
