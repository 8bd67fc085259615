"""Moving scenes made of styled photos: style lies on surfaces and moves with them, and the motion is known exactly.

A photo moves behind the frame, and mostly a piece of another one before it; both turn, grow and drift on their own.
Looks are painted before anything moves, so their texture sticks to what it was painted on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import torch
from diffusers import AutoencoderDC
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from engine.diffusion.noise import ShotNoise
from preprocessors.preprocessor import Preprocessor
from training.hints import FACTOR, SIDE, Maps, Readers

FRAMES = 16
LENGTHS = (8, 12, 16)  # frames of a training sample

Float = NDArray[np.float32]
Pictures = NDArray[np.uint8]


@dataclass(frozen=True)
class Clip:
    """A moving scene. versions: `[1 + looks, T, 3, H, W]`, 0 to 1, the source first. flow: `[T, 2, H, W]`, pixels,
    to the previous frame; zeros in the first."""

    versions: Tensor
    flow: Tensor


def draw_clip(behind: Pictures, before: Pictures | None, frames: int, rng: np.random.Generator) -> Clip:
    """This moves styled photos `[1 + looks, S, S, 3]` uint8: one behind, and a blob of one before it."""
    back = _path(behind.shape[1], frames, rng)
    versions = np.stack([_moved(picture, back) for picture in behind])
    flow = _flow(back)
    if before is not None:
        front = _path(before.shape[1], frames, rng)
        shape = _moved(_blob(before.shape[1], rng), front)[..., None]
        pieces = np.stack([_moved(picture, front) for picture in before])
        versions = versions + shape * (pieces - versions)
        flow = np.where(shape > 0.5, _flow(front), flow)
    return Clip(_frames(versions).clamp(0, 1), torch.from_numpy(flow).permute(0, 3, 1, 2).float())


def _frames(pictures: Float) -> Tensor:
    return torch.from_numpy(pictures).movedim(-1, -3).float()


def _path(size: int, frames: int, rng: np.random.Generator) -> list[Float]:
    """Where a picture of `size` lies under each frame: matrices `[2, 3]` from pixels of the frame to those of it."""
    room = (size - SIDE) / 2
    centre = rng.uniform(-room, room, 2) * 0.6
    speed = rng.uniform(-1, 1, 2) * rng.choice([0.3, 1.0, 3.0])  # pixels a frame
    growth, turn = rng.uniform(-0.006, 0.006), rng.uniform(-0.006, 0.006)  # a frame
    moments = np.arange(frames) - frames / 2
    if rng.random() < 0.5:
        moments = moments[::-1]
    return [_similarity(size, centre + speed * t, 1 + growth * t, turn * t) for t in moments]


def _similarity(size: int, centre: NDArray[np.floating], scale: float, angle: float) -> Float:
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = (SIDE - 1) / 2
    offset = (size - 1) / 2 + centre - linear @ np.array([middle, middle])
    return np.asarray(np.hstack([linear, offset[:, None]]), np.float32)


def _moved(picture: NDArray[np.generic], path: list[Float]) -> Float:
    """This shows a picture along a path: `[T, SIDE, SIDE, ...]`, bytes brought to 0 to 1."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    plain = np.asarray(picture, np.float32) / (255 if picture.dtype == np.uint8 else 1)
    return np.stack(
        [cv2.warpAffine(plain, matrix, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REFLECT) for matrix in path]
    )


def _flow(path: list[Float]) -> Float:
    """Flow to the previous frame `[T, SIDE, SIDE, 2]` of a plane along a path."""
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    here = np.stack([columns, rows], axis=-1)
    flows = [np.zeros_like(here)]
    for previous, current in pairwise(path):
        on_picture = here @ current[:, :2].T + current[:, 2]
        flows.append((on_picture - previous[:, 2]) @ np.linalg.inv(previous[:, :2]).T - here)
    return np.stack(flows)


def _blob(size: int, rng: np.random.Generator) -> Float:
    """A random soft-edged shape `[size, size]`, 0 to 1, about a quarter of the picture, near its middle."""
    rows, columns = np.mgrid[:size, :size] / size - 0.5
    noise = cv2.GaussianBlur(rng.standard_normal((size, size)), (0, 0), size / 12)
    field = noise / noise.std() * 0.5 + 1.4 - 22 * (rows**2 + columns**2)
    return np.asarray(np.clip(field / 0.06, 0, 1), np.float32)


READ_BY = {"colour": "colour", "depth": "colour", "edges": "edges", "flow": "colour"}
"""Which reader reads the maps of which control: depth and flow are smooth, as blurred colours are."""


@dataclass(frozen=True)
class ClipPool:
    """Encoded clips. latents: `[N, 1 + looks, T, c, h, w]`, the source first. hints: per control `[N, T, 64, h, w]`.
    flow: `[N, T, 2, SIDE, SIDE]` in pixels. All half precision."""

    latents: Tensor
    hints: Maps
    flow: Tensor


def draw_clips(pairs: Pictures, count: int, seed: int) -> Iterator[Clip]:
    """This draws `count` clips of styled photos `[N, 1 + looks, S, S, 3]`, the same ones for the same seed."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        behind, before = rng.integers(0, len(pairs), 2)
        yield draw_clip(pairs[behind], pairs[before] if rng.random() < 0.7 else None, FRAMES, rng)


@torch.inference_mode()
def encode_clips(
    clips: Iterable[Clip], vae: AutoencoderDC, readers: Readers, drawers: Iterable[Preprocessor]
) -> ClipPool:
    """This encodes clips, and draws and reads the control maps of their sources."""
    latents, flows = [], []
    hints: dict[str, list[Tensor]] = {name: [] for name in READ_BY}
    for clip in clips:
        encoded = [vae.encode(version * 2 - 1).latent * vae.config.scaling_factor for version in clip.versions]
        latents.append(torch.stack(encoded).half())
        flows.append(clip.flow.half())
        for drawer in drawers:
            drawn = drawer.fit([clip.versions[0]])(clip.versions[0])
            hints[drawer.name].append(readers.read(READ_BY[drawer.name], drawn.expand(-1, 3, -1, -1)).half())
    return ClipPool(torch.stack(latents), {k: torch.stack(v) for k, v in hints.items()}, torch.stack(flows))


@dataclass(frozen=True)
class ClipBatch:
    """One clip: source, target and noise `[T, c, h, w]`, its look, hints `[T, 64, h, w]`.

    flow: `[T, 2, h, w]` in latents, to the previous frame.
    """

    source: Tensor
    target: Tensor
    noise: Tensor
    look: int
    hints: Maps
    flow: Tensor


def clips(pool: ClipPool, generator: torch.Generator) -> Iterator[ClipBatch]:
    """This draws clips for ever, each under noise of its own that moves with the picture, as in a job."""
    count, versions, frames = pool.latents.shape[:3]

    def pick(high: int) -> int:
        return int(torch.randint(0, high, (1,), generator=generator))

    while True:
        which, look, length = pick(count), pick(versions - 1), LENGTHS[pick(len(LENGTHS))]
        start = pick(frames - length + 1)
        span = slice(start, start + length)
        carried = 0.4 + 0.6 * pick(1000) / 1000
        flow = pool.flow[which, span].float()
        noise = _noise(flow, pool.latents.shape[3], pick(2**31), carried)
        yield ClipBatch(
            pool.latents[which, 0, span].float(),
            pool.latents[which, 1 + look, span].float(),
            noise,
            look,
            {name: hint[which, span].float() for name, hint in pool.hints.items()},
            F.avg_pool2d(flow, FACTOR) / FACTOR,
        )


def _noise(flow: Tensor, channels: int, seed: int, carried: float) -> Tensor:
    """Noise `[T, c, h, w]` that moves along exact flow `[T, 2, H, W]`."""
    shot = ShotNoise(seed, 0, (channels, SIDE // FACTOR, SIDE // FACTOR), carried)
    return torch.stack([shot.advance(one if moment else None) for moment, one in enumerate(flow)])
