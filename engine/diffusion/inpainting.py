"""Repainting a part of the picture: how much of a run latents are made in; before that they are held to what is there.

Held latents are those of the source, at each step under as much of the shot's own noise as its level has, so that what
is made is made against them (Blended Latent Diffusion, arXiv 2206.02779). A latent that lies only partly in the mask is
let go later in the run (as in Differential Diffusion, arXiv 2306.00950): it stays nearer to the source, and the border
is less of a step. What a chunk carries is held to the end.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.windows import FrameRule

TOUCHED = 0.05
"""Where a mask is less, it shows so little of what is made that nothing need be: a video's black is not quite 0."""
LEAST = 0.5
"""The share of a run in which a latent is made that the mask barely touches, or thin things would stay as they are."""


def touched(mask: Tensor) -> Tensor:
    """This says where a mask `[T, 1, H, W]` shows anything of what is made, 0 or 1."""
    return (mask > TOUCHED).float()


def shares_made(mask: Tensor, factor: int, rule: FrameRule) -> Tensor:
    """This says in which share of a run each latent is made, `[L, 1, h, w]`, 0 (never) to 1 (all of it).

    As much as a mask `[T, 1, H, W]`, 0 to 1, covers of its pixels, in that of its frames where it covers most.
    """
    covered = F.avg_pool2d(mask * touched(mask), factor)
    shares = torch.where(F.max_pool2d(touched(mask), factor) > 0, covered.clamp(min=LEAST), 0)
    first, later = shares[: rule.first].amax(0, keepdim=True), shares[rule.first :]
    return torch.cat([first, later.reshape(-1, rule.stride, *later.shape[1:]).amax(1)])


def all_but(count: int, made: Tensor | None, like: Tensor) -> Tensor | None:
    """This has the first `count` of the latents `like` held to the end, too; None where nothing is held at all."""
    whole = torch.ones_like(like[:, :1]) if made is None else made.to(like)
    whole = torch.cat([torch.zeros_like(whole[:count]), whole[count:]])
    return None if bool((whole == 1).all()) else whole


def held(still: Tensor, latents: Tensor, made: Tensor, done: float) -> Tensor:
    """This gives `latents` where they are made already, `done` of a run's steps being done, and else `still`."""
    return torch.where(made > 1 - done, latents, still)
