"""Textures that tile: clouds, marble, checks, spots, boards and gradients in colours that go together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float64]
"""`[S, S]`, and what a texture is mixed with: roughly -1 to 1."""

Picture = NDArray[np.float32]
"""`[S, S, 3]`, RGB, 0 to 1; its right edge continues at its left, its lower edge at its upper."""


def draw_texture(rng: np.random.Generator, size: int) -> Picture:
    """This draws one texture of a random kind and palette."""
    kinds: list[Callable[[np.random.Generator, int], Field]] = [_clouds, _marble, _checks, _spots, _boards, _gradient]
    field = kinds[rng.integers(len(kinds))](rng, size)
    grain = noise(rng, size, slope=0.9) * rng.uniform(0.01, 0.05)
    light = noise(rng, size, slope=2.0) * rng.uniform(0.02, 0.1)
    picture = colour(field * 0.5 + 0.5, draw_palette(rng)) + (grain + light)[..., None]
    return np.clip(_soften(picture), 0, 1).astype(np.float32)


def _soften(picture: Field) -> Field:
    """This blurs by a texel, as a lens does: sharper edges could not be followed by less than a pixel."""
    along = np.exp(-((np.fft.fftfreq(len(picture)) / 0.22) ** 2))
    gain = (along[:, None] * along[: len(picture) // 2 + 1])[..., None]
    return np.asarray(np.fft.irfft2(np.fft.rfft2(picture, axes=(0, 1)) * gain, s=picture.shape[:2], axes=(0, 1)))


def noise(rng: np.random.Generator, size: int, slope: float, lowest: float = 1.0) -> Field:
    """This draws smooth random hills of unit variance that tile.

    slope: how fast the amplitude falls with frequency; more is smoother, 1.5 looks like clouds. lowest: periods a side
    below which there is nothing; more makes the hills alike in size.
    """
    frequency = np.hypot(np.fft.fftfreq(size, 1 / size)[:, None], np.fft.rfftfreq(size, 1 / size))
    gain = np.where(frequency >= lowest, np.maximum(frequency, 1.0) ** -slope, 0.0)
    gain *= np.exp(-((frequency / (0.35 * size)) ** 2))  # nothing near the limit of what a texel can hold
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((size, size))) * gain, s=(size, size))
    return np.asarray((field - field.mean()) / field.std())


def draw_palette(rng: np.random.Generator, colours: int = 4) -> Field:
    """This draws colours, `[colours, 3]`, from dark to light: one hue, its neighbours, and at times its opposite."""
    hue = rng.uniform() + rng.normal(0, 0.06, colours) + 0.5 * (rng.uniform(size=colours) < 0.2)
    saturation = np.clip(rng.uniform(0.15, 0.75) + rng.normal(0, 0.1, colours), 0, 1)
    darkest = rng.uniform(0.05, 0.5)
    value = np.linspace(darkest, rng.uniform(darkest + 0.25, 1), colours)
    wheel = np.clip(np.abs((hue[:, None] * 6 + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    return np.asarray(value[:, None] * (1 - saturation[:, None] * (1 - wheel)))


def colour(field: Field, palette: Field) -> Field:
    """This gives each value, 0 to 1, its colour between those of the palette: `[..., 3]`."""
    places = np.linspace(0, 1, len(palette))
    return np.stack([np.interp(field, places, palette[:, channel]) for channel in range(3)], axis=-1)


def _unit(size: int) -> tuple[Field, Field]:
    axis = (np.arange(size) + 0.5) / size * 2 * np.pi
    x, y = np.meshgrid(axis, axis)
    return x, y


def _clouds(rng: np.random.Generator, size: int) -> Field:
    return np.tanh(noise(rng, size, slope=rng.uniform(1.2, 1.9)) * 0.7)


def _marble(rng: np.random.Generator, size: int) -> Field:
    x, y = _unit(size)
    along, across = rng.integers(-8, 9), rng.integers(2, 12)
    return np.asarray(np.sin(x * along + y * across + noise(rng, size, slope=1.8) * rng.uniform(0, 2.5)))


def _checks(rng: np.random.Generator, size: int) -> Field:
    x, y = _unit(size)
    count, bend = rng.integers(4, 14), noise(rng, size, slope=2.2) * rng.uniform(0, 0.12)
    return np.asarray(0.8 * np.tanh(8 * np.sin((x + bend) * count) * np.sin((y + bend) * count)))


def _spots(rng: np.random.Generator, size: int) -> Field:
    hills = noise(rng, size, slope=2.5, lowest=float(rng.integers(5, 16)))
    return np.asarray(0.8 * np.tanh((hills - rng.uniform(-0.3, 0.9)) * 5))


def _boards(rng: np.random.Generator, size: int) -> Field:
    x, y = _unit(size)
    count = int(rng.integers(5, 14))
    row = np.floor(y / (2 * np.pi) * count).astype(int)
    joint = np.exp(-((np.sin(y * count / 2) * 4) ** 2)) + np.exp(
        -((np.sin((x + 2.4 * row) * (count // 3 + 1) / 2) * 8) ** 2)
    )
    grain = noise(rng, size, slope=1.5) * 0.25
    return np.asarray(np.clip(rng.uniform(-0.4, 0.7, count)[row] + grain - 1.2 * np.minimum(joint, 1), -1, 1))


def _gradient(rng: np.random.Generator, size: int) -> Field:
    x, y = _unit(size)
    return np.asarray(np.sin(x + rng.uniform(0, 6)) * 0.5 + np.sin(y + rng.uniform(0, 6)) * 0.5)
