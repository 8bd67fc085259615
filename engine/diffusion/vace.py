"""What VACE (arXiv 2503.07598) is told of a chunk: one video that shows what is known and, elsewhere, how it should be.

It sees two videos, what is to stay and what is to be made by, with grey where either says nothing, and a mask between
them. Maps look as they did when it was trained: depth white where near, lines black on white, motion as a colour wheel.
Lines white on black, say, it takes for a picture of white lines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.diffusion.video_autoencoder import VideoAutoencoder
from engine.windows import Span

GREY = 0.5
KEPT_NOISE = 0.02
"""The share of noise in kept latents as they are told, so that their flaws are not taken for something to go on with.

As WanGP has it for VACE (`overlap_noise`, 20 of 1000), but not drawn afresh at each step: it is the shot's own.
"""
_WHEEL = ((15, (1, 0, 0)), (6, (1, 1, 0)), (4, (0, 1, 0)), (11, (0, 1, 1)), (13, (0, 0, 1)), (6, (1, 0, 1)))
"""Hues of Baker et al. (IJCV 2011), and in how many steps each turns into the next."""


@dataclass(frozen=True)
class Context:
    """What a denoiser is told: `[L, 2c + f*f, h, w]`, and of which latents it is to make what: `[L, 1, h, w]`, 0 or 1.

    kept: `[K, c, h, w]`, what the first latents are held to while the others are denoised, or None. Not the carried
    latents alone: the first of those stands for four frames, where a model expects a first frame by itself.
    `references` of the latents, in front of the video and in front of every window of it, are reference pictures.
    """

    told: Tensor
    made: Tensor
    kept: Tensor | None
    references: int = 0

    def window(self, span: Span) -> Tensor:
        """This gives the places of the latents that are seen with a window of the video: the references before it."""
        first = self.references
        return torch.cat([torch.arange(first), torch.arange(first + span.start, first + span.stop)])


def encode_context(
    autoencoder: VideoAutoencoder, frames: Tensor, mask: Tensor | None, control: Tensor | None, carried: Kept | None
) -> Context:
    """This encodes a chunk's control video `[T, 3, H, W]` (grey where None) behind the frames that are kept.

    mask: `[T, 1, H, W]`, 0 where `frames` stay as they are, or None.
    """
    made = torch.ones_like(frames[:, :1]) if mask is None else mask.clone()
    shown = torch.where(made > 0, GREY if control is None else control, GREY).expand_as(frames).clone()
    stays = torch.where(made > 0, GREY, frames)
    if carried is not None:
        known = len(carried.frames)
        stays[:known], shown[:known], made[:known] = carried.frames, GREY, 0
    inactive, reactive = autoencoder.encode(stays), autoencoder.encode(shown)
    kept = None
    if carried is not None:
        count = len(carried.latents)
        inactive[1:count] = carried.latents[1:]  # the same frames without the loss of decoding and encoding them
        kept = inactive[:count].clone()
        inactive[:count] = torch.lerp(kept, carried.noise.to(kept), KEPT_NOISE)
    mask = by_latents(made, autoencoder)
    return Context(torch.cat([inactive, reactive, mask.to(inactive)], dim=1), mask.amax(1, keepdim=True), kept)


def with_references(context: Context, autoencoder: VideoAutoencoder, pictures: Sequence[Tensor]) -> Context:
    """This puts reference pictures `[3, any H, any W]` in front: each a known frame by itself, whole, on white."""
    if not pictures:
        return context
    size = [side * autoencoder.factor for side in context.told.shape[-2:]]
    latents = torch.cat([autoencoder.encode(_on_white(picture, size)[None]) for picture in pictures])
    known = torch.zeros_like(context.told[:1]).repeat(len(latents), 1, 1, 1)
    known[:, : autoencoder.channels] = latents
    kept = latents if context.kept is None else torch.cat([latents, context.kept])
    made = torch.cat([torch.zeros_like(context.made[:1]).repeat(len(latents), 1, 1, 1), context.made])
    return Context(torch.cat([known, context.told]), made, kept, len(latents))


def _on_white(picture: Tensor, size: list[int]) -> Tensor:
    height, width = picture.shape[-2:]
    scale = min(size[0] / height, size[1] / width)
    inner = [max(1, int(side * scale)) for side in (height, width)]
    top, left = ((whole - part) // 2 for whole, part in zip(size, inner, strict=True))
    canvas = torch.ones(3, *size)
    small = F.interpolate(picture[None], size=inner, mode="bilinear", antialias=True, align_corners=False)[0]
    canvas[:, top : top + inner[0], left : left + inner[1]] = small.clamp(0, 1)
    return canvas


@dataclass(frozen=True)
class Kept:
    """What stays of the chunk before: its last latents `[K, c, h, w]`, their noise, and the frames that both share."""

    latents: Tensor
    noise: Tensor
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
    "lineart": _lines,
    "openpose": _as_it_is,
    "softedge": _lines,
}
"""How a control of ours becomes the one that VACE has learned."""
