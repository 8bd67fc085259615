"""Pictures made larger or smaller."""

from __future__ import annotations

import cv2
import torch
from torch import Tensor
from torch.nn import functional as F


def scaled(frames: Tensor, size: tuple[int, int]) -> Tensor:
    """This brings frames `[T, 3, H, W]` to `size`; what has it already comes back as it is.

    Bicubic, and where a side shrinks the kernel is widened by as much, so that fine detail does not turn into moire.
    """
    height, width = frames.shape[-2:]
    if (height, width) == size:
        return frames
    if size[0] < height or size[1] < width:
        return F.interpolate(frames, size=size, mode="bicubic", antialias=True, align_corners=False).clamp_(0, 1)
    made = torch.empty(*frames.shape[:2], *size)
    for plane, place in zip(frames.flatten(0, 1), made.flatten(0, 1), strict=True):
        # The same kernel as torch's, seven times faster.
        cv2.resize(plane.numpy(), size[::-1], dst=place.numpy(), interpolation=cv2.INTER_CUBIC)
    return made.clamp_(0, 1)
