"""Line art: what an artist would draw of a photograph (Chan, Durand and Isola 2022, arXiv 2203.12691)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

MULTIPLE = 4
"""What the sides of a picture must be multiples of, to come back as large."""


class Residual(nn.Module):
    """What is added to features by two convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(*_conv(width), nn.ReLU(), *_conv(width))

    def forward(self, seen: Tensor) -> Tensor:
        """This gives features of the same shape."""
        added: Tensor = self.conv_block(seen)
        return seen + added


class LineArt(nn.Module):
    """Pictures `[1, 3, H, W]`, 0 to 1, sides multiples of 4, to lines `[1, 1, H, W]`: 0 paper, 1 ink.

    width: channels at full size. deep: its residual blocks. Its parameters are named as in `sk_model.pth`.
    """

    def __init__(self, width: int = 64, deep: int = 3) -> None:
        super().__init__()
        self.model0 = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7), *_active(width))
        down = [(nn.Conv2d(one, 2 * one, 3, 2, 1), *_active(2 * one)) for one in (width, 2 * width)]
        self.model1 = nn.Sequential(*(layer for layers in down for layer in layers))
        self.model2 = nn.Sequential(*(Residual(4 * width) for _ in range(deep)))
        up = [(nn.ConvTranspose2d(2 * one, one, 3, 2, 1, 1), *_active(one)) for one in (2 * width, width)]
        self.model3 = nn.Sequential(*(layer for layers in up for layer in layers))
        self.model4 = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(width, 1, 7), nn.Sigmoid())

    @classmethod
    def of(cls, state: dict[str, Tensor]) -> LineArt:
        """This makes the network of weights, whose shapes say how wide and deep it is.

        Raises:
            KeyError, RuntimeError: they are of something else.
        """
        deep = {name.split(".")[1] for name in state if name.startswith("model2.")}
        net = cls(state["model0.1.weight"].shape[0], len(deep))
        net.load_state_dict(state)
        return net.requires_grad_(False).eval()

    def forward(self, pictures: Tensor) -> Tensor:
        """This draws lines. Pictures of a few pixels are repeated at their edges first: reflecting needs some."""
        height, width = pictures.shape[-2:]
        seen = nn.functional.pad(pictures, (0, max(0, 8 - width), 0, max(0, 8 - height)), mode="replicate")
        for part in (self.model0, self.model1, self.model2, self.model3, self.model4):
            seen = part(seen)
        return torch.sub(1, seen[..., :height, :width])


def _active(width: int) -> tuple[nn.Module, nn.Module]:
    return nn.InstanceNorm2d(width), nn.ReLU()


def _conv(width: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    return nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width)
