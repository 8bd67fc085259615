"""Scenes with exact depth, flow and occlusion: textured planes before a moving pinhole camera.

Nothing in a scene is estimated. A plane's points reach the picture by one homography a frame, so flow is what two of
them say, depth what the camera says, and a pixel is hidden where another plane answers first. Shapes are tested at
points, never drawn; pictures are the mean over `SAMPLES` x `SAMPLES` points a pixel, whose centre has whole
coordinates: the pixel (0, 0) reaches from -0.5 to 0.5. No two points of a pixel stand on one row or column: an upright
edge that moves slowly would else jump from column to column, by a third of a pixel at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from samples.planes import Plane, draw_planes

SAMPLES = 3
"""Points a side that a pixel is the mean of."""

Paint = Callable[[NDArray[np.float32], int], NDArray[np.float32]]
"""Texture `[S, S, 3]` and layer in, texture of the same size out: a look that sticks to surfaces."""


@dataclass(frozen=True)
class Scene:
    """A clip and the truth about it; all float32.

    frames: `[T, 3, H, W]`, 0 to 1. depth: `[T, 1, H, W]`, 1 is near: inverse depth, scaled over the scene.
    flow_to_previous: `[T, 2, H, W]`, pixels, `frame[t](p) = frame[t - 1](p + flow(p))`; zeros in the first frame.
    flow_to_next: the same towards t + 1; zeros in the last. occluded: `[T, 1, H, W]`, 1 where a pixel's surface is not
    to be seen in the previous frame, hidden or outside; all 1 in the first. layers: `[T, 1, H, W]`, which surface;
    0 is the background, and of those that stand (all but a ground, see `draw_planes`) the higher one is the nearer.
    clean: `[T, 1, H, W]`, 1 where warping can be held to account: visible in both frames and mixed with no other
    layer in either.
    """

    frames: Tensor
    depth: Tensor
    flow_to_previous: Tensor
    flow_to_next: Tensor
    occluded: Tensor
    layers: Tensor
    clean: Tensor


def draw_scene(seed: int, frames: int, height: int, width: int, paint: Paint | None = None, first: int = 0) -> Scene:
    """This draws the scene of a seed: `frames` frames from moment `first` on.

    The same seed gives the same scene at any length, and the same shapes and motion at any size of one aspect. `paint`
    changes the textures before they are seen, so what it does moves exactly with the scene.
    """
    planes = draw_planes(np.random.default_rng(seed), height, width)
    if paint is not None:
        planes = [plane.painted(paint(plane.texture, layer)) for layer, plane in enumerate(planes)]
    scene = film(lambda t: planes, range(first, first + frames), height, width)
    return replace(scene, frames=scene.frames.clamp(0, 1))


def film(planes_at: Callable[[int], list[Plane]], moments: range, height: int, width: int) -> Scene:
    """This films planes at some moments; their textures, of any number of channels, may be others at each.

    What comes out as `frames` has as many channels as the textures, and is not held to 0 to 1.
    """
    planes = planes_at(moments[0])
    pictures, mixed = zip(*(_picture(planes_at(t), t, height, width) for t in moments), strict=True)
    truths = [_truth(planes, t, moments, height, width) for t in moments]
    near, back, ahead, hidden, layers = (torch.stack(parts) for parts in zip(*truths, strict=True))
    span = (near.max() - near.min()).clamp(min=1e-6)
    clean = _clean(torch.stack(mixed), back, hidden)
    return Scene(torch.stack(pictures), (near - near.min()) / span, back, ahead, hidden, layers, clean)


def _grid(height: int, width: int, samples: int = 1) -> Tensor:
    """This gives points of all pixels, `[height * samples, width * samples, 2]`, as (x, y): a sheared grid in each."""
    rows, columns = (torch.arange(side * samples) for side in (height, width))
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    aside_y, aside_x = (((along % samples + 0.5) / samples - 0.5) / samples for along in (x, y))
    points = torch.stack([(x + 0.5) / samples - 0.5 + aside_x, (y + 0.5) / samples - 0.5 + aside_y])
    return points.movedim(0, -1)  # all x lie side by side in memory, and all y


def _select(points: Tensor, indices: Tensor) -> Tensor:
    """This picks some of the points `[N, 2]`."""
    return points.T.index_select(1, indices).T


def _nearest(planes: list[Plane], t: int, points: Tensor) -> tuple[Tensor, Tensor]:
    """This says which layer is seen at each point, `[...]`, and its inverse depth."""
    flat = points.reshape(-1, 2)
    layer, near = torch.zeros(len(flat), dtype=torch.long), torch.full((len(flat),), -torch.inf)
    for index, plane in enumerate(planes):
        close = plane.near(t, flat)
        place, inverse = plane.locate(t, _select(flat, close))
        seen = (plane.covers(place) & (inverse > near.index_select(0, close)) & (inverse > 0)).nonzero()[:, 0]
        here = close.index_select(0, seen)
        layer.index_fill_(0, here, index)
        near.index_copy_(0, here, inverse.index_select(0, seen))
    return layer.view(points.shape[:-1]), near.view(points.shape[:-1])


def _picture(planes: list[Plane], t: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """This draws frame t, `[C, H, W]`, and marks pixels that show more than one layer, `[1, H, W]`."""
    points = _grid(height, width, SAMPLES)
    layer, _ = _nearest(planes, t, points)
    flat, colours = points.view(-1, 2), torch.zeros(layer.numel(), planes[0].texture.shape[2])
    for index, plane in enumerate(planes):
        seen = (layer.view(-1) == index).nonzero()[:, 0]
        if len(seen):
            colours.index_copy_(0, seen, plane.colours(plane.locate(t, _select(flat, seen))[0]))
    ids = layer.float()[None]
    # One sample more on every side: an edge may fall between two pixels.
    highest, lowest = (F.max_pool2d(signed, SAMPLES + 2, SAMPLES, padding=1) for signed in (ids, -ids))
    mixed = highest != -lowest
    return F.avg_pool2d(colours.T.reshape(-1, *layer.shape), SAMPLES), mixed.float()


def _truth(planes: list[Plane], t: int, moments: range, height: int, width: int) -> tuple[Tensor, ...]:
    """This gives inverse depth, flow to the previous and to the next frame, occlusion and layers at pixel centres."""
    points = _grid(height, width)
    layer, near = _nearest(planes, t, points)
    back = _flow(planes, layer, points, t, max(t - 1, moments[0]))
    ahead = _flow(planes, layer, points, t, min(t + 1, moments[-1]))
    hidden = torch.ones_like(near)
    if t > moments[0]:
        source = points + back
        limit = torch.tensor([width - 1, height - 1])
        outside = ((source < 0) | (source > limit)).any(dim=-1)
        hidden = (outside | (_nearest(planes, t - 1, source)[0] != layer)).float()
    return near[None], back.permute(2, 0, 1), ahead.permute(2, 0, 1), hidden[None], layer.float()[None]


def _flow(planes: list[Plane], layer: Tensor, points: Tensor, here: int, there: int) -> Tensor:
    flow = torch.zeros_like(points)
    if here != there:
        for index, plane in enumerate(planes):
            seen = layer == index
            flow[seen] = plane.follow(here, there, points[seen]) - points[seen]
    return flow


def _clean(mixed: Tensor, back: Tensor, hidden: Tensor) -> Tensor:
    """This keeps visible pixels that touch no layer's edge, here or where they come from."""
    height, width = mixed.shape[-2:]
    edges = F.max_pool2d(mixed, 3, stride=1, padding=1)
    source = _grid(height, width) + back.permute(0, 2, 3, 1)
    scale = torch.tensor([2 / max(width - 1, 1), 2 / max(height - 1, 1)])
    before = F.grid_sample(edges.roll(1, dims=0), source * scale - 1, align_corners=True, padding_mode="border")
    return ((hidden + edges + before) == 0).float()
