"""Depth Anything V2 (arXiv 2406.09414) as a network of single pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from preprocessors.network_input import of_imagenet
from preprocessors.pretrained import load_whole
from preprocessors.workplace import Workplace


class DepthAnything:
    """Frames in, inverse depth out, of any scale. Pictures are looked at one by one, kept in float, at their aspect.

    net: a DepthAnythingForDepthEstimation. The shorter side that it sees has as many pixels as it was trained with
    (518), the longer one at most four times as many. at: where it computes, the processor if None.
    """

    def __init__(self, net: Any, at: Workplace | None = None) -> None:  # noqa: ANN401 - of a library without types
        self._ask = (at or Workplace()).seat(net, lambda net, seen: net(pixel_values=seen).predicted_depth)
        self.side = int(net.config.backbone_config.image_size)
        self.patch = int(net.config.backbone_config.patch_size)

    @classmethod
    def load(cls, folder: Path, at: Workplace | None = None) -> DepthAnything:
        """This loads a checkpoint in transformers' layout, of safetensors.

        Raises:
            OSError, ValueError: it is missing or damaged.
        """
        from transformers import DepthAnythingForDepthEstimation

        return cls(load_whole(DepthAnythingForDepthEstimation, folder), at)

    def __call__(self, frames: Tensor) -> Tensor:
        """This guesses `[T, 1, H, W]` of frames `[T, 3, H, W]`, 0 to 1."""
        return torch.cat([self._look(frame[None]) for frame in frames])

    def _look(self, frame: Tensor) -> Tensor:
        height, width = frame.shape[-2:]
        scale = self.side / min(height, width)
        seen = (self._side(height * scale), self._side(width * scale))
        small = F.interpolate(frame, seen, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)
        guess = self._ask(of_imagenet(small))
        return F.interpolate(guess[:, None].float(), (height, width), mode="bilinear", align_corners=False)

    def _side(self, pixels: float) -> int:
        return max(1, round(min(pixels, 4 * self.side) / self.patch)) * self.patch
