"""Carry pixels along a flow."""

from __future__ import annotations

import cv2
import torch
from torch import Tensor
from torch.nn import functional as F

EDGE = 1e-3
"""Pixels beyond the outermost pixel centres that still count as inside: what rounding may do to a flow of zero."""
BY_OPENCV = {"bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}
MOST = 32767
"""Pixels a side that OpenCV looks up in; from version 5 on at exact places, before that at 32nds of a pixel."""
BEYOND = 4
"""Pixels outside of a picture where all is as at its border: no place need be farther off."""


def warp(frames: Tensor, flow: Tensor, mode: str = "bilinear") -> tuple[Tensor, Tensor]:
    """This looks up each pixel p of `frames` `[T, C, H, W]` at p + flow(p).

    flow: `[T, 2, H, W]`, pixels, (dx, dy); with `flow_to_previous` and the previous frames the result is what the
    current frames would be if nothing but the motion had changed. Gives the warped frames, and `[T, 1, H, W]`, 1 where
    the place looked up lies inside the picture; outside, the nearest pixel of the border stands in. mode: "bilinear",
    or "bicubic", which keeps more of the detail and may overshoot.
    """
    x, y = _places(frames, flow)
    right, lower = frames.shape[-1] - 1, frames.shape[-2] - 1
    inside = ((x - right / 2).abs() < right / 2 + EDGE) & ((y - lower / 2).abs() < lower / 2 + EDGE)
    return _look_up(frames, x, y, mode), inside[:, None].to(frames.dtype)


def warped(frames: Tensor, flow: Tensor, mode: str = "bilinear") -> Tensor:
    """This gives the warped frames alone, for whoever does not ask what lies inside."""
    return _look_up(frames, *_places(frames, flow), mode)


def _places(frames: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    """This gives the places looked up, x and y, `[T, H, W]` each in pixels."""
    if frames.shape[-2:] != flow.shape[-2:] or flow.shape[1] != 2 or len(frames) != len(flow):
        raise ValueError(f"flow {tuple(flow.shape)} does not fit frames {tuple(frames.shape)}")
    height, width = frames.shape[-2:]
    return torch.arange(width).to(frames) + flow[:, 0], torch.arange(height).to(frames)[:, None] + flow[:, 1]


def _look_up(frames: Tensor, x: Tensor, y: Tensor, mode: str) -> Tensor:
    plain = frames.device.type == "cpu" and frames.dtype == x.dtype == torch.float32
    if plain and max(frames.shape[-2:]) < MOST and not (frames.requires_grad or x.requires_grad):
        return _by_opencv(frames, x, y, BY_OPENCV[mode])
    height, width = frames.shape[-2:]
    # grid_sample's picture reaches from -1 to 1, its outermost pixel centres lie half a pixel within.
    places = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)
    return F.grid_sample(frames, places, mode, padding_mode="border", align_corners=False)


def _by_opencv(frames: Tensor, x: Tensor, y: Tensor, kind: int) -> Tensor:
    """The same on a processor, where torch takes half as long again."""
    right, lower = frames.shape[-1] - 1 + BEYOND, frames.shape[-2] - 1 + BEYOND
    x, y = x.clamp(-BEYOND, right), y.clamp(-BEYOND, lower)
    found = torch.empty(frames.shape)
    for planes, across, down, out in zip(*(part.contiguous().numpy() for part in (frames, x, y, found)), strict=True):
        for plane, into in zip(planes, out, strict=True):
            cv2.remap(plane, across, down, kind, into, cv2.BORDER_REPLICATE)
    return found
