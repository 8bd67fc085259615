"""What each look is to look like: pictures made from photographs by classical image processing.

Each function takes a picture `[H, W, 3]` float32 RGB, 0 to 1, a random generator for its paper and strokes, and the
width of its lines (1 as usual, larger is thicker), and returns the same shape. Texture is drawn on the picture itself,
so that it moves with it when the picture is moved.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from consistency.drawing import (
    Image,
    between,
    blur,
    clip,
    contours,
    dabs,
    direction,
    flatten,
    luma,
    saturate,
    sharpened,
    simplify,
    smear,
    stacked,
)
from training.strokes import along, contrast, hatching, noise

Style = Callable[[Image, np.random.Generator, float], Image]


def watercolor(picture: Image, rng: np.random.Generator, lines: float = 1.0) -> Image:
    """This washes the picture: flat light washes, darker rims where they end, pigment that settles in the paper."""
    flat = flatten(picture, rounds=4, colour=0.12, space=5)
    flat = 1 - (1 - flat) * 0.72  # thin paint lets the paper through
    flat = flat + (1 - flat) * between(luma(flat), 0.62, 0.95)[..., None] * 0.8  # light is paper left white
    flat = saturate(flat, 1.4)
    rim = contours(flat, 1.2 * lines, 0.03)
    grain = noise(picture.shape[:2], 1.2, rng) * 0.6 + noise(picture.shape[:2], 9, rng) * 0.5
    density = 1 + 0.8 * rim + 0.12 * grain
    return clip(np.power(np.clip(flat, 0.02, 1), density[..., None]))


def oil(picture: Image, rng: np.random.Generator, lines: float = 1.0) -> Image:
    """This paints the picture with a loaded brush: dabs along its forms, rich colour, ridges that catch light."""
    width = max(2, round(4 * lines))
    flat = saturate(contrast(dabs(dabs(picture, width), width), 1.15), 1.5)
    angle = direction(flat, 4.0)
    painted = smear(flat, angle, 2 * width + 1)
    ridges = sharpened(painted, 2.5, 1.2)
    strokes = along(noise(picture.shape[:2], 1.2, rng), angle, 4 * width + 1)
    return clip(ridges + 0.05 * strokes[..., None])


def ink(picture: Image, rng: np.random.Generator, lines: float = 1.0) -> Image:
    """This draws the picture with a pen on warm paper: contours, three tones of wash, a little tooth."""
    tones = luma(flatten(picture, rounds=2, colour=0.12, space=4))
    pen = contours(picture, 0.9 * lines, 0.018)
    wash = np.clip(0.35 + 0.75 * np.digitize(blur(tones, 1.0), [0.22, 0.42, 0.66]) / 3, 0, 1)
    hatch = hatching(tones.shape) * np.clip((0.36 - tones) / 0.2, 0, 1)
    tone = np.clip(wash - 0.85 * pen - 0.25 * hatch + 0.02 * noise(tones.shape, 0.8, rng), 0.04, 1)
    dark, paper = np.array([0.13, 0.11, 0.14], np.float32), np.array([0.96, 0.91, 0.80], np.float32)
    return clip(dark + (paper - dark) * tone[..., None])


def comic(picture: Image, rng: np.random.Generator, lines: float = 1.0) -> Image:
    """This prints the picture: few flat bright colours within bold black contours."""
    flat = flatten(picture, rounds=5, colour=0.14, space=5)
    grey = np.maximum(luma(flat), 1e-3)
    levels = (np.floor(np.clip(grey, 0, 0.999) * 5) + 0.62) / 5
    flat = saturate(flat * (levels / grey)[..., None], 1.8)
    drawn = np.clip(1.25 * contours(picture, 1.3 * lines, 0.03), 0, 1)
    return clip(flat * (1 - drawn[..., None]))


def pencil(picture: Image, rng: np.random.Generator, lines: float = 1.0) -> Image:
    """This sketches the picture in graphite on white: lines at contours, shade of strokes along the forms."""
    grey = luma(flatten(picture, rounds=2, colour=0.1, space=4))
    sketch = clip(grey / np.maximum(blur(grey, 7.0), 0.02))  # dodged: what is darker than its surroundings
    drawn = contours(picture, 0.8 * lines, 0.016)
    strokes = along(noise(grey.shape, 0.9, rng), direction(picture, 5.0), 13)
    shade = (1 - between(grey, 0.05, 0.7)) * (0.32 + 0.10 * strokes)
    return 0.05 + 0.93 * np.repeat(clip(0.98 * sketch**1.5 - shade - 0.6 * drawn)[..., None], 3, axis=2)


def noir(picture: Image, rng: np.random.Generator, lines: float = 1.0) -> Image:
    """This films the picture in black and white: deep shadows with hard borders, glowing lights, fine grain."""
    grey = luma(flatten(picture, rounds=3, colour=0.1, space=4))
    local = grey + 0.8 * (grey - blur(grey, 12.0))  # light is carved out of the dark
    hard = 0.9 * between(local, 0.22, 0.72) + 0.1 * local
    light = hard + 0.55 * blur(clip(hard - 0.75), 5.0)
    film = clip(light + 0.03 * noise(grey.shape, 0.7, rng) * (0.3 + hard))
    return np.repeat(film[..., None], 3, axis=2)


def neon(picture: Image, rng: np.random.Generator, lines: float = 1.0) -> Image:
    """This lights the picture at night: dark violet forms, contours that glow in cyan, magenta and the source's own."""
    flat = flatten(picture, rounds=3, colour=0.12, space=4)
    grey = luma(flat)
    night = np.array([0.05, 0.02, 0.14], np.float32) + grey[..., None] ** 1.3 * np.array([0.34, 0.12, 0.5], np.float32)
    tubes = np.maximum(contours(picture, 1.2 * lines, 0.03), contours(1 - picture, 1.2 * lines, 0.03) * 0.5)
    # Warm surfaces glow magenta, others cyan: what is lit keeps its colour as it moves.
    warmth = between(blur(flat[..., 0] - flat[..., 2], 4.0), -0.08, 0.2)[..., None]
    colour = warmth * np.array([1.0, 0.16, 0.72], np.float32) + (1 - warmth) * np.array([0.1, 0.9, 1.0], np.float32)
    glow = colour * tubes[..., None]
    return clip(night + glow + 0.9 * blur(glow, 3.0) + 0.6 * blur(glow, 9.0))


def paper(picture: Image, rng: np.random.Generator, lines: float = 1.0) -> Image:
    """This cuts the picture out of coloured paper: layers of even colour, light ones on top, their shadows below."""
    forms = simplify(flatten(picture, rounds=2, colour=0.12, space=4), 9)
    fibre = 0.012 * noise(picture.shape[:2], 0.9, rng)
    return clip(stacked(forms, 5, 0.12, max(1, round(3 * lines)), 1.35) + fibre[..., None])


def outlined(target: Image, picture: Image, lines: float) -> Image:
    """This draws a picture's contours over a look that has none of its own, where a width other than 1 was asked."""
    if lines == 1:
        return target
    return clip(target * (1 - clip(1.2 * contours(picture, 1.1 * lines, 0.025))[..., None]))


STYLES: dict[str, Style] = {
    "watercolor": watercolor,
    "oil": oil,
    "ink": ink,
    "comic": comic,
    "pencil": pencil,
    "noir": noir,
    "neon": neon,
    "paper": paper,
}


def paint(picture: Image, look: str, modifiers: Collection[str], rng: np.random.Generator) -> Image:
    """This paints a picture in a look, as words such as `dark` or `thick lines` change it."""
    lines = 1.8 if "thick lines" in modifiers else 0.6 if "fine lines" in modifiers else 1.0
    painted = STYLES[look](picture, rng, lines)
    if look in WITHOUT_LINES:
        painted = outlined(painted, picture, lines)
    for word in modifiers:
        painted = TONES[word](painted) if word in TONES else painted
    return painted


def _tinted(picture: Image, red: float, green: float, blue: float) -> Image:
    return clip(picture * np.array([red, green, blue], np.float32))


WITHOUT_LINES = ("watercolor", "noir", "paper")
TONES: dict[str, Callable[[Image], Image]] = {
    "warm": lambda picture: _tinted(picture, 1.12, 1.0, 0.76),
    "cold": lambda picture: _tinted(picture, 0.78, 0.98, 1.15),
    "dark": lambda picture: clip(0.85 * picture**1.5),
    "bright": lambda picture: clip(0.12 + 0.88 * picture**0.65),
    "muted": lambda picture: saturate(picture, 0.4),
    "vivid": lambda picture: saturate(picture, 1.8),
}
"""What words do to a finished picture, point by point."""
