"""Scenes made on purpose: each kind holds one thing that is hard for whatever follows motion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from torch import Tensor

from samples.planes import FAR, Matrix, Plane, Pose, Shape, aim, draw_plane, draw_shape, lens_of, standing, texels_for
from samples.textures import colour, draw_palette, noise

SPAN = 48
"""Frames over which a kind shows all that it has; what travels is strewn along the way of as many."""


class Kind(StrEnum):
    """What a scene is made for. Pixels a frame are those of the background in a picture 640 wide."""

    PAN = "pan"
    """The camera turns: 4 pixels a frame, no parallax."""
    ZOOM = "zoom"
    """The lens closes in, by a half in all."""
    ROTATION = "rotation"
    """The camera rolls, by a third of a right angle in all."""
    PARALLAX = "parallax"
    """The camera travels past things that stand at five times their least distance."""
    FAST = "fast"
    """The same at 16 pixels a frame and more."""
    SLOW = "slow"
    """The same at a tenth of a pixel."""
    OCCLUSION = "occlusion"
    """Large things swing before each other and before a background that stands still."""
    RETURN = "return"
    """A board passes by: what it hides comes back after 18 frames and more."""
    STILL = "still"
    """Nothing moves."""
    LIGHT = "light"
    """A slow pan while the light goes down by a third, from one side on."""
    THIN = "thin"
    """Bars of two or three pixels, before a background that moves the other way."""
    PLAIN = "plain"
    """Surfaces with next to no texture."""


Motion = Callable[[int], Matrix]
"""Of a frame's number: where something is, in space."""


def draw_kind(kind: Kind, seed: int, height: int, width: int) -> list[Plane]:
    """This draws the planes of one scene of a kind; the first is the background."""
    rng = np.random.default_rng([seed, list(Kind).index(kind)])
    camera, way = _draw_camera(kind, rng)
    stage = _Stage(rng, height, width, camera, way)
    backdrop = standing(np.array([0, 0, FAR]), np.array([0.06, 0.06]) * rng.uniform(-1, 1, 2))
    planes = [stage.plane(backdrop, FAR, None)]
    match kind:
        case Kind.OCCLUSION:
            planes += [stage.swinging(depth) for depth in (8.0, 6.0, 4.5, 3.5, 2.8)]
        case Kind.RETURN:
            planes += [stage.standing(8.0), stage.standing(6.0), stage.passing(3.5)]
        case Kind.THIN:
            planes += [stage.grate(depth) for depth in (7.0, 5.0, 4.0, 3.0)]
        case Kind.FAST:
            planes += [stage.standing(float(depth)) for depth in 1 / np.linspace(1 / 9, 1 / 6, 14)]
        case _:
            planes += [stage.standing(float(depth)) for depth in 1 / np.linspace(1 / 8, 1 / 2, 7)]
    return [_flattened(plane, rng) for plane in planes] if kind is Kind.PLAIN else planes


def light(kind: Kind, frames: int, height: int, width: int) -> Tensor:
    """This is what the light does to every colour, `[T, 1, H, W]`: 1 but where the kind is `LIGHT`."""
    if kind is not Kind.LIGHT:
        return torch.ones(frames, 1, 1, 1).expand(frames, 1, height, width)
    across = torch.linspace(0, 1, width).expand(1, 1, height, width)
    moment = torch.arange(frames).view(-1, 1, 1, 1) / (SPAN - 1)
    gone = (1.4 * moment - 0.4 * across).clamp(0, 1)
    return 1 - 0.35 * gone * gone * (3 - 2 * gone)


def _draw_camera(kind: Kind, rng: np.random.Generator) -> tuple[Pose, Matrix]:
    """This draws how the camera moves, and how far it travels over `SPAN` frames."""
    pace, side = rng.uniform(0.85, 1.15), rng.choice([-1.0, 1.0])
    turn, travel, zoom = np.zeros(3), np.zeros(3), 0.0
    match kind:
        case Kind.PAN:
            turn = np.array([0.0062 * side, 0.0015, 0])
        case Kind.ZOOM:
            zoom = 0.0085
        case Kind.ROTATION:
            turn = np.array([0, 0, 0.011 * side])
        case Kind.PARALLAX | Kind.PLAIN:
            travel = np.array([0.045 * side, 0.008, 0.01])
        case Kind.FAST:
            travel = np.array([0.30 * side, 0.03, 0])
        case Kind.SLOW:
            travel = np.array([0.0018 * side, 0.0006, 0.0004])
        case Kind.LIGHT | Kind.THIN:
            travel = np.array([0.015 * side, 0.003, 0])

    def camera(t: int) -> Matrix:
        pose = aim(pace * turn * t, pace * travel * t)
        pose[:2, :3] *= np.exp(pace * zoom * t)  # a longer lens is the same as wider rays
        return pose

    return camera, pace * travel * SPAN


@dataclass(frozen=True)
class _Stage:
    """Where things are put: along the way of a camera."""

    rng: np.random.Generator
    height: int
    width: int
    camera: Pose
    way: Matrix

    def plane(self, pose: Pose, span: float, shape: Shape | None) -> Plane:
        lens, texels = lens_of(self.height, self.width), texels_for(self.height, self.width)
        return draw_plane(self.rng, lens, self.camera, pose, span, shape, texels)

    def thing(self, depth: float, size: float, place: Motion, shape: Shape) -> Plane:
        """This puts a shape, `size` times half the picture's shorter side, at a place (1 is half the picture)."""
        half = np.array([self.width, self.height]) / 2 / max(self.height, self.width) * depth
        radius = size * float(half.min())

        def pose(t: int) -> Matrix:
            middle = np.append(half * place(t), depth)
            return np.array([[radius, 0, 0], [0, radius, 0], middle]).T

        return self.plane(pose, depth / radius, shape)

    def standing(self, depth: float) -> Plane:
        half = np.array([self.width, self.height]) / 2 / max(self.height, self.width) * depth
        at = self.rng.uniform(-0.9, 0.9, 2) + self.rng.uniform(0, 1) * self.way[:2] / half
        return self.thing(depth, self.rng.uniform(0.25, 0.6), lambda t: at, draw_shape(self.rng))

    def swinging(self, depth: float) -> Plane:
        reach, at = self.rng.uniform(0.4, 0.8, 2) * [1, 0.4], self.rng.uniform(-0.4, 0.4, 2)
        phase, speed = self.rng.uniform(0, 2 * np.pi), 2 * np.pi / self.rng.uniform(45, 70)
        move: Motion = lambda t: np.asarray(at + reach * np.sin(phase + speed * t))  # noqa: E731
        return self.thing(depth, self.rng.uniform(0.4, 0.75), move, draw_shape(self.rng))

    def passing(self, depth: float) -> Plane:
        """A board as wide as 18 steps of its own, that crosses the picture once."""
        side = self.rng.choice([-1.0, 1.0])
        step = 2 * 0.95 * 1.1 * min(self.height, self.width) / self.width / 21
        move: Motion = lambda t: np.array([side * (step * t - 0.9), 0.0])  # noqa: E731
        return self.thing(depth, 1.1, move, lambda place: 0.95 - place.abs().amax(dim=-1))

    def grate(self, depth: float) -> Plane:
        """Bars, upright or slanting, about two pixels wide in a picture 384 wide, that sway."""
        slant, count = self.rng.uniform(-0.8, 0.8), int(self.rng.integers(5, 9))
        size, reach = self.rng.uniform(0.5, 0.8), self.rng.uniform(-0.25, 0.25, 2)
        at, speed = self.rng.uniform(-0.7, 0.7, 2), 2 * np.pi / self.rng.uniform(40, 80)
        thick = 2.4 / 384 * max(self.height, self.width) / (size * min(self.height, self.width) / 2)

        def shape(place: Tensor) -> Tensor:
            along = (place[..., 0] + slant * place[..., 1]) * count / 2
            bars = thick * count / 4 - (along - along.round()).abs()
            return torch.minimum(bars / (thick * count / 4), 0.98 - place.abs().amax(dim=-1))

        return self.thing(depth, size, lambda t: np.asarray(at + reach * np.sin(speed * t)), shape)


def _flattened(plane: Plane, rng: np.random.Generator) -> Plane:
    """This is the same plane with hardly any texture: wide hills of light, and grain of a level or less."""
    size = len(plane.texture)
    hills = noise(rng, size, slope=3.0) * 0.16 + 0.5
    grain = noise(rng, size, slope=0.9) * 0.003
    return plane.painted(np.clip(colour(hills, draw_palette(rng)) + grain[..., None], 0, 1).astype(np.float32))
