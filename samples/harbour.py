"""A harbour at dusk, drawn by arithmetic alone: boats that pass each other before a lighthouse while the view pans."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from samples.textures import Field, noise

WIDTH, HEIGHT = 384, 216
HORIZON = 112.0
SUN = (196.0, 82.0)
FINE = 3
"""Points a side that a pixel is the mean of."""

Array = NDArray[np.float32]
Colour = tuple[int, int, int]
Part = tuple[list[tuple[float, float]], Colour]
"""A polygon, x to the right and y down from where the thing meets the water, and its colour, 8-bit RGB."""


def draw_harbour(frames: int, rate: float = 24.0) -> Tensor:
    """This draws the first `frames` frames of the harbour: `[T, 3, 216, 384]`, 0 to 1."""
    sky = noise(np.random.default_rng(7), 512, slope=1.7)
    pictures = np.stack([_draw(frame / rate, sky) for frame in range(frames)])
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous()


def _draw(seconds: float, sky: Field) -> Array:
    pan = 9.0 * seconds  # pixels that things at the shore have moved to the left
    picture = _sky(seconds, pan, sky)
    for thing in (_hills(pan), _town(pan), _lighthouse(pan, seconds)):
        _fill(picture, thing)
    fleet = [_placed(boat, seconds, pan) for boat in BOATS]
    picture = _water(picture, [part for boat in fleet for part in _mirrored(*boat)], seconds, pan)
    for parts, _ in fleet:
        _fill(picture, parts)
    _fill(picture, [*_gulls(seconds), *_pier(pan)])
    return np.clip(cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), 0, 1).astype(np.float32)


def _grid() -> tuple[Array, Array]:
    y, x = np.mgrid[0 : HEIGHT * FINE, 0 : WIDTH * FINE].astype(np.float32)
    return (x + 0.5) / FINE - 0.5, (y + 0.5) / FINE - 0.5


def _tint(values: Sequence[float]) -> Array:
    return np.asarray(values, np.float32)


def _ramp(values: Array, stops: Sequence[tuple[float, Colour]]) -> Array:
    places = [place for place, _ in stops]
    return np.stack(
        [np.interp(values, places, [colour[c] / 255 for _, colour in stops]) for c in range(3)], axis=-1
    ).astype(np.float32)


def _sky(seconds: float, pan: float, hills: Field) -> Array:
    x, y = _grid()
    evening = [(0, (40, 44, 104)), (40, (96, 66, 134)), (72, (206, 96, 112)), (96, (250, 158, 88))]
    picture = _ramp(y[:, :1], [*evening, (HORIZON, (255, 214, 132))]).repeat(WIDTH * FINE, axis=1)
    distance = np.hypot(x - SUN[0] + 0.1 * pan, y - SUN[1])
    glow = np.exp(-distance / 46)[..., None] * _tint([0.34, 0.22, 0.06])
    picture = picture + glow
    drift = ((x * 1.1 + 0.25 * pan + 5 * seconds) % 512, (y * 4.2) % 512)
    cloud = cv2.remap(hills.astype(np.float32), *drift, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    thick = np.clip((cloud - 0.25 - 0.9 * (y / HORIZON - 0.45) ** 2) / 0.5, 0, 1)
    lit = _ramp(y[:, :1], [(0, (112, 84, 140)), (60, (244, 128, 116)), (100, (255, 196, 128))])
    picture += (0.75 * thick[..., None]) * (lit - picture)
    disc = np.clip(15.5 - distance, 0, 1)[..., None]
    return np.asarray(picture + disc * (_tint([1.0, 0.93, 0.68]) - picture), np.float32)


def _fill(picture: Array, parts: Iterable[Part], cover: float = 1.0) -> None:
    """This paints polygons over the picture, in place."""
    for outline, colour in parts:
        corners = np.rint((np.array(outline) + 0.5) * FINE * 16 - 8).astype(np.int32)
        left, top = np.maximum(corners.min(axis=0) // 16 - 1, 0)
        right, bottom = np.maximum(corners.max(axis=0) // 16 + 3, 0)
        around = picture[top:bottom, left:right]  # all that it may touch: most are small
        if around.size:
            mask = np.zeros(around.shape[:2], np.uint8)
            cv2.fillPoly(mask, [corners - (16 * left, 16 * top)], 1, shift=4)
            seen = mask.astype(bool)
            around[seen] += cover * (_tint(colour) / 255 - around[seen])


def _hills(pan: float) -> list[Part]:
    parts: list[Part] = []
    for share, height, colour in ((0.3, 24.0, (132, 82, 134)), (0.5, 14.0, (88, 62, 118))):
        x = np.arange(-8, WIDTH + 12, 4.0)
        at = (x + share * pan) * (0.9 + share) / 60
        top = HORIZON - height * (0.62 + 0.25 * np.sin(at + 9 * share) + 0.13 * np.sin(2.7 * at + 1))
        parts.append(([(-8, HORIZON), *zip(x, top, strict=True), (WIDTH + 8, HORIZON)], colour))
    return parts


def _town(pan: float) -> list[Part]:
    """Houses along the quay, with lit windows."""
    walls: list[Colour] = [(214, 92, 72), (240, 196, 120), (88, 148, 160), (232, 220, 200), (186, 110, 140)]
    parts: list[Part] = [(_box(-30 - 0.7 * pan, HORIZON - 2, 176, 5), (70, 58, 78))]
    left = -26.0 - 0.7 * pan
    for house in range(10):
        wide, tall = 12 + (house * 7) % 6, 15 + (house * 11) % 13
        top = HORIZON - 2 - tall
        parts.append((_box(left, top, wide, tall), walls[house % 5]))
        parts.append(([(left - 1, top), (left + wide / 2, top - 7), (left + wide + 1, top)], (106, 52, 62)))
        for row in range(tall // 9):
            for column in (0.22, 0.62):
                lit = (255, 226, 130) if (house + row + int(column * 5)) % 3 else (74, 66, 96)
                parts.append((_box(left + column * wide, top + 4 + 9 * row, 2.6, 4), lit))
        left += wide + 2
    return parts


def _lighthouse(pan: float, seconds: float) -> list[Part]:
    x, foot = 330 - 0.8 * pan, HORIZON + 3
    rock = [(-34, 3), (-26, -4), (-14, -9), (12, -10), (24, -5), (40, 3)]
    parts: list[Part] = [([(x + dx, foot + dy) for dx, dy in rock], (66, 54, 74))]

    def band(low: float, high: float) -> list[tuple[float, float]]:
        wide = [8 - 3.4 * level / 58 for level in (low, high)]
        return [(x - wide[0], foot - 8 - low), (x - wide[1], foot - 8 - high),
                (x + wide[1], foot - 8 - high), (x + wide[0], foot - 8 - low)]  # fmt: skip

    for step in range(6):
        parts.append((band(step * 9.7, (step + 1) * 9.7), ((196, 52, 52), (244, 234, 220))[step % 2]))
    light = 0.5 + 0.5 * np.sin(2.4 * seconds)
    parts.append((_box(x - 7, foot - 68, 14, 2.4), (52, 44, 62)))
    parts.append((_box(x - 3.6, foot - 77, 7.2, 9), (255, int(206 + 46 * light), int(110 + 120 * light))))
    parts.append(([(x - 5.4, foot - 77), (x, foot - 84), (x + 5.4, foot - 77)], (150, 40, 46)))
    return parts


@dataclass(frozen=True)
class Boat:
    """A boat: what it is made of, where it floats at first, how large, how fast, and how it rolls."""

    parts: tuple[Part, ...]
    x: float
    y: float
    size: float
    speed: float
    beat: float
    pan: float


def _placed(boat: Boat, seconds: float, pan: float) -> tuple[list[Part], float]:
    """This gives a boat's polygons in the picture, and the height of its waterline."""
    roll = 0.05 * np.sin(boat.beat * seconds * 1.3 + boat.x)
    bob = 0.05 * boat.size * np.sin(boat.beat * seconds + 2 * boat.x) * 10
    x, y = boat.x + boat.speed * seconds - boat.pan * pan, boat.y + bob
    turn = boat.size * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    parts: list[Part] = []
    for outline, colour in boat.parts:
        parts.append(([(x + dx, y + dy) for dx, dy in np.array(outline) @ turn.T], colour))
    return parts, boat.y


def _mirrored(parts: list[Part], waterline: float) -> list[Part]:
    return [([(x, 2 * waterline - y) for x, y in outline], colour) for outline, colour in parts]


def _water(picture: Array, mirrored: list[Part], seconds: float, pan: float) -> Array:
    """This lays water below the horizon: the sky and all that stands, mirrored and stirred by waves."""
    x, y = _grid()
    below = np.maximum(y - HORIZON, 0.5)
    away, across = 620 / below, (x - WIDTH / 2 + pan) * 14 / below
    wave = np.zeros_like(x)
    for along, aside, speed, strength in ((1.0, 0.2, 2.3, 1.0), (2.1, -0.9, 3.4, 0.6), (1.4, 1.6, 2.9, 0.5)):
        visible = np.clip(2 * np.pi * below**2 / (620 * along) / 3 - 0.6, 0, 1)  # waves finer than pixels are calm
        wave += strength * visible * np.sin(along * away + aside * across - speed * seconds * 2)
    mirror = picture[np.clip((2 * HORIZON - y) * FINE, 0, HEIGHT * FINE - 1).astype(int)[:, 0]]
    _fill(mirror, mirrored, cover=0.62)
    stir = below * 0.05
    look_x, look_y = ((x + wave * stir * 0.6) * FINE).astype(np.float32), ((y + wave * stir) * FINE).astype(np.float32)
    look_y = np.maximum(look_y, np.float32((HORIZON + 0.3) * FINE))
    water = cv2.remap(mirror, look_x, look_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    deep = np.clip(below / 130, 0, 0.72)[..., None]
    water = water * _tint([0.86, 0.84, 0.9]) * (1 - deep) + deep * _tint([0.09, 0.17, 0.3])
    water += np.clip(wave, 0, 2)[..., None] * _tint([0.05, 0.04, 0.045])
    column = np.exp(-(((x - SUN[0] + 0.1 * pan) / (9 + 0.32 * below)) ** 2))
    glitter = np.clip(wave * 1.4 - 0.3, 0, 1) * column + 0.35 * column * np.exp(-below / 16)
    water += glitter[..., None] * _tint([0.7, 0.48, 0.2])
    return np.where((y > HORIZON)[..., None], water, picture).astype(np.float32)


def _gulls(seconds: float) -> list[Part]:
    parts: list[Part] = []
    for x, y, beat, size in ((96.0, 40.0, 8.0, 7.0), (120.0, 52.0, 9.5, 5.5), (150.0, 34.0, 7.0, 4.5)):
        x, y, lift = x + 16 * seconds, y - 3 * seconds, size * 0.5 * np.sin(beat * seconds + x)
        wings = [(-size, -lift), (-size * 0.4, -size * 0.22), (0, 0), (size * 0.4, -size * 0.22), (size, -lift)]
        outline = wings + [(dx * 0.9, dy + 1.5) for dx, dy in reversed(wings)]
        parts.append(([(x + dx, y + dy) for dx, dy in outline], (48, 40, 66)))
    return parts


def _pier(pan: float) -> list[Part]:
    """Posts and planks close to the camera: what moves most."""
    left = -40.0 - 2.2 * pan
    parts: list[Part] = [(_box(left, 196, 150, 9), (74, 50, 48)), (_box(left, 196, 150, 2.5), (122, 82, 66))]
    for post in (12, 58, 104, 140):
        parts.append((_box(left + post, 180, 8, 40), (58, 40, 44)))
        parts.append((_box(left + post, 180, 2.4, 40), (132, 88, 68)))
        parts.append((_box(left + post - 1, 178, 10, 3), (40, 30, 38)))
    return parts


def _box(left: float, top: float, width: float, height: float) -> list[tuple[float, float]]:
    return [(left, top), (left + width, top), (left + width, top + height), (left, top + height)]


def _sailing(hull: Colour, sail: Colour, jib: Colour) -> tuple[Part, ...]:
    return (
        ([(-1, -4), (-1, -58), (1, -58), (1, -4)], (62, 46, 48)),
        ([(3, -9), (3, -56), (26, -10)], sail),
        ([(3, -9), (3, -24), (21, -18), (26, -10)], (int(0.82 * sail[0]), int(0.82 * sail[1]), int(0.82 * sail[2]))),
        ([(-3, -8), (-2, -50), (-24, -8)], jib),
        ([(-28, -6), (28, -7), (21, 5), (-19, 5)], hull),
        ([(-28, -6), (28, -7), (27, -4.4), (-26.4, -3.6)], (246, 236, 216)),
    )


_TRAWLER: tuple[Part, ...] = (
    ([(10, -10), (10, -34), (12, -34), (12, -10)], (60, 46, 52)),
    ([(11, -33), (30, -12), (29, -12), (11, -31)], (60, 46, 52)),
    ([(-16, -10), (-16, -24), (4, -24), (4, -10)], (240, 230, 210)),
    ([(-18, -24), (-18, -27), (6, -27), (6, -24)], (60, 110, 124)),
    ([(-13, -21), (-13, -15), (-8, -15), (-8, -21)], (255, 220, 120)),
    ([(-5, -21), (-5, -15), (0, -15), (0, -21)], (255, 220, 120)),
    ([(-30, -9), (32, -13), (25, 5), (-27, 5)], (188, 48, 50)),
    ([(-30, -9), (32, -13), (31, -10), (-29.6, -6.4)], (250, 214, 120)),
    ([(-27.6, 1.6), (26.4, 1.6), (25, 5), (-27, 5)], (70, 34, 46)),
)

BOATS = (
    Boat(_sailing((150, 96, 78), (250, 236, 214), (240, 208, 190)), 168, 121, 0.42, 4.0, 2.2, 0.75),
    Boat(_TRAWLER, 96, 142, 0.9, 30.0, 2.8, 1.0),
    Boat(_sailing((36, 66, 122), (244, 148, 62), (252, 226, 170)), 278, 174, 1.5, -36.0, 2.4, 1.3),
)
