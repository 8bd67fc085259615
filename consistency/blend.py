"""Put one picture into another along a mask, so that nobody sees its border."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from consistency.blur import blur

LIGHT = 1 / 40
"""Of the picture's longer side: over about so many pixels inside the border the light is graded."""
WRAP = 0.4
"""The share that the light behind a thing has of it where that is all around; at a straight border half of it."""
DARK = 0.01
"""What is too dark to tell light by."""


def grown(mask: Tensor, pixels: int) -> Tensor:
    """This grows a mask `[T, 1, H, W]` by some pixels to all sides; a negative number shrinks it."""
    side = 2 * abs(pixels) + 1
    signed = mask if pixels >= 0 else -mask
    return F.max_pool2d(signed, side, stride=1, padding=side // 2).mul(1 if pixels >= 0 else -1)


def feathered(mask: Tensor, pixels: float) -> Tensor:
    """This lets a mask `[T, 1, H, W]` begin softly over about so many pixels, all of them inside: what is 0 stays 0."""
    if pixels == 0:
        return mask
    return torch.minimum(mask, (2 * blur(mask, pixels / 2) - 1).clamp(0, 1))


def blend(inside: Tensor, outside: Tensor, mask: Tensor) -> Tensor:
    """This puts `inside` into `outside`, both `[T, 3, H, W]`, where `mask` `[T, 1, H, W]` is above 0.

    Where it is 0 the result is `outside`, bit by bit. Both are pictures of the same things, so the broad difference
    between them is one of light and colour. Light multiplies; near the border the inside is brought into the light that
    `outside` has there, on the same side: what lies beyond is another thing, whose colour would be a halo. Nothing
    leaves what lies between the two.
    """
    sigma = LIGHT * max(mask.shape[-2:])
    near = blur((mask == 0).to(mask.dtype), sigma)
    within = (mask > 0).to(mask.dtype)
    known = blur(within, sigma / 2)
    there, here = (blur(within * picture, sigma / 2) + DARK * known for picture in (outside, inside))
    light = ((there + 1e-6) / (here + 1e-6)).clamp(0.5, 2)
    graded = inside * torch.lerp(torch.ones_like(light), light, (2 * near).clamp(max=1))
    graded = graded.clamp(torch.minimum(inside, outside), torch.maximum(inside, outside))
    return torch.where(mask == 0, outside, torch.lerp(outside, graded, mask))


def wrap(inside: Tensor, outside: Tensor, mask: Tensor) -> Tensor:
    """This puts `inside` before another background, both `[T, 3, H, W]`, where `mask` `[T, 1, H, W]` is above 0.

    Where it is 0 the result is `outside`, bit by bit. What was behind the thing says nothing of its new light, so it is
    given some of the broad light and colour of what is now behind it, near the border (a light wrap). All is mixed and
    nothing multiplied: what comes out lies between the two.
    """
    sigma = LIGHT * max(mask.shape[-2:])
    beyond = (mask == 0).to(mask.dtype)
    near = blur(beyond, sigma)
    light = blur(beyond * outside, sigma) / near.clamp(min=1e-6)
    graded = torch.lerp(inside, light, WRAP * near)
    return torch.where(mask == 0, outside, torch.lerp(outside, graded, mask))
