"""What pictures are drawn over with: classical image processing on `[H, W, 3]` or `[H, W]` float32, 0 to 1."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from consistency.structure import LUMA

Image = NDArray[np.float32]


def clip(picture: NDArray[np.floating]) -> Image:
    """This brings values back to 0 to 1."""
    return np.asarray(np.clip(picture, 0, 1), np.float32)


def blur(picture: Image, sigma: float) -> Image:
    """This blurs by a Gaussian of `sigma` pixels."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)


def luma(picture: Image) -> Image:
    """This is the brightness `[H, W]` of a picture `[H, W, 3]`."""
    return np.asarray(picture @ np.array(LUMA, np.float32), np.float32)


def between(values: Image, low: float, high: float) -> Image:
    """This rises smoothly from 0 at `low` to 1 at `high`."""
    t = clip((values - low) / (high - low))
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def saturate(picture: Image, factor: float) -> Image:
    """This makes colours richer (above 1) or greyer (below)."""
    grey = luma(picture)[..., None]
    return clip(grey + (picture - grey) * factor)


def sharpened(picture: Image, sigma: float, amount: float) -> Image:
    """This adds `amount` of what a blur by `sigma` pixels takes away; values may leave 0 to 1."""
    return np.asarray(picture + amount * (picture - blur(picture, sigma)), np.float32)


def flatten(picture: Image, rounds: int, colour: float, space: float) -> Image:
    """This filters bilaterally again and again: surfaces become flat, contours stay."""
    for _ in range(rounds):
        picture = np.asarray(cv2.bilateralFilter(picture, 0, colour, space), np.float32)
    return picture


def guided(picture: Image, guide: Image, reach: int = 8, faint: float = 1e-4) -> Image:
    """This gives a picture the borders of its guide, `[H, W, 3]` both, channel by channel (He, Sun and Tang 2013).

    Within `reach` pixels it becomes as much of the guide as it goes along with, and is even otherwise. faint: variance
    of the guide, what varies by less is no border. Values may leave 0 to 1.
    """

    def mean(values: NDArray[np.floating]) -> Image:
        size = (2 * reach + 1, 2 * reach + 1)
        return np.asarray(cv2.boxFilter(values, -1, size, borderType=cv2.BORDER_REFLECT), np.float32)

    middle, shown = mean(picture), mean(guide)
    slope = (mean(picture * guide) - middle * shown) / (mean(guide * guide) - shown * shown + faint)
    return np.asarray(mean(slope) * guide + mean(middle - slope * shown), np.float32)


def simplify(picture: Image, size: int) -> Image:
    """This rounds forms off as scissors do: what is smaller than about `size` pixels (odd) goes."""
    plain = np.asarray(np.round(picture * 255), np.uint8)
    return np.asarray(cv2.medianBlur(cv2.medianBlur(plain, size), size) / 255, np.float32)


def contours(picture: Image, sigma: float, threshold: float) -> Image:
    """Dark sides of contours, 0 to 1 (difference of Gaussians after Winnemoeller et al. 2012); sigma is their width."""
    grey = luma(picture)
    difference = blur(grey, sigma * 1.6) - blur(grey, sigma)
    return clip(difference / threshold - 0.35)


def shifted(picture: Image, x: int, y: int) -> Image:
    """This moves a picture by whole pixels to the right and down; its border is repeated."""
    matrix = np.array([[1, 0, x], [0, 1, y]], np.float32)
    height, width = picture.shape[:2]
    return np.asarray(cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.float32)


def direction(picture: Image, sigma: float) -> Image:
    """The angle along the forms, from the smoothed structure tensor (Kyprianidis and Kang 2011)."""
    grey = luma(picture)
    dx, dy = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    xx, yy, xy = (blur(np.asarray(part, np.float32), sigma) for part in (dx * dx, dy * dy, dx * dy))
    return np.asarray(0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2, np.float32)


def smear(picture: Image, angle: Image, length: int) -> Image:
    """The mean along the direction `angle` (line integral convolution with straight lines)."""
    rows, columns = np.mgrid[: angle.shape[0], : angle.shape[1]].astype(np.float32)
    total = np.zeros_like(picture)
    for step in range(-(length // 2), length // 2 + 1):
        x, y = columns + step * np.cos(angle), rows + step * np.sin(angle)
        total += cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(total / (2 * (length // 2) + 1), np.float32)


def dabs(picture: Image, radius: int) -> Image:
    """The mean of that quarter around each pixel which varies least (Kuwahara et al. 1976): flat dabs, sharp rims."""
    means, spreads = _quarters(picture, radius)
    calmest = np.argmin(spreads, axis=0)
    return np.asarray(np.take_along_axis(means, calmest[None, ..., None], axis=0)[0], np.float32)


def soft_dabs(picture: Image, radius: int) -> Image:
    """The same, but all quarters count, by how little they vary: in a film a choice would jump from one to another."""
    means, spreads = _quarters(picture, radius)
    weights = 1 / np.sqrt(np.maximum(spreads, 0) + 1e-5)[..., None]
    return np.asarray((weights * means).sum(axis=0) / weights.sum(axis=0), np.float32)


def _quarters(picture: Image, radius: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Means `[4, H, W, 3]` of the squares that meet in each pixel, and how their brightness varies, `[4, H, W]`."""
    size = (radius + 1, radius + 1)
    grey = luma(picture)
    means, spreads = [], []
    for anchor in ((0, 0), (radius, 0), (0, radius), (radius, radius)):
        mean = cv2.boxFilter(grey, -1, size, anchor=anchor, borderType=cv2.BORDER_REFLECT)
        square = cv2.boxFilter(grey * grey, -1, size, anchor=anchor, borderType=cv2.BORDER_REFLECT)
        means.append(cv2.boxFilter(picture, -1, size, anchor=anchor, borderType=cv2.BORDER_REFLECT))
        spreads.append(square - mean * mean)
    return np.stack(means), np.stack(spreads)


def stacked(forms: Image, sheets: int, soft: float, reach: int, colour: float) -> Image:
    """Forms cut out of sheets of paper, the light ones on top: each has a lit rim and casts a shadow `reach` pixels on.

    soft: how wide a cut is, as a share of the brightness from sheet to sheet. colour: how much richer it becomes.
    Values may leave 0 to 1.
    """
    grey = blur(luma(forms), 1.0)
    steps = grey * sheets - 0.5
    step = np.floor(steps)
    height = np.asarray(step + between(steps - step, 0.5 - soft / 2, 0.5 + soft / 2), np.float32)
    hue = forms / np.maximum(luma(forms), 0.05)[..., None]
    paper = saturate(clip(hue * ((height + 0.75) / (sheets + 0.2))[..., None]), colour)
    above = clip(shifted(height, reach, reach) - height)
    cast = 1 - 0.55 * blur(above, reach * 1.4 / 3)
    rim = clip(height - shifted(height, 1, 1)) * 0.22
    return np.asarray(paper * cast[..., None] + rim[..., None], np.float32)
