"""Pairs to learn from: a picture and the same picture in every look."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from samples.scenes import draw_scene
from training.photos import Photo, Picture, load
from training.styles import STYLES, paint
from training.words import AXES, MODIFIERS

SIDE = 224  # pixels
FIRST_SCENE = 1000


def styled(picture: Picture, name: str, modifiers: Sequence[Sequence[str]] | None = None) -> Picture:
    """This paints a picture `[H, W, 3]` uint8 in every look: `[1 + looks, H, W, 3]`. The name decides the paper.

    `modifiers` are words for each look that change it.
    """
    plain = np.asarray(picture / 255, np.float32)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    changed = modifiers or [()] * len(STYLES)
    looks = [paint(plain, look, words, rng) for look, words in zip(STYLES, changed, strict=True)]
    return np.stack([np.asarray(np.round(image * 255), np.uint8) for image in [plain, *looks]])


def draw_modifiers(name: str) -> list[list[str]]:
    """This draws for each look one or two words that change it; the picture's name decides."""
    rng = np.random.default_rng(zlib.crc32(f"{name} changed".encode()))
    drawn = []
    for _ in STYLES:
        axes = rng.choice(len(AXES), 1 + int(rng.random() < 0.35), replace=False)
        drawn.append([AXES[axis][int(rng.integers(2))] for axis in sorted(axes)])
    return drawn


def as_bits(words: Sequence[str]) -> int:
    """This packs words that change a look into one number."""
    return sum(1 << MODIFIERS.index(word) for word in words)


def make_pairs(photos: Sequence[Photo], scenes: int, cache: Path) -> np.ndarray:
    """This gives `[photos + scenes, 1 + looks, SIDE, SIDE, 3]` uint8, the source first; once made, from `cache`."""
    if not cache.exists():
        cv2.setNumThreads(1)
        _store(cache, [styled(picture, name) for name, picture in _pictures(photos, scenes)])
    return np.asarray(np.load(cache))


def make_changed(photos: Sequence[Photo], scenes: int, cache: Path) -> tuple[np.ndarray, np.ndarray]:
    """This gives the same pictures mirrored, their looks changed by words, and the words as bits `[N, looks]`."""
    named = [draw_modifiers(name) for name in _names(photos, scenes)]
    if not cache.exists():
        cv2.setNumThreads(1)
        pictures = zip(_pictures(photos, scenes), named, strict=True)
        _store(cache, [styled(picture[:, ::-1], name, words) for (name, picture), words in pictures])
    return np.asarray(np.load(cache)), np.array([[as_bits(words) for words in looks] for looks in named])


def _store(cache: Path, pictures: list[Picture]) -> None:
    partial = cache.with_suffix(".partial.npy")
    np.save(partial, np.stack(pictures))
    partial.replace(cache)


def _names(photos: Sequence[Photo], scenes: int) -> list[str]:
    return [photo.original for photo in photos] + [f"scene {FIRST_SCENE + i}" for i in range(scenes)]


def _pictures(photos: Sequence[Photo], scenes: int) -> Iterator[tuple[str, Picture]]:
    """The middle square of every photo, and drawn scenes."""
    for photo in photos:
        whole = load(photo)
        top, left = (whole.shape[0] - SIDE) // 2, (whole.shape[1] - SIDE) // 2
        yield photo.original, whole[top : top + SIDE, left : left + SIDE]
    for seed in range(FIRST_SCENE, FIRST_SCENE + scenes):
        frame = draw_scene(seed, 1, SIDE, SIDE).frames[0]
        yield f"scene {seed}", frame.permute(1, 2, 0).mul(255).round().byte().numpy()
