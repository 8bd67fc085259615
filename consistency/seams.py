"""Join two versions of the same moments so that nobody sees where."""

from __future__ import annotations

from collections.abc import Callable

import torch
from kornia.filters import sobel
from torch import Tensor

from consistency.blur import blur
from consistency.occlusion import occluded
from consistency.warp import warped

Flow = Callable[[Tensor, Tensor], Tensor]
"""`flow(previous, current)` of two frames `[3, H, W]` to `[2, H, W]`: `current(p) = previous(p + flow(p))`."""


def fuse(left: Tensor, right: Tensor, flow: Flow, source: Tensor | None = None) -> Tensor:
    """This joins two versions of one overlap, `[K, 3, H, W]` each, K >= 1: it leaves the left and arrives at the right.

    flow: finds the motion between the two versions of a frame. source: `[K, 3, H, W]`; where the versions cannot agree,
    the one whose structure is the source's is kept longer. Three things happen:

    - the versions disagree in place, so they are aligned to each other and meet at a point that travels from one to the
      other: nothing jumps, nothing doubles;
    - low frequencies are mixed over the whole overlap; high ones, where the versions have different texture, are turned
      into each other so that the variance stays (the mean of two unlike textures is flat);
    - where even aligned versions show different things, each pixel switches instead, in a frame of its own.
    """
    if left.shape != right.shape:
        raise ValueError(f"the two versions must be alike: {tuple(left.shape)} and {tuple(right.shape)}")
    sources = [None] * len(left) if source is None else torch.split(source, 1)
    moments = enumerate(zip(torch.split(left, 1), torch.split(right, 1), sources, strict=True), 1)
    # Frame by frame: what is worked out on the way stays in the processor's cache.
    return torch.cat([_fused(one, other, seen, k / (len(left) + 1), flow) for k, (one, other, seen) in moments])


def _fused(left: Tensor, right: Tensor, source: Tensor | None, progress: float, flow: Flow) -> Tensor:
    """This joins two versions of one frame, `[1, 3, H, W]`. progress: how far it is on the way to the right, 0 to 1."""
    left, right = _meet(left, right, progress, flow)
    scale = max(left.shape[-2:]) / 96
    left_low, right_low = blur(left, scale), blur(right, scale)
    share = _share(left, right, source, progress, scale / 2)
    low = torch.lerp(left_low, right_low, share)
    return (low + _mix_texture(left - left_low, right - right_low, share, scale / 2)).clamp(0, 1)


def _meet(left: Tensor, right: Tensor, progress: float, flow: Flow) -> tuple[Tensor, Tensor]:
    """This warps both versions to one place on the way from left (`progress` 0) to right (1)."""
    way = _trusted_way(left, right, flow)
    here = warped(way, -progress * way)  # the way of what arrives at a pixel, not of what started there
    return warped(left, -progress * here, "bicubic"), warped(right, (1 - progress) * here, "bicubic")


def _trusted_way(left: Tensor, right: Tensor, flow: Flow) -> Tensor:
    """This is the flow from left to right as far as it holds, fading to none where it does not.

    Both directions must confirm it, and it must explain most of the difference: any two textures can be matched a
    little, and moving them about for that would only stir them.
    """
    there, back = flow(right[0], left[0])[None], flow(left[0], right[0])[None]
    longest = 0.03 * max(left.shape[-2:])  # two versions of a frame differ by a little; more is a mistake
    trust = (1 - occluded(there, back)) * (there.square().sum(dim=1, keepdim=True) < longest**2)
    sigma = max(left.shape[-2:]) / 96
    apart, remains = (
        blur((left - other).square().mean(dim=1, keepdim=True), sigma) for other in (right, warped(right, there))
    )
    trust = trust * ((0.35 - remains / (apart + 1e-5)) / 0.2).clamp(0, 1)
    return blur(there * trust, sigma) / (blur(trust, sigma) + 0.05)


def _share(left: Tensor, right: Tensor, source: Tensor | None, progress: float, sigma: float) -> Tensor:
    """This says how much of each pixel is the right version's, `[1, 1, H, W]`.

    Where the versions agree it grows with the progress. The more they differ, the shorter the change, down to a switch;
    its moment moves towards the end where the left version has the source's structure, towards the start otherwise.
    """
    differ = blur((left - right).abs().mean(dim=1, keepdim=True), sigma)
    width = 1 - 0.8 * _smooth(((differ - 0.08) / 0.12).clamp(0, 1))
    moment = torch.full_like(differ, 0.5)
    if source is not None:
        worse_left, worse_right = (blur(_unlike(version, source), sigma) for version in (left, right))
        moment = 0.5 + 0.3 * (worse_right - worse_left) / (worse_right + worse_left + 1e-3) * (1 - width)
    return ((progress - moment) / width + 0.5).clamp(0, 1)


def _unlike(version: Tensor, source: Tensor) -> Tensor:
    """This measures how unlike the edges of two pictures are, `[1, 1, H, W]`, whatever their colours."""
    edges = [sobel(picture.mean(dim=1, keepdim=True)) for picture in (version, source)]
    return (edges[0] - edges[1]).abs()


def _mix_texture(left: Tensor, right: Tensor, share: Tensor, sigma: float) -> Tensor:
    """This goes from one high band to the other at an even speed and keeps the variance.

    A plain mix of unlike textures is flat. Textures are turned into each other instead, along the arc (Shoemake 1985)
    whose angle is how unlike they are nearby: alike ones are plainly mixed, unrelated ones by sine and cosine.
    """
    power_left, power_right, common = (
        blur((a * b).mean(dim=1, keepdim=True), sigma) for a, b in ((left, left), (right, right), (left, right))
    )
    likeness = (common + 1e-6) / ((power_left * power_right).clamp(min=0).sqrt() + 1e-6)
    angle = likeness.clamp(0, 0.9999).acos()
    return (torch.sin((1 - share) * angle) * left + torch.sin(share * angle) * right) / torch.sin(angle)


def _smooth(x: Tensor) -> Tensor:
    return x * x * (3 - 2 * x)
