"""Pictures with exact depth that stand as the world does: ground, walls, sky, and things that stand on the ground.

Inverse depth of a plane is linear in the picture's coordinates, so every surface here is a few sums. What the planes of
`samples.scenes` lack is what depth is mostly guessed from: things touch the ground where their depth says, texture
shrinks with distance, air takes contrast, a lens blurs what it is not focused on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from samples.textures import noise

Map = NDArray[np.floating]
Texture = NDArray[np.float32]
"""`[S, S, 3]`, 0 to 1; its opposite edges meet."""


@dataclass
class Canvas:
    """A picture in the making. x, y: coordinates in longer sides from the middle. near: inverse depth so far."""

    x: Map
    y: Map
    colours: NDArray[np.float32]
    near: Map

    @classmethod
    def empty(cls, height: int, width: int) -> Canvas:
        """This is far away everywhere."""
        rows, columns = np.mgrid[:height, :width].astype(np.float32)
        longer = max(height, width)
        x, y = (columns - (width - 1) / 2) / longer, (rows - (height - 1) / 2) / longer
        return cls(x, y, np.zeros((height, width, 3), np.float32), np.full((height, width), -1, np.float32))

    def put(self, near: Map | float, mask: NDArray[np.bool_], colours: Map) -> None:
        """This paints a surface where it lies before what is there."""
        depth = np.broadcast_to(np.asarray(near, np.float32), self.near.shape)
        seen = mask & (depth > self.near)
        self.near[seen] = depth[seen]
        self.colours[seen] = colours[seen]


def draw_view(
    rng: np.random.Generator, height: int, width: int, textures: Sequence[Texture]
) -> tuple[NDArray[np.float32], Map]:
    """This draws one picture `[H, W, 3]`, 0 to 1, and its inverse depth `[H, W]`, 0 (farthest) to 1 (nearest)."""

    def pick() -> Texture:
        return textures[int(rng.integers(len(textures)))]

    canvas = Canvas.empty(height, width)
    base = _draw_place(rng, canvas, pick)
    for near in sorted(rng.uniform(0.12, 1.0, int(rng.integers(0, 10)))):
        _stand(rng, canvas, float(near), base(float(near)), pick())
    if rng.random() < 0.3:
        _person(rng, canvas, float(rng.uniform(0.8, 1.3)), pick)
    if rng.random() < 0.25:
        _float(rng, canvas, float(rng.uniform(0.3, 1.4)), pick())
    near = np.maximum(canvas.near, 0)
    picture = _lens(rng, _air(rng, canvas.colours, near), near)
    span = max(float(near.max() - near.min()), 1e-6)
    return np.clip(picture, 0, 1).astype(np.float32), ((near - near.min()) / span).astype(np.float32)


def _draw_place(rng: np.random.Generator, canvas: Canvas, pick: Callable[[], Texture]) -> Callable[[float], float]:
    """This draws ground, walls and sky, and says at which y something of a given inverse depth stands."""
    half = float(canvas.y.max())
    horizon = float(np.clip(rng.normal(-0.1, 0.45), -1.4, 0.9)) * half
    slope = float(rng.uniform(0.5, 1.3) / max(half - horizon, 0.1))  # how fast the ground comes nearer
    roll = float(rng.normal(0, 0.05))
    level = canvas.y - horizon + roll * canvas.x
    everywhere = np.ones_like(canvas.near, bool)
    kind = rng.random()
    canvas.put(0.0, everywhere, _sky(rng, canvas, pick()) if kind < 0.7 else _flat(rng, canvas, pick(), 0.3))
    if kind >= 0.93:  # nothing but a wall
        tilt = rng.uniform(-0.6, 0.6, 2)
        wall = np.asarray(0.6 + tilt[0] * canvas.x + tilt[1] * canvas.y, np.float32)
        canvas.put(wall, everywhere, _flat(rng, canvas, pick(), 0.6))
        return lambda near: half * float(rng.uniform(0, 1))
    if kind < 0.7:
        _hills(rng, canvas, level, pick)
    else:
        _walls(rng, canvas, level, pick)
    _receding(rng, canvas, slope * level, pick())
    return lambda near: horizon + near / slope


def _walls(rng: np.random.Generator, canvas: Canvas, level: Map, pick: Callable[[], Texture]) -> None:
    """A room or a street: a wall across, walls left and right, at times a ceiling."""
    canvas.put(float(rng.uniform(0.05, 0.5)), np.ones_like(level, bool), _flat(rng, canvas, pick(), 0.3))
    if rng.random() < 0.5:
        _receding(rng, canvas, -level * float(rng.uniform(0.8, 2.0)), pick())
    for side in (-1, 1):
        if rng.random() < 0.7:
            tall = -level < rng.uniform(0.1, 0.9)
            near = np.asarray((side * canvas.x + rng.uniform(-0.2, 0.1)) * rng.uniform(1.0, 2.5), np.float32)
            _receding(rng, canvas, np.where(tall, near, -1).astype(np.float32), pick(), across=level)


def _hills(rng: np.random.Generator, canvas: Canvas, level: Map, pick: Callable[[], Texture]) -> None:
    """Rows of hills or roofs, one before the other."""
    width = canvas.near.shape[1]
    for near in np.sort(rng.uniform(0.01, 0.15, int(rng.integers(0, 4)))):
        outline = noise(rng, 512, slope=float(rng.uniform(1.2, 2.2)))[0, :width] * rng.uniform(0.01, 0.08)
        if rng.random() < 0.3:
            outline = np.repeat(outline[:: int(rng.integers(6, 24))], 24)[:width]
            outline = np.pad(outline, (0, width - len(outline)), mode="edge")
        mask = level > -rng.uniform(0.0, 0.2) + outline[None]
        canvas.put(float(near), mask, _flat(rng, canvas, pick(), 0.2))


def _receding(rng: np.random.Generator, canvas: Canvas, near: Map, texture: Texture, across: Map | None = None) -> None:
    """This paints a plane that runs away from the viewer, its texture finer and paler with distance."""
    depth = 1 / np.maximum(near, 0.02)
    other = canvas.x if across is None else across
    scale = float(np.exp(rng.uniform(np.log(0.15), np.log(1.5))))
    colours = _look_up(texture, other * depth * scale, depth * scale + rng.uniform(0, 1))
    sharp = np.clip(near * 4, 0, 1)[..., None]
    colours = colours * sharp + texture.mean((0, 1)) * (1 - sharp)
    light = 1 + rng.uniform(-0.4, 0.4) * near[..., None]
    canvas.put(near, near > 0, colours * light)


def _stand(rng: np.random.Generator, canvas: Canvas, near: float, base: float, texture: Texture) -> None:
    """This stands a thing on the ground: a box, a column, a tree, a stone, something with corners."""
    middle = float(rng.uniform(-0.55, 0.55))
    tall = near * float(np.exp(rng.uniform(np.log(0.12), np.log(1.2))))
    wide = tall * float(np.exp(rng.uniform(np.log(0.2), np.log(1.6))))
    u, v = (canvas.x - middle) / wide * 2, (base - canvas.y) / tall  # -1 to 1 across, 0 (foot) to 1 (top)
    kind = int(rng.integers(5))
    mask = _shape(rng, kind, u, v)
    bulge = 1 + 0.12 * wide * np.sqrt(np.clip(1 - u * u, 0, 1)) if kind in (1, 2, 3) else 1.0
    turned = 1 + float(rng.normal(0, 0.15)) * wide * u if kind in (0, 4) else 1.0
    shadow = np.exp(-(((canvas.y - base) / (0.05 * tall + 1e-3)) ** 2) - (u / 1.1) ** 4) * rng.uniform(0, 0.6)
    ground = np.abs(canvas.near - near) < 0.3 * near
    canvas.colours *= 1 - (shadow * ground)[..., None].astype(np.float32)
    surface = np.asarray(near * bulge * turned + 0 * u, np.float32)
    canvas.put(surface, mask, _lit(rng, _flat(rng, canvas, texture, near), u))


def _shape(rng: np.random.Generator, kind: int, u: Map, v: Map) -> NDArray[np.bool_]:
    standing = (v >= 0) & (v <= 1)
    if kind == 0:  # box
        return np.asarray(standing & (np.abs(u) < 1))
    if kind == 1:  # column
        return np.asarray(standing & (np.abs(u) < rng.uniform(0.1, 0.4)))
    if kind == 2:  # tree
        crown, wave = 0.65, np.sin(9 * np.arctan2(v - 0.65, u) + rng.uniform(0, 6)) * 0.08
        trunk = standing & (np.abs(u) < 0.12) & (v < crown)
        return np.asarray(trunk | (np.hypot(u, (v - crown) / 0.38) < 1 + wave))
    if kind == 3:  # stone
        return np.asarray(np.hypot(u, v) ** 2 * (v >= 0) + (v < 0) * 9 < 1)
    lean, narrow = rng.uniform(-0.5, 0.5), rng.uniform(0, 0.9)
    return np.asarray(standing & (np.abs(u - lean * v) < 1 - narrow * v))


def _person(rng: np.random.Generator, canvas: Canvas, near: float, pick: Callable[[], Texture]) -> None:
    """This puts somebody close before the camera: head and shoulders, down to the lower edge."""
    size, middle = float(rng.uniform(0.08, 0.3)), float(rng.uniform(-0.3, 0.3))
    top = float(rng.uniform(-0.8, 0.4)) * float(canvas.y.max())
    u, v = (canvas.x - middle) / size, (canvas.y - top) / size  # in head heights
    width = np.clip(0.35 + 0.75 * np.sqrt(np.clip(v - 0.95, 0, 1.2)), 0, 1)
    body = (v > 0.85) & (np.abs(u) < width)
    head = np.hypot(u / 0.38, (v - 0.5) / 0.5) < 1
    canvas.put(np.asarray(near + 0 * u, np.float32), body, _lit(rng, _flat(rng, canvas, pick(), 0.5), u))
    round_head = near * (1 + 0.3 * size * np.sqrt(np.clip(1 - np.hypot(u / 0.38, (v - 0.5) / 0.5), 0, 1)))
    skin = _flat(rng, canvas, pick(), 0.3) * 0.3 + np.array([0.75, 0.55, 0.45], np.float32) * rng.uniform(0.3, 1.0)
    canvas.put(round_head, head, _lit(rng, np.asarray(skin, np.float32), u))


def _float(rng: np.random.Generator, canvas: Canvas, near: float, texture: Texture) -> None:
    """This hangs a thing in the air, often cut by the picture's edge."""
    x, y = rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.5)
    u, v = canvas.x - x, canvas.y - y
    angle, radius = np.arctan2(v, u), np.hypot(u, v * rng.uniform(0.5, 2))
    reach = near * rng.uniform(0.05, 0.3) * (1 + 0.2 * np.sin(int(rng.integers(2, 6)) * angle + rng.uniform(0, 6)))
    canvas.put(near, radius < reach, _lit(rng, _flat(rng, canvas, texture, near), u / max(float(reach.mean()), 1e-3)))


def _flat(rng: np.random.Generator, canvas: Canvas, texture: Texture, near: float) -> NDArray[np.float32]:
    scale = float(np.exp(rng.uniform(np.log(0.4), np.log(2.5)))) / max(near, 0.1)
    colours = _look_up(texture, canvas.x * scale + rng.uniform(0, 1), canvas.y * scale + rng.uniform(0, 1))
    contrast, mean = rng.uniform(0.1, 1.0), texture.mean((0, 1))
    return np.asarray((mean + (colours - mean) * contrast) * rng.uniform(0.5, 1.2), np.float32)


def _look_up(texture: Texture, u: Map, v: Map) -> NDArray[np.float32]:
    side = len(texture)
    where = [np.asarray(np.mod(place, 1.0) * side, np.float32) for place in (u, v)]
    return np.asarray(cv2.remap(texture, where[0], where[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32)


def _sky(rng: np.random.Generator, canvas: Canvas, texture: Texture) -> NDArray[np.float32]:
    top, low = rng.uniform(0.1, 1.0, 3), rng.uniform(0.4, 1.0, 3)
    if rng.random() < 0.6:
        top, low = np.array([0.3, 0.5, 0.9]) * rng.uniform(0.4, 1.1), np.array([0.85, 0.9, 1.0]) * rng.uniform(0.5, 1)
    share = np.clip(0.5 - canvas.y * rng.uniform(0.5, 2), 0, 1)[..., None]
    clouds = _flat(rng, canvas, texture, 0.5).mean(-1, keepdims=True) - 0.4
    return np.asarray(top * share + low * (1 - share) + clouds * rng.uniform(0, 0.5) * (rng.random() < 0.5), np.float32)


def _lit(rng: np.random.Generator, colours: NDArray[np.float32], across: Map) -> NDArray[np.float32]:
    light = 1 + rng.uniform(-0.5, 0.5) * np.clip(across, -1, 1)
    return np.asarray(colours * light[..., None], np.float32)


def _air(rng: np.random.Generator, colours: NDArray[np.float32], near: Map) -> NDArray[np.float32]:
    """Haze: what is far takes the colour of the air."""
    if rng.random() < 0.4:
        return colours
    clear = np.exp(-rng.uniform(0.01, 0.15) / np.maximum(near, 0.02))[..., None]
    return np.asarray(colours * clear + rng.uniform(0.5, 0.95) * (1 - clear), np.float32)


def _lens(rng: np.random.Generator, colours: NDArray[np.float32], near: Map) -> NDArray[np.float32]:
    """Half a pixel of softness, and at times a narrow focus."""
    picture = cv2.GaussianBlur(colours, (0, 0), 0.5)
    if rng.random() < 0.6:
        return np.asarray(picture, np.float32)
    soft = cv2.GaussianBlur(colours, (0, 0), float(rng.uniform(1.5, 4)))
    far_off = np.clip(np.abs(near - rng.uniform(0, 1.2)) * 2, 0, 1)
    share = cv2.GaussianBlur(far_off.astype(np.float32), (0, 0), 2)[..., None]
    return np.asarray(picture * (1 - share) + soft * share, np.float32)
