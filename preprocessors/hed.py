"""Soft edges: holistically nested edge detection (Xie and Tu 2015, arXiv 1504.06375), as ControlNets saw them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from preprocessors.weights_file import read_weights

DEEP = (2, 2, 3, 3, 3)
"""Convolutions of each block; every block but the first halves the picture."""
MULTIPLE = 16
"""What the sides of a picture must be multiples of, so that all blocks cover it."""


class Block(nn.Module):
    """Some convolutions, and the edges that are seen at their scale."""

    def __init__(self, taken: int, width: int, deep: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(width if i else taken, width, 3, padding=1) for i in range(deep))
        self.projection = nn.Conv2d(width, 1, 1)

    def forward(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """This gives features and edges of `[1, C, H, W]`."""
        for conv in self.convs:
            seen = F.relu(conv(seen))
        return seen, self.projection(seen)


class Hed(nn.Module):
    """Pictures `[1, 3, H, W]`, 0 to 1, sides multiples of 16, to edges `[1, 1, H, W]`: 0 none, 1 certain.

    widths: channels of its five blocks. Its parameters are named as in `ControlNetHED.pth`.
    """

    def __init__(self, widths: Sequence[int] = (64, 128, 256, 512, 512)) -> None:
        super().__init__()
        self.norm = nn.Parameter(torch.zeros(1, 3, 1, 1))
        for number, (taken, width, deep) in enumerate(zip((3, *widths), widths, DEEP, strict=False), 1):
            self.add_module(f"block{number}", Block(taken, width, deep))

    @classmethod
    def load(cls, file: Path) -> Hed:
        """This loads weights, whose shapes say how wide it is.

        Raises:
            OSError, ValueError, RuntimeError: they are missing, damaged, or of something else.
        """
        state = read_weights(file)
        projections = [state.get(f"block{number}.projection.weight") for number in range(1, 6)]
        net = cls([one.shape[1] for one in projections if one is not None])
        net.load_state_dict(state)
        return net.requires_grad_(False).eval()

    def forward(self, pictures: Tensor) -> Tensor:
        """This draws edges: the mean of what all blocks see."""
        seen, found = pictures * 255 - self.norm, []
        for number, block in enumerate(self.children()):
            seen, edges = block(F.max_pool2d(seen, 2) if number else seen)
            found.append(F.interpolate(edges, pictures.shape[-2:], mode="bilinear", align_corners=False))
        return torch.sigmoid(torch.stack(found).mean(dim=0))
