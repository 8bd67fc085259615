"""What VACE (arXiv 2503.07598) is told of a chunk: one video that shows what is known and, elsewhere, how it should be.

It sees two videos, what is to stay and what is to be made by, with grey where either says nothing, and a mask between
them. Maps look as they did when it was trained: depth white where near, lines black on white, motion as a colour wheel.
Lines white on black, say, it takes for a picture of white lines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.diffusion.video_autoencoder import VideoAutoencoder

GREY = 0.5
_WHEEL = ((15, (1, 0, 0)), (6, (1, 1, 0)), (4, (0, 1, 0)), (11, (0, 1, 1)), (13, (0, 0, 1)), (6, (1, 0, 1)))
"""Hues of Baker et al. (IJCV 2011), and in how many steps each turns into the next."""


@dataclass(frozen=True)
class Context:
    """What a denoiser is told: `[L, 2c + f*f, h, w]`, and of which latents it is to make what: `[L, 1, h, w]`, 0 or 1.

    kept: `[K, c, h, w]`, what the first latents are held to while the others are denoised, or None. Not the carried
    latents alone: the first of those stands for four frames, where a model expects a first frame by itself.
    """

    told: Tensor
    made: Tensor
    kept: Tensor | None


def encode_context(
    autoencoder: VideoAutoencoder, frames: int, size: tuple[int, int], control: Tensor | None, carried: Kept | None
) -> Context:
    """This encodes a chunk's control video `[T, 3, H, W]` (grey where None) behind the frames that are kept."""
    shown = torch.full((frames, 3, *size), GREY) if control is None else control.clone()
    stays, made = torch.full_like(shown, GREY), torch.ones(frames, 1, *size)
    if carried is not None:
        known = len(carried.frames)
        stays[:known], shown[:known], made[:known] = carried.frames, GREY, 0
    inactive, reactive = autoencoder.encode(stays), autoencoder.encode(shown)
    kept = None
    if carried is not None:
        count = len(carried.latents)
        inactive[1:count] = carried.latents[1:]  # the same frames without the loss of decoding and encoding them
        kept = inactive[:count].clone()
    mask = by_latents(made, autoencoder)
    return Context(torch.cat([inactive, reactive, mask.to(inactive)], dim=1), mask.amax(1, keepdim=True), kept)


@dataclass(frozen=True)
class Kept:
    """What stays of the chunk before: its last latents `[K, c, h, w]` and the frames that both chunks share."""

    latents: Tensor
    frames: Tensor


def by_latents(mask: Tensor, autoencoder: VideoAutoencoder) -> Tensor:
    """This brings a mask `[T, 1, H, W]`, 0 or 1, to latents: `[L, f * f, h, w]`, the pixels of a latent in channels.

    A latent is made anew where any of its frames is. (The library takes one frame of four, by a count that does not
    begin with the lone first frame: of three kept latents it would have the last made anew.)
    """
    pixels = F.pixel_unshuffle(mask, autoencoder.factor)
    later = pixels[1:].view(-1, autoencoder.rule.stride, *pixels.shape[1:]).amax(1)
    return torch.cat([pixels[:1], later])


def _lines(control: Tensor) -> Tensor:
    return 1 - control


def _as_it_is(control: Tensor) -> Tensor:
    return control


def motion_in_colours(control: Tensor) -> Tensor:
    """This draws a flow map (see `preprocessors.flow.FlowMap`) as the wheel: white is still, the hue says whither."""
    known = control[:, 2].flatten(1).any(dim=1)
    if len(control) > 1 and known[1] and not known[0]:
        control = torch.cat([control[1:2], control[1:]])  # a shot's first frame knows no motion: the next one's
    x, y = (control[:, :2] * 2 - 1).unbind(dim=1)  # backward: the wheel's angle is that of the reverse
    place = (torch.atan2(y, x) / math.pi + 1) / 2 * (len(_HUES) - 1)
    low = place.floor().long()
    share = (place - low)[..., None]
    hue = _HUES[low] * (1 - share) + _HUES[(low + 1) % len(_HUES)] * share
    speed = (x.square() + y.square()).sqrt().clamp(max=1)[..., None]
    return (1 - speed * (1 - hue)).permute(0, 3, 1, 2)


def _hues() -> Tensor:
    colours = torch.tensor([colour for _, colour in _WHEEL], dtype=torch.float32)
    parts = [
        torch.lerp(colours[i], colours[(i + 1) % len(_WHEEL)], torch.arange(steps)[:, None] / steps)
        for i, (steps, _) in enumerate(_WHEEL)
    ]
    return torch.cat(parts)


_HUES = _hues()

DRAWN: Mapping[str, Callable[[Tensor], Tensor]] = {
    "canny": _lines,
    "depth": _as_it_is,
    "edges": _lines,
    "flow": motion_in_colours,
}
"""How a control of ours becomes the one that VACE has learned."""
