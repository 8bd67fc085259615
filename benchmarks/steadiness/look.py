"""A look that sticks to surfaces, and other fine texture in the same look: both are painted before anything is seen."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Texture = NDArray[np.float32]
"""`[S, S, C]`; its right edge continues at its left, its lower edge at its upper."""

STEPS = 5
"""Levels that a channel is drawn towards."""
FINE = 3.0
"""Texels: what a Gaussian of this width takes away from a texture is its fine part."""


def restyled(texture: Texture, rng: np.random.Generator) -> Texture:
    """This paints a texture: colours turned and posterised, and strokes of its own. It stays within 0.1 and 0.88."""
    turned = np.clip(_turn(rng) @ (texture[..., None] - 0.5) + 0.5, 0, 1)[..., 0]
    curved = turned ** rng.uniform(0.8, 1.25)
    posterised = curved - np.sin(2 * np.pi * STEPS * curved) / (2 * np.pi * STEPS)  # drawn halfway, without edges
    painted = 0.14 + 0.68 * posterised + _strokes(rng, len(texture))[..., None]
    return np.asarray(np.clip(painted, 0.1, 0.88), np.float32)


def fine_part(painted: Texture) -> Texture:
    """This is what a re-seeded texture has another one of."""
    return painted - _blurred(painted, FINE)


class Fresh:
    """Other fine textures `[S, S, 1]`: about each place as strong as a given one, and as coarse."""

    def __init__(self, fine: Texture, rng: np.random.Generator) -> None:
        """This takes the strength and the spectrum of a fine texture, the mean over its channels."""
        power = (np.abs(np.fft.fft2(fine, axes=(0, 1))) ** 2).mean(axis=2)
        smooth = _blurred(np.asarray(power / power.max(), np.float32), 3.0)
        white = np.fft.fft2(rng.standard_normal(power.shape))
        self._grain = np.asarray(np.fft.ifft2(white * np.sqrt(smooth)).real, np.float32)
        self._strength = np.sqrt(_blurred((fine**2).mean(axis=2), 5.0))
        self._strength *= np.sqrt((fine**2).mean() / ((self._grain * self._strength) ** 2).mean())

    def draw(self, rng: np.random.Generator) -> Texture:
        """This draws one, as good as independent of all before: the same grain, put elsewhere."""
        shift = rng.integers(0, self._grain.shape)
        return (np.roll(self._grain, shift, axis=(0, 1)) * self._strength)[..., None]


def _turn(rng: np.random.Generator) -> NDArray[np.float64]:
    """This draws a matrix that mixes channels and keeps greys grey."""
    mixed = np.eye(3) + rng.normal(0, 0.25, (3, 3))
    return np.asarray(mixed / mixed.sum(axis=1, keepdims=True))


def _strokes(rng: np.random.Generator, size: int) -> NDArray[np.float64]:
    """Short dabs that lie roughly one way: noise, smeared along a direction that tiles."""
    across, along = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)
    angle, length, width = rng.uniform(0, np.pi), 4.0, 1.2
    forth = along * np.cos(angle) + across * np.sin(angle)
    aside = across * np.cos(angle) - along * np.sin(angle)
    gain = np.exp(-2 * (np.pi * length * forth) ** 2 - 2 * (np.pi * width * aside) ** 2)
    dabs = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((size, size))) * gain, s=(size, size))
    return np.asarray(rng.uniform(0.05, 0.08) * dabs / dabs.std())


def _blurred(texture: Texture, sigma: float) -> Texture:
    reach = min(round(4 * sigma), len(texture))
    wrapped = cv2.copyMakeBorder(texture, reach, reach, reach, reach, cv2.BORDER_WRAP)
    blurred = cv2.GaussianBlur(wrapped, (0, 0), sigma)[reach:-reach, reach:-reach]
    return np.asarray(blurred, np.float32).reshape(texture.shape)
