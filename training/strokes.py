"""What targets are drawn with besides `consistency.drawing`: pictures `[H, W, 3]` or `[H, W]` float32, 0 to 1."""

from __future__ import annotations

import numpy as np

from consistency.drawing import Image, blur, clip, smear


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


def hatching(shape: tuple[int, ...]) -> Image:
    """Parallel lines at 45 degrees, 6 pixels apart: 1 on a line."""
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return np.asarray(np.sin((rows + columns) * (2 * np.pi / 6)) > 0.1, np.float32)
