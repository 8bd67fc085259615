"""A small convolutional network that guesses depth from one picture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIDE = 96
"""Pixels: the picture's shorter side as the network sees it."""
STEP = 32
"""Its sides are multiples of this."""
LONGEST = 384
WIDTHS = (16, 32, 64, 96, 128)
"""Channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the picture's size."""

ATTENTION, HEADS, NARROW = 4, 4, 64
"""Blocks of attention, the heads of each, and the channels between which it mixes."""


class DepthNet(nn.Module):
    """Pictures in, relative inverse depth out: 1 is near, 0 is far, scale and shift differ from scene to scene.

    An encoder from 1/2 to 1/32 of the size, told where in the picture it looks, and a decoder back to 1/2 that adds
    what the encoder saw at each size. Pictures are looked at one by one, so a map does not depend on its neighbours to
    the last bit.

    widths: channels at each size. depths: blocks at each size but the first. attention: how many blocks of it there
    are, at the second smallest size.
    """

    def __init__(
        self, widths: Sequence[int] = WIDTHS, depths: Sequence[int] = (1, 2, 3, 2), attention: int = ATTENTION
    ) -> None:
        super().__init__()
        self.widths, self.depths = tuple(widths), tuple(depths)
        self.stem = nn.Conv2d(5, widths[0], 3, stride=2, padding=1)
        self.down = nn.ModuleList(
            nn.Sequential(nn.GroupNorm(1, a), nn.Conv2d(a, b, 3, stride=2, padding=1), *(Block(b) for _ in range(n)))
            for a, b, n in zip(widths, widths[1:], depths, strict=False)
        )
        self.attention = nn.Sequential(*(Attention(widths[-2]) for _ in range(attention)))
        self.scene = nn.Linear(widths[-1], widths[-1])
        self.narrow = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(widths))
        self.mend = nn.ModuleList(Block(width) for width in widths[:-1])
        self.head = nn.Sequential(nn.Conv2d(widths[0], widths[0], 3, padding=1), nn.SiLU(), nn.Conv2d(widths[0], 1, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        """This guesses inverse depth `[B, 1, H, W]`, 0 to 1, of pictures `[B, 3, H, W]`, 0 to 1, of any size."""
        height, width = pictures.shape[-2:]
        sides = working_size(height, width)
        return torch.cat([self._look(one[None], sides, (height, width)) for one in pictures])

    def _look(self, picture: Tensor, sides: tuple[int, int], size: tuple[int, int]) -> Tensor:
        small = F.interpolate(picture, sides, mode="bilinear", antialias=True, align_corners=False)
        near = self.guess(small)
        return F.interpolate(near.float(), size, mode="bilinear", align_corners=False)

    def guess(self, pictures: Tensor) -> Tensor:
        """This guesses `[B, 1, H / 2, W / 2]` of pictures `[B, 3, H, W]` whose sides are multiples of 32."""
        features = self.stem(torch.cat([pictures * 2 - 1, _places(pictures)], dim=1))
        seen = []
        for down in self.down:
            seen.append(features)
            features = down(features)
            if down is self.down[-2]:
                features = self.attention(features)
        features = features + self.scene(features.mean(dim=(2, 3)))[:, :, None, None]
        for skip, narrow, mend in reversed(list(zip(seen, self.narrow, self.mend, strict=True))):
            features = mend(skip + F.interpolate(narrow(features), scale_factor=2.0, mode="bilinear"))
        near: Tensor = self.head(features).sigmoid()
        return near


class Block(nn.Module):
    """A wide look per channel, then a mix of the channels, added to what came in (after Liu et al. 2022, ConvNeXt)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.look = nn.Conv2d(width, width, 5, padding=2, groups=width)
        self.norm = nn.GroupNorm(1, width)
        self.mix = nn.Sequential(nn.Conv2d(width, 2 * width, 1), nn.SiLU(), nn.Conv2d(2 * width, width, 1))

    def forward(self, features: Tensor) -> Tensor:
        """This keeps the shape `[B, width, h, w]`."""
        mixed: Tensor = features + self.mix(self.norm(self.look(features)))
        return mixed


class Attention(nn.Module):
    """Every place looks at all others: what is far is told by the whole picture (Vaswani et al. 2017).

    Added to what came in, as is a mix of the channels after it; both begin as nothing, so that a trained network may be
    given more of these.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, width)
        self.ask = nn.Conv2d(width, 3 * width, 1)
        self.told = nn.Conv2d(width, width, 1)
        self.mix = nn.Sequential(
            nn.GroupNorm(1, width), nn.Conv2d(width, NARROW, 1), nn.SiLU(), nn.Conv2d(NARROW, width, 1)
        )
        for last in (self.told, self.mix[-1]):
            nn.init.zeros_(last.weight)  # type: ignore[arg-type]
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        """This keeps the shape `[B, width, h, w]`."""
        batch, width, height, across = features.shape
        asked = self.ask(self.norm(features)).view(batch, 3, HEADS, width // HEADS, height * across).transpose(-1, -2)
        told = F.scaled_dot_product_attention(asked[:, 0], asked[:, 1], asked[:, 2])
        features = features + self.told(told.transpose(-1, -2).reshape(batch, width, height, across))
        mixed: Tensor = features + self.mix(features)
        return mixed


def working_size(height: int, width: int) -> tuple[int, int]:
    """This gives the height and width at which a picture is looked at: near its aspect, multiples of 32."""
    scale = SIDE / min(height, width)
    return _side(height * scale), _side(width * scale)


def _side(pixels: float) -> int:
    return min(LONGEST, max(1, round(pixels / STEP)) * STEP)


def _places(pictures: Tensor) -> Tensor:
    """This tells x and y, -1 to 1, in two channels: what is low in a picture is mostly near."""
    axes = [torch.linspace(-1, 1, side, dtype=pictures.dtype, device=pictures.device) for side in pictures.shape[-2:]]
    y, x = torch.meshgrid(*axes, indexing="ij")
    return torch.stack([x, y]).expand(len(pictures), 2, -1, -1)
