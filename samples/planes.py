"""Planes in space: where a pixel meets them, what shape they have there, and in what colour."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from samples.textures import draw_texture

Matrix = NDArray[np.floating]
Shape = Callable[[Tensor], Tensor]
"""Places `[N, 2]` on the plane, 1 about the shape's radius, to how deep inside: above 0 is inside, 1 the middle."""

REACH = 1.65
"""No shape leaves the square from -REACH to REACH."""
TEXELS = 512
"""Most texels a side; as many as are worth it are drawn for small pictures."""
FAR, NEAR = 10.0, 2.0
"""Depth of the background, and of the nearest that a layer may stand."""


@dataclass(frozen=True)
class Plane:
    """A flat surface. Its places (u, v) are lengths in space, divided by `radius`.

    homography: of a frame's number, from (u, v, 1) to homogeneous pixels whose third coordinate is depth.
    tile: how many places one repeat of the texture spans.
    """

    homography: Callable[[int], Matrix]
    shape: Shape | None
    texture: NDArray[np.float32]
    tile: float

    def locate(self, t: int, points: Tensor) -> tuple[Tensor, Tensor]:
        """This finds the places `[..., 2]` that pixels `[..., 2]` show in frame t, and their inverse depth `[...]`."""
        place = _apply(np.linalg.inv(self.homography(t)), points)
        # H (u, v, 1) = z (x, y, 1), so the inverse gives (u, v, 1) / z: its third coordinate is inverse depth.
        return place[..., :2] / place[..., 2:], place[..., 2]

    def near(self, t: int, points: Tensor) -> Tensor:
        """This picks the pixels `[N, 2]` that the shape could cover in frame t, as indices: a box, so cheap."""
        if self.shape is None:
            return torch.arange(len(points))
        ends = torch.tensor([-REACH, REACH])
        corners = _apply(self.homography(t), torch.cartesian_prod(ends, ends))
        box = corners[:, :2] / corners[:, 2:]
        (left, top), (right, bottom) = box.amin(dim=0), box.amax(dim=0)
        x, y = points.unbind(dim=1)
        inside: Tensor = (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
        return inside.nonzero()[:, 0]

    def follow(self, here: int, there: int, points: Tensor) -> Tensor:
        """This says which pixels of frame `there` show what these pixels `[N, 2]` show in frame `here`."""
        moved = _apply(self.homography(there) @ np.linalg.inv(self.homography(here)), points)
        return moved[..., :2] / moved[..., 2:]

    def covers(self, place: Tensor) -> Tensor:
        """This says which places `[..., 2]` belong to the shape; all of them where there is none."""
        return torch.ones(place.shape[:-1], dtype=torch.bool) if self.shape is None else self.shape(place) > 0

    def colours(self, place: Tensor) -> Tensor:
        """This looks up the colours `[N, 3]` of places `[N, 2]`: the texture, darker towards the shape's rim."""
        wrapped = (place / self.tile).remainder(1.0)
        texture = torch.from_numpy(np.pad(self.texture, ((0, 1), (0, 1), (0, 0)), mode="wrap")).permute(2, 0, 1)
        colours = F.grid_sample(texture[None], (wrapped * 2 - 1)[None, None], align_corners=True)[0, :, 0].T
        if self.shape is None:
            return colours
        return colours * (0.6 + 0.4 * self.shape(place).mul(2).clamp(0, 1)[:, None])

    def painted(self, texture: NDArray[np.float32]) -> Plane:
        """This is the same plane with another texture."""
        return dataclasses.replace(self, texture=texture)


def draw_planes(rng: np.random.Generator, height: int, width: int) -> list[Plane]:
    """This draws the planes of a scene: a background, four to eight shapes from far to near, at times a ground first.

    A ground lies level under the camera, so it is nearer than some that stand and farther than others.
    """
    lens = lens_of(height, width)
    camera = _draw_camera(rng, pace=float(np.exp(rng.uniform(np.log(0.3), np.log(2.0)))))
    half = np.array([width, height]) / 2 / max(height, width)  # of the picture, at depth 1
    texels = texels_for(height, width)
    backdrop = standing(np.array([0, 0, FAR]), np.array([0.1, 0.1]) * rng.uniform(-1, 1, 2))
    planes = [draw_plane(rng, lens, camera, backdrop, FAR, None, texels)]
    if rng.uniform() < 0.5:
        ground = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, rng.uniform(0.8, 1.4), 0]]).T
        planes.append(draw_plane(rng, lens, camera, lambda t: ground, FAR, None, texels))
    count = int(rng.integers(4, 9))
    inverse = np.linspace(1 / FAR, 1 / NEAR, count + 1)[1:]
    for near in inverse:
        planes.append(_draw_layer(rng, lens, camera, float(1 / near), (half, inverse[1] - inverse[0], texels)))
    return planes


def _apply(homography: Matrix, points: Tensor) -> Tensor:
    """This maps points `[..., 2]` to homogeneous `[..., 3]`, one coordinate after another: they lie in memory so, too.

    A product of matrices as narrow as these takes several times as long.
    """
    x, y = points.unbind(dim=-1)
    rows = homography.astype(np.float32).tolist()
    return torch.stack([(x * a).add_(y * b).add_(c) for a, b, c in rows]).movedim(0, -1)


Pose = Callable[[int], Matrix]
"""Of a frame's number: `[3, 3]` whose columns are the plane's two directions and its origin, in space."""


def _draw_layer(
    rng: np.random.Generator, lens: Matrix, camera: Pose, depth: float, room: tuple[Matrix, float, int]
) -> Plane:
    """This draws one shape that drifts in its plane. `room`: half the picture, layers' distance, texels."""
    half, gap, texels = room
    radius = depth * float(half.min()) * rng.uniform(0.3, 0.8)
    middle = np.append(half * rng.uniform(-0.9, 0.9, 2), 1.0) * depth
    steepest = min(0.5, 0.3 * gap * depth**2 / radius)  # never so tilted that it would cut through its neighbour
    pose = standing(middle, rng.uniform(-1, 1, 2) * steepest)
    sway = draw_sway(rng, np.append(half * depth * rng.uniform(0, 0.6), 0.5), period=rng.uniform(60, 200))

    def drifting(t: int) -> Matrix:
        right, down, turn = sway(t)
        spin = np.array([[np.cos(turn), -np.sin(turn), right], [np.sin(turn), np.cos(turn), down], [0, 0, 1]])
        return np.asarray(pose(t) @ spin @ np.diag([radius, radius, 1.0]))

    return draw_plane(rng, lens, camera, drifting, depth / radius, draw_shape(rng), texels)


def draw_plane(
    rng: np.random.Generator, lens: Matrix, camera: Pose, pose: Pose, span: float, shape: Shape | None, texels: int
) -> Plane:
    """This draws a plane of a texture of its own; one repeat of it spans 1.2 to 1.6 `span`."""

    @cache
    def homography(t: int) -> Matrix:
        turn_and_place = camera(t)
        turn, place = turn_and_place[:, :3], turn_and_place[:, 3]
        plane = pose(t).copy()
        plane[:, 2] -= place
        return np.asarray(lens @ turn @ plane)

    texture = draw_texture(np.random.default_rng(rng.integers(2**62)), texels)
    return Plane(homography, shape, texture, tile=span * rng.uniform(1.2, 1.6))


def texels_for(height: int, width: int) -> int:
    """This says how many texels a side are worth drawing for a picture of this size: finer ones would only alias."""
    return int(np.clip(-(-max(height, width) // 12) * 16, 32, TEXELS))


def lens_of(height: int, width: int) -> Matrix:
    """This is the camera's matrix: along its longer side it sees half as far to either side as it looks deep."""
    longer = float(max(height, width))
    return np.array([[longer, 0, (width - 1) / 2], [0, longer, (height - 1) / 2], [0, 0, 1]])


def standing(middle: Matrix, tilt: Matrix) -> Pose:
    """This is a plane that faces the camera but for its tilt: how much depth grows to the right and down."""
    pose = np.array([[1, 0, tilt[0]], [0, 1, tilt[1]], middle]).T
    return lambda t: pose


def draw_sway(rng: np.random.Generator, reach: Matrix, period: float) -> Callable[[int], Matrix]:
    """This draws a smooth motion that stays within `reach` of where it started, one entry a coordinate."""
    size = reach * rng.uniform(-1, 1, len(reach)) / 2
    phase, speed = rng.uniform(0, 2 * np.pi, len(reach)), 2 * np.pi / period * rng.uniform(0.7, 1.4, len(reach))
    return lambda t: np.asarray(size * (np.sin(phase + speed * t) - np.sin(phase)))


def _draw_camera(rng: np.random.Generator, pace: float) -> Pose:
    """This draws a camera that travels, turns and rolls a little: `[3, 4]`, its turn and its place."""
    travel = draw_sway(rng, np.array([1.0, 0.6, 0.9]), 90 / pace)
    turn = draw_sway(rng, np.array([0.12, 0.1, 0.15]), 110 / pace)

    return lambda t: aim(turn(t), travel(t))


def aim(turn: Matrix, place: Matrix) -> Matrix:
    """This is a camera that has turned (yaw, pitch, roll; radians) and stands at a place: `[3, 4]`."""
    (a, b, c), zero = turn, 0.0
    yaw = np.array([[np.cos(a), zero, -np.sin(a)], [zero, 1, zero], [np.sin(a), zero, np.cos(a)]])
    pitch = np.array([[1, zero, zero], [zero, np.cos(b), -np.sin(b)], [zero, np.sin(b), np.cos(b)]])
    roll = np.array([[np.cos(c), -np.sin(c), zero], [np.sin(c), np.cos(c), zero], [zero, zero, 1]])
    return np.concatenate([roll @ pitch @ yaw, place[:, None]], axis=1)


def draw_shape(rng: np.random.Generator) -> Shape:
    """This draws a pebble, a rounded board, a polygon, a ring or a fence."""
    kind, squash, corner = rng.integers(5), rng.uniform(0.5, 1.0), rng.uniform(0.15, 0.4)
    waves = [(int(k), rng.uniform(0, 0.25) / k**0.5, rng.uniform(0, 6.28)) for k in (2, 3, 5)]
    sides, hole = int(rng.integers(3, 7)), rng.uniform(0.4, 0.7)

    def shape(place: Tensor) -> Tensor:
        if kind == 4:  # fence
            slats = ((place[..., 0] * 3 + 0.5) % 1 - 0.5).abs() * 4
            return torch.minimum(1 - slats, 0.98 - place.abs().amax(dim=-1))
        x, y = place[..., 0], place[..., 1] / squash
        if kind == 1:  # rounded board
            beyond = (torch.stack([x, y]).abs() - (0.95 - corner)).clamp(min=0)
            return 1 - beyond.square().sum(dim=0).sqrt() / corner
        radius = (x * x + y * y).sqrt()
        if kind == 3:  # ring
            return torch.minimum(1 - radius, radius - hole * 0.8)
        angle = torch.atan2(y, x)
        if kind == 0:  # pebble
            bulges = torch.stack([size * torch.cos(k * angle + at) for k, size, at in waves])
            return 1 - radius / (1 + bulges.sum(dim=0))
        wedge = (angle % (2 * torch.pi / sides)) - torch.pi / sides  # polygon
        return 1 - radius * torch.cos(wedge) / 0.8

    return shape
