"""How different two colours look: CIE dE2000. One is about what can just be seen between large areas."""

from __future__ import annotations

import torch
from kornia.color import rgb_to_lab
from torch import Tensor


def difference(first: Tensor, second: Tensor) -> Tensor:
    """This is the dE2000 between sRGB colours `[..., 3]`, 0 to 1 (values beyond are held there): `[...]`."""
    return delta_e(_lab(first.clamp(0, 1)), _lab(second.clamp(0, 1)))


def _lab(colours: Tensor) -> Tensor:
    return rgb_to_lab(colours.reshape(-1, 3, 1, 1)).reshape(colours.shape)


def delta_e(first: Tensor, second: Tensor) -> Tensor:
    """This is the dE2000 (Sharma, Wu and Dalal, Color Res. Appl. 2005) between Lab colours `[..., 3]`: `[...]`."""
    chroma = (first[..., 1:].norm(dim=-1) + second[..., 1:].norm(dim=-1)) / 2
    stretch = 1.5 - 0.5 * (chroma**7 / (chroma**7 + 25.0**7)).sqrt()
    (c1, h1), (c2, h2) = (_polar(lab[..., 1] * stretch, lab[..., 2]) for lab in (first, second))
    turn = torch.remainder(h2 - h1 + 180, 360) - 180
    grey = c1 * c2 == 0
    hue = torch.where(grey, h1 + h2, torch.remainder(h1 + turn / 2, 360))
    light, chroma = (first[..., 0] + second[..., 0]) / 2, (c1 + c2) / 2
    off = (light - 50).square()
    by_light = (second[..., 0] - first[..., 0]) / (1 + 0.015 * off / (20 + off).sqrt())
    by_chroma = (c2 - c1) / (1 + 0.045 * chroma)
    sine = torch.where(grey, torch.zeros_like(turn), torch.sin(torch.deg2rad(turn / 2)))
    by_hue = 2 * (c1 * c2).sqrt() * sine / (1 + 0.015 * chroma * _hue_weight(hue))
    square = by_light**2 + by_chroma**2 + by_hue**2 + _turned(chroma, hue) * by_chroma * by_hue
    return square.clamp(min=0).sqrt()


def _polar(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    return torch.hypot(a, b), torch.remainder(torch.rad2deg(torch.atan2(b, a)), 360)


def _hue_weight(hue: Tensor) -> Tensor:
    def cosine(times: float, plus: float) -> Tensor:
        return torch.cos(torch.deg2rad(times * hue + plus))

    return 1 - 0.17 * cosine(1, -30) + 0.24 * cosine(2, 0) + 0.32 * cosine(3, 6) - 0.20 * cosine(4, -63)


def _turned(chroma: Tensor, hue: Tensor) -> Tensor:
    """The term by which blues of unlike chroma and hue are closer or further than their parts say."""
    angle = 30 * torch.exp(-((hue - 275) / 25).square())
    return -2 * (chroma**7 / (chroma**7 + 25.0**7)).sqrt() * torch.sin(torch.deg2rad(2 * angle))
