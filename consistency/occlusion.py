"""Where a flow can be trusted: seen from both sides, away from motion boundaries, and alike in colour."""

from __future__ import annotations

import torch
from torch import Tensor

from consistency.warp import warp


def occluded(flow: Tensor, reverse: Tensor) -> Tensor:
    """This marks pixels that going there and back does not bring home: `[T, 1, H, W]`, 1 is occluded.

    flow: `[T, 2, H, W]`, from the current frames to the others. reverse: the same from the others back. A pixel whose
    flow leaves the picture is occluded too. The check is the squared one (Sundaram, Brox, Keutzer, ECCV 2010): slack
    grows with the motion.
    """
    disagreement, inside = _disagreement(flow, reverse)
    return ((disagreement > 1) | (inside == 0)).to(flow.dtype)


def round_trip(flow: Tensor, reverse: Tensor) -> Tensor:
    """This says how well going there and back comes home: `[T, 1, H, W]`, 1 exactly, 0.5 at the limit, 0 outside."""
    disagreement, inside = _disagreement(flow, reverse)
    return torch.exp2(-disagreement) * inside


def further(link: Tensor, ahead: Tensor) -> Tensor:
    """This goes on by the links `ahead` from where each of `link` ends. Links are flow and trust, `[N, 3, H, W]`."""
    beyond, inside = warp(ahead, link[:, :2])
    beyond[:, :2] += link[:, :2]
    beyond[:, 2:] *= link[:, 2:] * inside
    return beyond


def motion_boundary(flow: Tensor) -> Tensor:
    """This marks pixels where neighbours move apart: `[T, 1, H, W]`, 1 is a boundary (Sundaram et al. 2010)."""
    steepness = torch.zeros_like(flow[:, :1])
    for axis in (-1, -2):
        if flow.shape[axis] > 1:
            for slope in torch.split(_slope(flow, axis), 1, dim=1):
                steepness.addcmul_(slope, slope)
    return (steepness > 0.01 * flow.square().sum(dim=1, keepdim=True) + 0.002).to(flow.dtype)


def _slope(flow: Tensor, axis: int) -> Tensor:
    """This is how much a flow changes a pixel along an axis, as `torch.gradient` has it, which takes longer."""
    slope, last = torch.empty_like(flow), flow.shape[axis] - 1
    within = slope.narrow(axis, 1, last - 1)
    torch.sub(flow.narrow(axis, 2, last - 1), flow.narrow(axis, 0, last - 1), out=within)
    within.mul_(0.5)
    for end, before in ((0, 0), (last, last - 1)):
        torch.sub(flow.narrow(axis, before + 1, 1), flow.narrow(axis, before, 1), out=slope.narrow(axis, end, 1))
    return slope


def confidence(flow: Tensor, reverse: Tensor, current: Tensor, other: Tensor, tolerance: float = 0.05) -> Tensor:
    """This says how far each pixel's flow can be trusted: `[T, 1, H, W]`, 0 to 1.

    current, other: `[T, 3, H, W]`, the source's frames between which the flow runs. tolerance: difference in colour, on
    the scale of the frames, that costs 40 percent of the trust (Bonneel et al. 2015 use 0.05); larger is more trusting.
    """
    brought, _ = warp(other, flow)
    difference = (brought - current).square().mean(dim=1, keepdim=True)
    alike = torch.exp(-difference / (2 * tolerance**2))
    return round_trip(flow, reverse) * alike * (1 - 0.5 * motion_boundary(flow))


def _disagreement(flow: Tensor, reverse: Tensor) -> tuple[Tensor, Tensor]:
    """This gives the squared miss of a round trip over what is allowed (1 is the limit), and where it can be told."""
    back, inside = warp(reverse, flow)
    miss = (flow + back).square().sum(dim=1, keepdim=True)
    moved = flow.square().sum(dim=1, keepdim=True) + back.square().sum(dim=1, keepdim=True)
    return miss / (0.01 * moved + 0.5), inside
