"""Where things of a kind are seen, by a network that gives every pixel of a picture a label."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from preprocessors.network_input import of_imagenet
from preprocessors.pretrained import load_whole
from preprocessors.workplace import Workplace

SIDE = 512
"""Pixels: the shorter side at which it was trained to look."""
STEP = 32
"""Its sides are multiples of this, and the longer one is at most four times the shorter one."""
SURE = (0.25, 0.75)
"""Below the first share a label is taken to be certainly not there, above the second to be certainly there."""


class LabelNet:
    """UPerNet (arXiv 1807.10221): pictures in, and how likely each pixel has a label.

    net: a UperNetForSemanticSegmentation. side: pixels of the shorter side that it sees. weights: a mark by which it
    is known. at: where it computes, the processor if None.
    """

    def __init__(self, net: Any, weights: str = "", side: int = SIDE, at: Workplace | None = None) -> None:  # noqa: ANN401 - of a library without types
        self.net = net
        self._ask = (at or Workplace()).seat(net, _share)
        self.weights = weights
        self.side = side
        self.labels: dict[str, int] = {str(label): int(number) for number, label in net.config.id2label.items()}

    @classmethod
    def load(cls, folder: Path, weights: str = "", at: Workplace | None = None) -> LabelNet:
        """This loads a checkpoint in transformers' layout, of safetensors.

        Raises:
            OSError, ValueError: it is missing or damaged.
        """
        from transformers import UperNetForSemanticSegmentation

        return cls(load_whole(UperNetForSemanticSegmentation, folder), weights, at=at)

    def __call__(self, frames: Tensor, label: str) -> Tensor:
        """This gives the share `[T, 1, H, W]` that a label has of each pixel of frames `[T, 3, H, W]`, 0 to 1."""
        return torch.cat([self._look(frame[None], self.labels[label]) for frame in frames])

    def _look(self, frame: Tensor, label: int) -> Tensor:
        height, width = frame.shape[-2:]
        scale = self.side / min(height, width)
        seen = (self._side(height * scale), self._side(width * scale))
        small = F.interpolate(frame, seen, mode="bilinear", antialias=True, align_corners=False)
        share = self._ask(of_imagenet(small), label)
        return F.interpolate(share, (height, width), mode="bilinear", align_corners=False)

    def _side(self, pixels: float) -> int:
        return max(1, round(min(pixels, 4 * self.side) / STEP)) * STEP


def _share(net: Any, seen: Tensor, label: int) -> Tensor:  # noqa: ANN401
    share: Tensor = net(pixel_values=seen).logits.float().softmax(dim=1)
    return share[:, label : label + 1]


def _silent(number: int) -> None:
    """Nobody asked."""


@dataclass(frozen=True)
class LabelMask:
    """Where something with a label is seen, as a map of one channel: 1 there, 0 elsewhere, between at its edge.

    told: hears the number of each frame that has been looked at, which takes seconds.
    """

    network: LabelNet
    label: str
    name: str = "mask"
    lookbehind: int = 0
    told: Callable[[int], None] = _silent

    @property
    def key(self) -> str:
        """The network's weights, and the label."""
        return f"{self.network.weights} {self.label}"

    def fit(self, frames: Iterable[Tensor]) -> Self:
        """This gives itself: a label is what it is."""
        return self

    def __call__(self, frames: Tensor, number: int = 0) -> Tensor:
        """This draws the mask `[T, 1, H, W]` of frames `[T, 3, H, W]`."""
        low, high = SURE
        seen = []
        for one, frame in enumerate(frames[:, None], number):
            seen.append(self.network(frame, self.label))
            self.told(one)
        return ((torch.cat(seen) - low) / (high - low)).clamp(0, 1)
