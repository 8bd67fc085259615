"""Optical flow: where each pixel was in the frame before, and how far to believe it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from threading import local
from typing import Protocol, Self

import cv2
import numpy as np
import torch
from kornia.geometry.transform import remap
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from preprocessors.spread import Spread

SMALLEST = 48
"""Pixels: below this the coarse levels of the search do not exist."""

SMOOTHNESS = 40.0
"""What differing from its neighbour costs a flow that is to be smooth, in the units of OpenCV's refinement: 20 else."""
COLOURS = 10.0
"""What a miss in brightness costs a flow that is to keep to borders, in the same units: 5 else."""
REACH = 0.125
"""Of the picture's longer side: the fastest motion a frame that a flow map tells apart."""
SLOWEST = 0.005
"""Of the picture's longer side: a shot that moves less than this a frame is still, and is not stretched further."""
FAST = 0.98
"""The share of a shot's pixels that are slower than what is drawn as fastest."""


class FlowEstimator(Protocol):
    """What estimates motion between two frames `[3, H, W]`, 0 to 1, as backward flow `[2, H, W]` in pixels.

    Several threads may ask at once. `key` says what decides its flows besides the frames.
    """

    key: str

    def __call__(self, previous: Tensor, current: Tensor) -> Tensor:
        """This gives `flow_to_previous`: `current(p) = previous(p + flow(p))`."""
        ...

    def both(self, previous: Tensor, current: Tensor) -> tuple[Tensor, Tensor]:
        """This gives the flow from current to previous and the one from previous to current."""
        ...


class DisFlow:
    """Dense inverse search (Kroeger et al. 2016) as OpenCV has it.

    `fine` searches at full resolution with small steps: two thirds of the error at seven times the cost. For eight
    scenes drawn at 384x216: 0.24 instead of 0.39 pixels off. At that resolution there is grain, which is taken for
    motion: `smooth` keeps to what neighbours do. Those scenes are then 0.27 off and what has grain is followed better
    (`benchmarks.ruler`), but borders less sharply, which what is painted on single frames needs.
    """

    def __init__(self, fine: bool = False, smooth: bool = False) -> None:
        self.fine, self.smooth = fine, smooth
        self.key = f"dis {fine}{f' {SMOOTHNESS if smooth else COLOURS:g}' if fine else ''}"
        self._threads = local()

    @property
    def _search(self) -> cv2.DISOpticalFlow:
        """Each thread's own: a search writes into itself."""
        if not hasattr(self._threads, "search"):
            self._threads.search = _make_search(self.fine, self.smooth)
        search: cv2.DISOpticalFlow = self._threads.search
        return search

    def __call__(self, previous: Tensor, current: Tensor) -> Tensor:
        """This gives `flow_to_previous` `[2, H, W]` of two frames `[3, H, W]`."""
        return self._between(_grey(current), _grey(previous), current)

    def near(self, previous: Tensor, current: Tensor, flow: Tensor) -> Tensor:
        """This gives `flow_to_previous` `[2, H, W]`, looked for from a flow on that is roughly known."""
        here = _grey(current)
        below, right = (side - own for side, own in zip(here.shape, flow.shape[-2:], strict=True))
        start = F.pad(flow[None], (0, right, 0, below), mode="replicate")[0].permute(1, 2, 0).contiguous().numpy()
        return self._between(here, _grey(previous), current, start)

    def both(self, previous: Tensor, current: Tensor) -> tuple[Tensor, Tensor]:
        """This gives the flow from current to previous and the one from previous to current, `[2, H, W]` each."""
        before, now = _grey(previous), _grey(current)
        return self._between(now, before, current), self._between(before, now, current)

    def _between(
        self, here: NDArray[np.uint8], there: NDArray[np.uint8], like: Tensor, start: NDArray[np.float32] | None = None
    ) -> Tensor:
        height, width = like.shape[-2:]
        found = self._search.calc(here, there, start)  # type: ignore[arg-type]  # None: no flow to start from
        flow = np.asarray(found, np.float32)
        return torch.from_numpy(flow[:height, :width]).permute(2, 0, 1).contiguous()


def _make_search(fine: bool, smooth: bool) -> cv2.DISOpticalFlow:
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    if fine:
        search.setFinestScale(0)
        search.setGradientDescentIterations(25)
        search.setPatchStride(3)
        search.setVariationalRefinementIterations(5)
        if not smooth:
            search.setVariationalRefinementDelta(COLOURS)
    else:
        # The preset's 25 and 3 take half as long again for the same error.
        search.setGradientDescentIterations(5)
        search.setPatchStride(4)
    if smooth:
        search.setVariationalRefinementAlpha(SMOOTHNESS)
    return search


@dataclass(frozen=True)
class FlowMap:
    """Motion as a control map of three channels: dx, dy and confidence.

    dx and dy are 0.5 where nothing moves, and 0 or 1 at `reach` times the picture's longer side a frame; what moves
    faster is held there. Confidence is 1 where going to the previous frame and back ends where it began. The first
    frame that it sees knows no motion: 0.5, 0.5 and no confidence; so let windows begin one frame early.
    """

    estimator: FlowEstimator
    reach: float = REACH
    name: str = "flow"
    lookbehind: int = 1

    @property
    def key(self) -> str:
        """How motion is looked for, and what is drawn as fastest."""
        return f"{self.estimator.key} {self.reach}"

    def fit(self, frames: Iterable[Tensor]) -> Self:
        """This takes for `reach` the speed that nearly all pixels of the shot stay below."""
        spread = Spread(REACH)
        previous: Tensor | None = None
        for window in frames:
            for frame in window:
                if previous is not None:
                    speed = self.estimator(previous, frame).square().sum(0).sqrt()
                    spread.add(speed / max(frame.shape[-2:]))
                previous = frame
        return replace(self, reach=max(spread.below(FAST), SLOWEST)) if spread.total else self

    def __call__(self, frames: Tensor, number: int = 0) -> Tensor:
        """This draws motion `[T, 3, H, W]` of frames `[T, 3, H, W]`."""
        height, width = frames.shape[-2:]
        still = torch.tensor([0.5, 0.5, 0.0]).view(3, 1, 1).expand(3, height, width)
        return torch.stack([still, *(self._pair(frames[i - 1], frames[i]) for i in range(1, len(frames)))])

    def _pair(self, previous: Tensor, current: Tensor) -> Tensor:
        flow, reverse = self.estimator.both(previous, current)
        return flow_map(flow, flow_confidence(flow, reverse), self.reach)


def flow_map(flow: Tensor, trust: Tensor, reach: float = REACH) -> Tensor:
    """This draws flow `[2, H, W]`, in pixels, and its confidence `[1, H, W]` as one control map `[3, H, W]`."""
    scaled = flow / (2 * reach * max(flow.shape[-2:])) + 0.5
    return torch.cat([scaled.clamp(0, 1), trust])


def flow_confidence(flow: Tensor, reverse: Tensor) -> Tensor:
    """This says how well two flows `[2, H, W]` undo each other: `[1, H, W]`, 1 exactly, 0.5 at the limit, 0 outside.

    The limit is that of Sundaram, Brox and Keutzer (ECCV 2010): the squared miss is 0.5 plus a hundredth of the motion.
    """
    height, width = flow.shape[-2:]
    x = flow[0] + torch.arange(width)
    y = flow[1] + torch.arange(height)[:, None]
    back = remap(reverse[None], x[None], y[None], padding_mode="border", align_corners=True)[0]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    miss, moved = (flow + back).square().sum(0), flow.square().sum(0) + back.square().sum(0)
    return (torch.exp2(-miss / (0.01 * moved + 0.5)) * inside)[None]


def _grey(frame: Tensor) -> NDArray[np.uint8]:
    picture = (frame.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    below, right = (max(0, SMALLEST - side) for side in grey.shape)
    return np.asarray(cv2.copyMakeBorder(grey, 0, below, 0, right, cv2.BORDER_REPLICATE), np.uint8)
