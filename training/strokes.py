"""What targets are drawn with besides `consistency.drawing`: pictures `[H, W, 3]` or `[H, W]` float32, 0 to 1."""

from __future__ import annotations

import cv2
import numpy as np

from consistency.drawing import Image, blur, clip, smear


def simplify(picture: Image, size: int) -> Image:
    """This rounds forms off as scissors do: what is smaller than about `size` pixels (odd) goes."""
    plain = np.asarray(np.round(picture * 255), np.uint8)
    return np.asarray(cv2.medianBlur(cv2.medianBlur(plain, size), size) / 255, np.float32)


def contrast(picture: Image, factor: float) -> Image:
    """This spreads values about the middle grey."""
    return clip((picture - 0.5) * factor + 0.5)


def noise(shape: tuple[int, ...], sigma: float, rng: np.random.Generator) -> Image:
    """Smooth noise with mean 0 and deviation 1; larger sigma is coarser."""
    field = blur(rng.standard_normal(shape[:2]).astype(np.float32), sigma)
    return np.asarray(field / field.std(), np.float32)


def along(field: Image, angle: Image, length: int) -> Image:
    """Noise drawn out into strokes along `angle`, with deviation 1 again."""
    smeared = smear(field, angle, length)
    return np.asarray(smeared / smeared.std(), np.float32)


def shifted(picture: Image, x: int, y: int) -> Image:
    """This moves a picture by whole pixels to the right and down; its border is repeated."""
    matrix = np.array([[1, 0, x], [0, 1, y]], np.float32)
    height, width = picture.shape[:2]
    return np.asarray(cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.float32)


def hatching(shape: tuple[int, ...]) -> Image:
    """Parallel lines at 45 degrees, 6 pixels apart: 1 on a line."""
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return np.asarray(np.sin((rows + columns) * (2 * np.pi / 6)) > 0.1, np.float32)
