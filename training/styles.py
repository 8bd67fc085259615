"""What each look is to look like: pictures made from photographs by classical image processing.

Each function takes a picture `[H, W, 3]` float32 RGB, 0 to 1, and a random generator for its paper and strokes, and
returns the same shape. Texture is drawn on the picture itself, so that it moves with it when the picture is moved.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]


def watercolor(picture: Image, rng: np.random.Generator) -> Image:
    """This washes the picture: flat light washes, darker rims where they end, pigment that settles in the paper."""
    flat = _flatten(picture, rounds=4, colour=0.12, space=5)
    flat = 1 - (1 - flat) * 0.8  # thin paint lets the paper through
    flat = _saturate(flat, 1.35)
    rim = _contours(flat, 1.2, 0.04)
    grain = _noise(picture.shape[:2], 1.2, rng) * 0.6 + _noise(picture.shape[:2], 9, rng)
    density = 1 + 0.45 * rim + 0.10 * grain
    return _clip(np.power(np.clip(flat, 0.02, 1), density[..., None]))


def oil(picture: Image, rng: np.random.Generator) -> Image:
    """This paints the picture with a loaded brush: strokes along its forms, rich colour, ridges that catch light."""
    flat = _saturate(_contrast(_flatten(picture, rounds=3, colour=0.16, space=4), 1.15), 1.45)
    angle = _direction(flat, 4.0)
    strokes = _along(_noise(picture.shape[:2], 1.0, rng), angle, 9)
    dabs = _smear(flat, angle, 7)
    return _clip(dabs + 0.045 * strokes[..., None])


def ink(picture: Image, rng: np.random.Generator) -> Image:
    """This draws the picture with a pen on warm paper: contours, three tones of wash, a little tooth."""
    luma = _luma(_flatten(picture, rounds=2, colour=0.12, space=4))
    lines = _contours(picture, 0.9, 0.018)
    wash = np.clip(0.35 + 0.75 * np.digitize(_blur(luma, 1.0), [0.22, 0.42, 0.66]) / 3, 0, 1)
    hatch = _hatching(luma.shape) * np.clip((0.36 - luma) / 0.2, 0, 1)
    tone = np.clip(wash - 0.85 * lines - 0.25 * hatch + 0.02 * _noise(luma.shape, 0.8, rng), 0.04, 1)
    dark, paper = np.array([0.13, 0.11, 0.14], np.float32), np.array([0.96, 0.91, 0.80], np.float32)
    return _clip(dark + (paper - dark) * tone[..., None])


def comic(picture: Image, rng: np.random.Generator) -> Image:
    """This prints the picture: few flat bright colours within bold black contours."""
    flat = _flatten(picture, rounds=5, colour=0.14, space=5)
    luma = np.maximum(_luma(flat), 1e-3)
    levels = (np.floor(np.clip(luma, 0, 0.999) * 5) + 0.62) / 5
    flat = _saturate(flat * (levels / luma)[..., None], 1.8)
    lines = np.clip(1.25 * _contours(picture, 1.3, 0.03), 0, 1)
    return _clip(flat * (1 - lines[..., None]))


STYLES: dict[str, Callable[[Image, np.random.Generator], Image]] = {
    "watercolor": watercolor,
    "oil": oil,
    "ink": ink,
    "comic": comic,
}


def _clip(picture: NDArray[np.floating]) -> Image:
    return np.asarray(np.clip(picture, 0, 1), np.float32)


def _blur(picture: Image, sigma: float) -> Image:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)


def _luma(picture: Image) -> Image:
    return np.asarray(picture @ np.array([0.299, 0.587, 0.114], np.float32), np.float32)


def _flatten(picture: Image, rounds: int, colour: float, space: float) -> Image:
    """Bilateral filtering again and again: surfaces become flat, contours stay."""
    for _ in range(rounds):
        picture = np.asarray(cv2.bilateralFilter(picture, 0, colour, space), np.float32)
    return picture


def _saturate(picture: Image, factor: float) -> Image:
    grey = _luma(picture)[..., None]
    return _clip(grey + (picture - grey) * factor)


def _contrast(picture: Image, factor: float) -> Image:
    return _clip((picture - 0.5) * factor + 0.5)


def _contours(picture: Image, sigma: float, threshold: float) -> Image:
    """Dark sides of contours, 0 to 1 (difference of Gaussians after Winnemoeller et al. 2012)."""
    luma = _luma(picture)
    difference = _blur(luma, sigma * 1.6) - _blur(luma, sigma)
    return np.asarray(np.clip(difference / threshold - 0.35, 0, 1), np.float32)


def _noise(shape: tuple[int, ...], sigma: float, rng: np.random.Generator) -> Image:
    """Smooth noise with mean 0 and deviation 1; larger sigma is coarser."""
    noise = _blur(rng.standard_normal(shape[:2]).astype(np.float32), sigma)
    return np.asarray(noise / noise.std(), np.float32)


def _direction(picture: Image, sigma: float) -> Image:
    """The angle along the forms, from the smoothed structure tensor (Kyprianidis and Kang 2011)."""
    luma = _luma(picture)
    dx, dy = cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1)
    xx, yy, xy = (_blur(np.asarray(part, np.float32), sigma) for part in (dx * dx, dy * dy, dx * dy))
    return np.asarray(0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2, np.float32)


def _smear(picture: Image, angle: Image, length: int) -> Image:
    """The mean along the direction `angle` (line integral convolution with straight lines)."""
    rows, columns = np.mgrid[: angle.shape[0], : angle.shape[1]].astype(np.float32)
    total = np.zeros_like(picture)
    for step in range(-(length // 2), length // 2 + 1):
        x, y = columns + step * np.cos(angle), rows + step * np.sin(angle)
        total += cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(total / (2 * (length // 2) + 1), np.float32)


def _along(noise: Image, angle: Image, length: int) -> Image:
    smeared = _smear(noise, angle, length)
    return np.asarray(smeared / smeared.std(), np.float32)


def _hatching(shape: tuple[int, ...]) -> Image:
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return np.asarray(np.sin((rows + columns) * (2 * np.pi / 6)) > 0.1, np.float32)
