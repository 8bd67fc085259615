"""Lines as in the drawings that anime is painted on (Anime2Sketch, Xiang et al. 2021, arXiv 2104.05703)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HALVINGS = 8
BLOCK = 1 << HALVINGS
"""Pixels: what the sides of a picture are stretched to a multiple of, as the network was made for."""


class Level(nn.Module):
    """One halving of a U-Net: down, what lies below, up, and beside it what came in.

    Its layers lie in one row, as the weights name them; `below` is None at the bottom.
    """

    def __init__(self, outer: int, inner: int, below: Level | None, taken: int | None = None) -> None:
        super().__init__()
        self.outermost = taken is not None
        down: list[nn.Module] = [nn.Conv2d(taken or outer, inner, 4, 2, 1)]
        up: list[nn.Module] = [nn.ReLU(), nn.ConvTranspose2d(inner * (2 if below else 1), outer, 4, 2, 1)]
        if not self.outermost:
            down = [nn.LeakyReLU(0.2), *down, *([nn.InstanceNorm2d(inner)] if below else [])]
        last = nn.Tanh() if self.outermost else nn.InstanceNorm2d(outer)
        self.model = nn.Sequential(*down, *([below] if below else []), *up, last)

    def forward(self, seen: Tensor) -> Tensor:
        """This gives features at the size of `seen` `[1, C, H, W]`."""
        made: Tensor = self.model(seen)
        return made if self.outermost else torch.cat([seen, made], 1)


class AnimeLines(nn.Module):
    """Pictures `[1, 3, H, W]`, 0 to 1, to lines `[1, 1, H, W]`: 0 paper, 1 ink.

    width: channels of its first halving. Its parameters are named as in `netG.pth`.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        level = Level(8 * width, 8 * width, None)
        for _ in range(HALVINGS - 5):
            level = Level(8 * width, 8 * width, level)
        for wide in (4 * width, 2 * width, width):
            level = Level(wide, 2 * wide, level)
        self.model = Level(1, width, level, taken=3)

    @classmethod
    def of(cls, state: dict[str, Tensor]) -> AnimeLines:
        """This makes the network of weights, whose shapes say how wide it is.

        Raises:
            KeyError, RuntimeError: they are of something else.
        """
        state = {name.removeprefix("module."): weight for name, weight in state.items()}
        net = cls(state["model.model.0.weight"].shape[0])
        net.load_state_dict(state)
        return net.requires_grad_(False).eval()

    def forward(self, pictures: Tensor) -> Tensor:
        """This draws lines of pictures stretched to multiples of 256, and takes the stretch back."""
        size = pictures.shape[-2:]
        wanted = [max(1, -(-side // BLOCK)) * BLOCK for side in size]
        seen = F.interpolate(pictures, wanted, mode="bicubic", align_corners=False).clamp(0, 1) * 2 - 1
        lines = 0.5 - 0.5 * self.model(seen)
        return F.interpolate(lines, size, mode="bilinear", antialias=True, align_corners=False)
