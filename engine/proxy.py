"""What the passes of a render say of its pictures: exact motion, depth and outlines, in Blender's conventions.

Blender's Vector pass holds pixels, x to the right and y up: X, Y is the place in the previous frame minus the place
now, Z, W the place now minus the place in the next frame. Depth is the distance along the camera's axis, 1e10 for sky.
Motion between two frames is taken from the X, Y of the later and the Z, W of the earlier one, so the first frame's X, Y
and the last frame's Z, W, which are zero for want of keys, are never asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.errors import MediaError
from engine.given import Given
from engine.media import Pass, RenderPasses
from engine.motion import THREADS
from engine.windows import Span
from preprocessors.flow import FAST, REACH, SLOWEST, flow_confidence, flow_map
from preprocessors.lines import soft_lines
from preprocessors.spread import Spread

FASTEST = 4.0
"""Of the picture's longer side: motion beyond it is no motion but a value that was never set."""

ONE = Span(0, 1)


@dataclass(frozen=True)
class Proxy:
    """The passes of a render, brought to the size that is worked on. ranges: per frame the least and the most depth."""

    passes: RenderPasses
    size: tuple[int, int]
    ranges: tuple[tuple[float, float], ...]

    @classmethod
    def read(cls, passes: RenderPasses, size: tuple[int, int], told: Callable[[int], None]) -> Proxy:
        """This looks through all frames of the passes once; `told` hears how many are done.

        Raises:
            MediaError: a file is damaged, or a pass holds what it cannot mean.
        """
        ranges = []
        for number in range(passes.frames):
            depth, vector = passes.read(number, Pass.DEPTH, Pass.VECTOR)
            file = passes.layer(Pass.DEPTH).files[number]
            _check_depth(depth, f"{file}, pass {Pass.DEPTH}")
            _check_vector(vector, f"{passes.layer(Pass.VECTOR).files[number]}, pass {Pass.VECTOR}")
            ranges.append((float(depth.min()), float(depth.max())))
            told(number + 1)
        return cls(passes, size, tuple(ranges))

    def __call__(self, number: int, previous: Tensor, current: Tensor) -> tuple[Tensor, Tensor]:
        """This gives the flow from frame `number` to the one before and back, `[2, H, W]`, as `Motion` promises."""
        there, back = self._vector(number)[:2], self._vector(number - 1)[2:]
        below, right = (side - own for side, own in zip(current.shape[-2:], self.size, strict=True))
        padded = F.pad(torch.stack([there, back]), (0, right, 0, below), mode="replicate")
        return padded[0], padded[1]

    @cached_property
    def _vector(self) -> Callable[[int], Tensor]:
        return lru_cache(maxsize=2 * THREADS + 4)(self._read_vector)

    def _read_vector(self, number: int) -> Tensor:
        """This gives the flows of a frame to the previous and to the next one, `[4, h, w]`, y down, in working pixels.

        Each working pixel takes the motion of one of the render's: a mean would move with nothing.
        """
        (vector,) = self.passes.read(number, Pass.VECTOR)
        flows = vector * vector.new_tensor([1, -1, -1, 1]).view(4, 1, 1)
        height, width = flows.shape[-2:]
        unit = flows.new_tensor([self.size[1] / width, self.size[0] / height] * 2).view(4, 1, 1)
        return F.interpolate(flows[None], self.size, mode="nearest-exact")[0] * unit

    def near(self, number: int, shot: Span) -> Tensor:
        """This gives inverse depth `[1, h, w]`: 1 at the nearest point of the whole shot, 0 at the farthest."""
        (depth,) = self.passes.read(number, Pass.DEPTH)
        nears, fars = zip(*self.ranges[shot.start : shot.stop], strict=True)
        nearest, farthest = min(nears), max(fars)
        if nearest == farthest:
            return torch.full((1, *self.size), 0.5)
        inverse = (1 / depth.double() - 1 / farthest) / (1 / nearest - 1 / farthest)
        return _reduced(inverse.float().clamp(0, 1), self.size)

    def normals(self, number: int) -> Tensor | None:
        """This gives normals as a picture `[3, h, w]`, 0 to 1; None where the render has none."""
        if not self.passes.has(Pass.NORMAL):
            return None
        (normals,) = self.passes.read(number, Pass.NORMAL)
        return _reduced((normals.nan_to_num() / 2 + 0.5).clamp(0, 1), self.size)

    def givens(self) -> dict[str, Given]:
        """This gives the controls that passes are better at than any detector, by their names."""
        return {"depth": DepthPass(self), "edges": Outlines(self), "flow": VectorPass(self)}


@dataclass(frozen=True)
class DepthPass:
    """The depth control: inverse depth, near and far over the shot. The order of any two pixels is that of Z."""

    proxy: Proxy
    shot: Span = ONE

    def fit(self, shot: Span) -> DepthPass:
        """This takes near and far from a shot."""
        return DepthPass(self.proxy, shot)

    def __call__(self, span: Span, frames: Tensor) -> Tensor:
        """This gives `[T, 1, H, W]`."""
        return torch.stack([self.proxy.near(number, self.shot) for number in range(span.start, span.stop)])


@dataclass(frozen=True)
class Outlines:
    """The edges control: the picture's own lines, and those where depth jumps or normals turn, whatever the light.

    Inverse depth is linear in the picture along anything flat, so a line detector sees only where it jumps or bends.
    """

    proxy: Proxy
    shot: Span = ONE

    def fit(self, shot: Span) -> Outlines:
        """This takes near and far from a shot."""
        return Outlines(self.proxy, shot)

    def __call__(self, span: Span, frames: Tensor) -> Tensor:
        """This draws `[T, 1, H, W]` of frames `[T, 3, H, W]`."""
        return torch.stack(
            [self._lines(number, frame) for number, frame in zip(range(span.start, span.stop), frames, strict=True)]
        )

    def _lines(self, number: int, frame: Tensor) -> Tensor:
        normals = self.proxy.normals(number)
        maps = [self.proxy.near(number, self.shot), *(() if normals is None else torch.split(normals, 1))]
        return soft_lines(torch.stack([frame, *(one.expand(3, -1, -1) for one in maps)])).amax(dim=0)


@dataclass(frozen=True)
class VectorPass:
    """The flow control: motion and where it holds. reach: the fastest motion that it tells apart, see `FlowMap`."""

    proxy: Proxy
    reach: float = REACH
    first: int = 0

    def fit(self, shot: Span) -> VectorPass:
        """This takes for `reach` the speed that nearly all pixels of the shot stay below."""
        spread = Spread(REACH)
        for there, _ in self._flows(shot.start + 1, shot.stop):
            spread.add(there.square().sum(0).sqrt() / max(self.proxy.size))
        reach = max(spread.below(FAST), SLOWEST) if spread.total else REACH
        return VectorPass(self.proxy, reach, shot.start)

    def __call__(self, span: Span, frames: Tensor) -> Tensor:
        """This draws `[T, 3, H, W]`; the shot's first frame knows no motion."""
        begins = span.start == self.first
        still = torch.tensor([0.5, 0.5, 0.0]).view(3, 1, 1).expand(3, *self.proxy.size)
        moving = self._flows(span.start + begins, span.stop)
        maps = [flow_map(there, flow_confidence(there, back), self.reach) for there, back in moving]
        return torch.stack([still, *maps] if begins else maps)

    def _flows(self, start: int, stop: int) -> Iterator[tuple[Tensor, Tensor]]:
        like = torch.empty(0, *self.proxy.size)
        for number in range(start, stop):
            yield self.proxy(number, like, like)


def _reduced(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """This averages over what falls into one working pixel; nothing overshoots."""
    if tuple(picture.shape[-2:]) == size:
        return picture
    return F.interpolate(picture[None], size, mode="bilinear", antialias=True, align_corners=False)[0]


def _check_depth(depth: Tensor, where: str) -> None:
    if depth.isnan().any():
        raise MediaError(f"{where}: some distances are not numbers. Render it again.")
    if depth.min() <= 0:
        raise MediaError(
            f"{where}: the least distance is {depth.min():g}; distances from the camera are above 0. "
            "Save the pass as it is, without a Normalize or Map Range node."
        )


def _check_vector(vector: Tensor, where: str) -> None:
    if not vector.isfinite().all():
        raise MediaError(f"{where}: some vectors are not numbers. Render it again.")
    if (most := vector.abs().max()) > FASTEST * max(vector.shape[-2:]):
        raise MediaError(
            f"{where}: something moves {most:g} pixels in one frame, far beyond the picture. See its keys."
        )
