"""Carry pixels along a flow."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


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
    # Places as grid_sample wants them: the picture's outer edges are -1 and 1, pixel centres half a pixel within.
    rows = torch.linspace(1 / height - 1, 1 - 1 / height, height)[:, None].to(frames)
    columns = torch.linspace(1 / width - 1, 1 - 1 / width, width).to(frames)
    x, y = columns + flow[:, 0] * (2 / width), rows + flow[:, 1] * (2 / height)
    places = torch.stack([x, y], dim=1).permute(0, 2, 3, 1)  # x and y each in one piece: side by side takes longer
    warped = F.grid_sample(frames, places, mode, padding_mode="border", align_corners=False)
    inside = (x.abs() < 1 + (2 * EDGE - 1) / width) & (y.abs() < 1 + (2 * EDGE - 1) / height)
    return warped, inside[:, None].to(frames.dtype)


EDGE = 1e-3
"""Pixels beyond the outermost pixel centres that still count as inside: what rounding may do to a flow of zero."""
