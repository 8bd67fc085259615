"""Carry pixels along a flow."""

from __future__ import annotations

import torch
from kornia.geometry.transform import remap
from torch import Tensor


def warp(frames: Tensor, flow: Tensor, mode: str = "bilinear") -> tuple[Tensor, Tensor]:
    """This looks up each pixel p of `frames` `[T, C, H, W]` at p + flow(p).

    flow: `[T, 2, H, W]`, pixels, (dx, dy); with `flow_to_previous` and the previous frames the result is what the
    current frames would be if nothing but the motion had changed. Gives the warped frames, and `[T, 1, H, W]`, 1 where
    the place looked up lies inside the picture; outside, the nearest pixel of the border stands in. mode: "bilinear",
    or "bicubic", which keeps more of the detail and may overshoot.
    """
    if frames.shape[-2:] != flow.shape[-2:] or flow.shape[1] != 2 or len(frames) != len(flow):
        raise ValueError(f"flow {tuple(flow.shape)} does not fit frames {tuple(frames.shape)}")
    height, width = frames.shape[-2:]
    rows = torch.arange(height, dtype=flow.dtype, device=flow.device)[:, None]
    columns = torch.arange(width, dtype=flow.dtype, device=flow.device)
    x, y = flow[:, 0] + columns, flow[:, 1] + rows
    warped = remap(frames, x, y, mode, padding_mode="border", align_corners=True)
    inside = (x > -EDGE) & (x < width - 1 + EDGE) & (y > -EDGE) & (y < height - 1 + EDGE)
    return warped, inside[:, None].to(frames.dtype)


EDGE = 1e-3
"""Pixels beyond the outermost pixel centres that still count as inside: what rounding may do to a flow of zero."""
