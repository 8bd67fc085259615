"""Pairs to learn from: a photo, the same photo in every look, and the control maps that inference will see."""

from __future__ import annotations

import zlib
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from training.photos import Photo, Picture, load
from training.styles import STYLES

SIDE = 224  # pixels


def _styled(photo: Photo) -> Picture:
    """One photo, cut to its middle square, and its looks: `[1 + looks, SIDE, SIDE, 3]` uint8."""
    cv2.setNumThreads(1)
    whole = load(photo)
    top, left = (whole.shape[0] - SIDE) // 2, (whole.shape[1] - SIDE) // 2
    picture = np.asarray(whole[top : top + SIDE, left : left + SIDE] / 255, np.float32)
    rng = np.random.default_rng(zlib.crc32(photo.original.encode()))
    looks = [style(picture, rng) for style in STYLES.values()]
    return np.stack([np.asarray(np.round(image * 255), np.uint8) for image in [picture, *looks]])


def make_pairs(photos: list[Photo], cache: Path, processes: int = 1) -> np.ndarray:
    """This gives `[photos, 1 + looks, SIDE, SIDE, 3]` uint8, the source first; made once, then read from `cache`."""
    if cache.exists():
        return np.asarray(np.load(cache))
    with ProcessPoolExecutor(processes) as pool:
        pairs = np.stack(list(pool.map(_styled, photos, chunksize=4)))
    np.save(cache, pairs)
    return pairs
