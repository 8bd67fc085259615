"""Pairs to learn from: a picture and the same picture in every look."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from samples.scenes import draw_scene
from training.photos import Photo, Picture, load
from training.styles import STYLES

SIDE = 224  # pixels
FIRST_SCENE = 1000


def styled(picture: Picture, name: str) -> Picture:
    """This paints a picture `[H, W, 3]` uint8 in every look: `[1 + looks, H, W, 3]`. The name decides the paper."""
    plain = np.asarray(picture / 255, np.float32)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    looks = [style(plain, rng) for style in STYLES.values()]
    return np.stack([np.asarray(np.round(image * 255), np.uint8) for image in [plain, *looks]])


def make_pairs(photos: Sequence[Photo], scenes: int, cache: Path) -> np.ndarray:
    """This gives `[photos + scenes, 1 + looks, SIDE, SIDE, 3]` uint8, the source first; once made, from `cache`."""
    if not cache.exists():
        cv2.setNumThreads(1)
        pairs = np.stack([styled(picture, name) for name, picture in _pictures(photos, scenes)])
        np.save(cache, pairs)
    return np.asarray(np.load(cache))


def _pictures(photos: Sequence[Photo], scenes: int) -> Iterator[tuple[str, Picture]]:
    """The middle square of every photo, and drawn scenes."""
    for photo in photos:
        whole = load(photo)
        top, left = (whole.shape[0] - SIDE) // 2, (whole.shape[1] - SIDE) // 2
        yield photo.original, whole[top : top + SIDE, left : left + SIDE]
    for seed in range(FIRST_SCENE, FIRST_SCENE + scenes):
        frame = draw_scene(seed, 1, SIDE, SIDE).frames[0]
        yield f"scene {seed}", frame.permute(1, 2, 0).mul(255).round().byte().numpy()
