"""What can be told of a restyled clip without knowing how it should look: frame by frame, in constant memory.

Three clips are seen at once, always in this order: the result, the raw chunks as the model gave them, put side by side,
and the source. The source says what moves; the raw chunks say what the model drew.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional as F

from consistency.metrics import detail
from consistency.structure import blur_ssim, edge_f1
from consistency.warp import warp

RESULT, RAW, SOURCE = range(3)
CELLS = 48
"""Cells along the longer side in which motion and colour are compared."""

SEEN = 0.02
"""The least share of the picture that must be seen in both frames for a change to be judged."""


@dataclass(frozen=True)
class Moment:
    """The figures of one frame; what cannot be told is NaN, as is all change in the first frame of a shot.

    jump `[3]`: mean absolute change along the source's motion in the result, the raw chunks, the source; 8-bit levels.
    error `[3]`: the mean squared one, frames 0 to 1. colour `[9]`: mean red, green and blue of each. detail `[3]`:
    energy of detail common to result and raw, of the raw, of the result. motion `[2]`: change of result and raw that
    goes with the source's. structure `[2]`, edges `[2]`: likeness of result and raw to the source.
    """

    jump: Tensor
    error: Tensor
    colour: Tensor
    detail: Tensor
    motion: Tensor
    structure: Tensor
    edges: Tensor


WIDTHS = {"jump": 3, "error": 3, "colour": 9, "detail": 3, "motion": 2, "structure": 2, "edges": 2}


class Timeline:
    """The figures of all frames, a hundred bytes each."""

    def __init__(self) -> None:
        self._values = array("f")

    def add(self, moment: Moment) -> None:
        """This takes the next frame's figures."""
        for field in fields(Moment):
            self._values.extend(getattr(moment, field.name).tolist())

    def skip(self, frames: int) -> None:
        """This leaves out frames that nobody looked at: all their figures are NaN."""
        self._values.extend([math.nan] * sum(WIDTHS.values()) * frames)

    def __len__(self) -> int:
        return len(self._values) // sum(WIDTHS.values())

    def moments(self) -> Moment:
        """This gives all figures as one `Moment` whose tensors have the frames in front: `[T, ...]`."""
        table = torch.tensor(self._values).view(-1, sum(WIDTHS.values()))
        return Moment(*torch.split(table, list(WIDTHS.values()), dim=1))


class Watch:
    """This sees the frames of one shot in order, and gives each one's figures."""

    def __init__(self) -> None:
        self._before: Tensor | None = None

    def see(self, frames: Tensor, motion: tuple[Tensor, Tensor] | None, edges: Tensor | None = None) -> Moment:
        """This takes the next frame of all three, `[3, 3, H, W]`.

        motion: `flow_to_previous` `[2, H, W]` and mask `[1, H, W]` (1 where it holds) of the source; None where change
        is not to be judged. edges: `[3, 1, H, W]`, 0 or 1, of the three; None leaves structure out.
        """
        before, self._before = self._before, frames
        unknown = torch.full((3,), torch.nan)
        jump, error, moved = unknown, unknown, unknown[:2]
        if before is not None and motion is not None:
            jump, error = _change(before, frames, *motion)
            moved = _motion(before, frames)
        source = frames[SOURCE:].expand(2, -1, -1, -1)
        return Moment(
            jump=jump,
            error=error,
            colour=frames.mean(dim=(2, 3)).flatten(),
            detail=_detail(frames),
            motion=moved,
            structure=unknown[:2] if edges is None else blur_ssim(frames[:SOURCE], source),
            edges=unknown[:2] if edges is None else edge_f1(edges[:SOURCE], edges[SOURCE:].expand(2, -1, -1, -1)),
        )


def _change(before: Tensor, frames: Tensor, flow: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    carried, _ = warp(before, flow.expand(3, -1, -1, -1))
    count = mask.sum()
    if count < SEEN * mask.numel():
        return torch.full((3,), torch.nan), torch.full((3,), torch.nan)
    change = (frames - carried) * mask
    return 255 * change.abs().sum(dim=(1, 2, 3)) / (3 * count), change.square().sum(dim=(1, 2, 3)) / (3 * count)


def _motion(before: Tensor, frames: Tensor) -> Tensor:
    """How much of the change of result and of raw goes with the source's.

    The source is the measure because it does not flicker: what flickers in the raw chunks alone is at right angles to
    it, and is no motion that a steady result ought to have kept.
    """
    change = as_cells(frames - before)
    return (change[:SOURCE] * change[SOURCE:]).sum(dim=(1, 2, 3))


def _detail(frames: Tensor) -> Tensor:
    high = detail(frames[:SOURCE])
    return torch.stack([(high[RESULT] * high[RAW]).sum(), high[RAW].square().sum(), high[RESULT].square().sum()])


def as_cells(frames: Tensor) -> Tensor:
    """This averages frames `[T, C, H, W]` over square cells, `CELLS` along the longer side."""
    height, width = frames.shape[-2:]
    share = max(1.0, max(height, width) / CELLS)
    return F.adaptive_avg_pool2d(frames, (max(1, round(height / share)), max(1, round(width / share))))


class LookOfColours:
    """How a shot's first chunk turns the source's colours into its own: one affine map, fitted as frames come.

    With it a change of colour that the source itself makes is told from one that the look makes.
    """

    def __init__(self) -> None:
        self._given = torch.zeros(4, 4)
        self._made = torch.zeros(4, 3)

    def add(self, made: Tensor, source: Tensor) -> None:
        """This learns from a frame `[3, H, W]` of the first chunk and its source."""
        x, y = (as_cells(frame[None])[0].flatten(1) for frame in (source, made))
        x = torch.cat([x, torch.ones_like(x[:1])])
        self._given += x @ x.T
        self._made += x @ y.T

    def gains(self) -> Tensor:
        """This gives the map's linear part `[3, 3]`: a change of the source's colour times it is the result's."""
        ridge = 1e-3 * self._given[3, 3].clamp(min=1) * torch.eye(4)
        gains: Tensor = torch.linalg.solve(self._given + ridge, self._made)[:3]
        return gains
