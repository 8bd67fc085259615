"""Where people are in a picture, and where their joints: RT-DETR and ViTPose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from preprocessors.network_input import of_imagenet
from preprocessors.pretrained import load_whole
from preprocessors.workplace import Workplace

SIDE = 640
"""Pixels: the square that RT-DETR was trained to see pictures as."""
MARGIN = 1.25
"""How much more than a person ViTPose was trained to see, by width and height."""


class PersonFinder:
    """RT-DETR (arXiv 2304.08069): one picture in, the boxes of people out.

    net: an RTDetrForObjectDetection that knows `person`. side: pixels of the square that it sees. at: where it
    computes, the processor if None.
    """

    def __init__(self, net: Any, side: int = SIDE, at: Workplace | None = None) -> None:  # noqa: ANN401 - of a library without types
        self.side = side
        self._ask = (at or Workplace()).seat(net, _scores_and_boxes)
        self.person = {str(label): int(number) for number, label in net.config.id2label.items()}["person"]

    @classmethod
    def load(cls, folder: Path, at: Workplace | None = None) -> PersonFinder:
        """This loads a checkpoint.

        Raises:
            OSError, ValueError, KeyError: it is missing or damaged, or knows no people.
        """
        from transformers import RTDetrForObjectDetection

        return cls(load_whole(RTDetrForObjectDetection, folder), at=at)

    def __call__(self, frame: Tensor, sure: float) -> Tensor:
        """This finds people in a frame `[3, H, W]`, 0 to 1, that it is `sure` of (0 to 1), the surest last.

        Their boxes are `[N, 4]`: middle x, y, width and height in pixels.
        """
        size = (self.side, self.side)
        seen = F.interpolate(frame[None], size, mode="bilinear", antialias=True, align_corners=False).clamp(0, 1)
        found = self._ask(seen, self.person)
        scores = found[:, 0]
        kept = [one for one in scores.argsort(stable=True).tolist() if scores[one] > sure]
        height, width = frame.shape[-2:]
        boxes = found[kept, 1:]
        return boxes * boxes.new_tensor([width, height, width, height])


def _scores_and_boxes(net: Any, seen: Tensor, label: int) -> Tensor:  # noqa: ANN401
    """How sure it is of a label, 0 to 1, and the box, of each guess: `[Q, 5]`."""
    found = net(pixel_values=seen)
    return torch.cat([found.logits[0, :, label, None].sigmoid(), found.pred_boxes[0]], dim=1).float()


class JointFinder:
    """ViTPose (arXiv 2204.12484): a person in a picture in, 17 joints in COCO's order out.

    net: a VitPoseForPoseEstimation. at: where it computes, the processor if None.
    """

    def __init__(self, net: Any, at: Workplace | None = None) -> None:  # noqa: ANN401 - of a library without types
        self._ask = (at or Workplace()).seat(net, _heat)
        inner = net.config.backbone_config
        self.size = (int(inner.image_size[0]), int(inner.image_size[1]))

    @classmethod
    def load(cls, folder: Path, at: Workplace | None = None) -> JointFinder:
        """This loads a checkpoint.

        Raises:
            OSError, ValueError: it is missing or damaged.
        """
        from transformers import VitPoseForPoseEstimation

        return cls(load_whole(VitPoseForPoseEstimation, folder), at)

    def __call__(self, frame: Tensor, box: Tensor) -> Tensor:
        """This finds the joints of who is in a box of a frame `[3, H, W]`, 0 to 1: x, y and certainty, `[17, 3]`."""
        x, y, width, height = box.tolist()
        aspect = self.size[1] / self.size[0]
        width, height = MARGIN * max(width, aspect * height, 1.0), MARGIN * max(height, width / aspect, 1.0)
        seen = self._cut(frame, (x, y, width, height))
        heat = self._ask(seen)
        place, certainty = peaks(heat)
        far = heat.new_tensor([heat.shape[-1] - 1, heat.shape[-2] - 1])
        place = (place / far - 0.5) * heat.new_tensor([width, height]) + heat.new_tensor([x, y])
        return torch.cat([place, certainty[:, None]], dim=1)

    def _cut(self, frame: Tensor, box: tuple[float, float, float, float]) -> Tensor:
        """What is in a box, at the network's size: corners on corners, black where the frame ends."""
        x, y, width, height = box
        rows = y + height * torch.linspace(-0.5, 0.5, self.size[0])
        columns = x + width * torch.linspace(-0.5, 0.5, self.size[1])
        tall, wide = (max(1, side - 1) for side in frame.shape[-2:])
        grid = torch.stack(torch.meshgrid(columns / wide * 2 - 1, rows / tall * 2 - 1, indexing="xy"), dim=-1)
        seen = F.grid_sample(frame[None], grid[None], padding_mode="zeros", align_corners=True)
        return of_imagenet(seen)


def _heat(net: Any, seen: Tensor) -> Tensor:  # noqa: ANN401
    """How hot each joint is in each place of a picture `[1, 3, H, W]`: `[K, h, w]`."""
    several = int(net.config.backbone_config.num_experts) > 1
    which = {"dataset_index": seen.new_zeros(1, dtype=torch.long)} if several else {}  # COCO's own
    heat: Tensor = net(pixel_values=seen, **which).heatmaps[0].float()
    return heat


def peaks(heat: Tensor) -> tuple[Tensor, Tensor]:
    """This finds where heat maps `[K, H, W]` are hottest, to a part of a pixel: x and y `[K, 2]`, and how hot `[K]`.

    The peak of a Gaussian through each hottest pixel and its neighbours (Zhang et al. 2020, arXiv 1910.06278).
    """
    wide = heat.shape[-1]
    hottest, index = heat.flatten(1).max(dim=1)
    row, column = index // wide, index % wide
    ground = F.pad(heat[None], (1, 1, 1, 1), mode="replicate")[0].clamp_min(1e-3).log()
    each = torch.arange(len(heat))

    def shift(down: int, right: int) -> Tensor:
        back, here, on = (ground[each, row + 1 + step * down, column + 1 + step * right] for step in (-1, 0, 1))
        bend = back - 2 * here + on
        return torch.where(bend < 0, (back - on) / (2 * bend.clamp(max=-1e-6)), 0).clamp(-0.5, 0.5)

    return torch.stack([column + shift(0, 1), row + shift(1, 0)], dim=1), hottest
