"""How much of the source's structure a restyled picture keeps, whatever its colours and texture."""

from __future__ import annotations

import torch
from kornia.filters import gaussian_blur2d
from kornia.metrics import ssim
from torch import Tensor
from torch.nn import functional as F

LUMA = (0.299, 0.587, 0.114)
APART = 0.05
"""Of the range of inverse depth: points that differ by less have no order."""


def blur_ssim(frames: Tensor, source: Tensor) -> Tensor:
    """This is the SSIM of the brightness of frames `[T, 3, H, W]` and source after the same blur (3 pixels): `[T]`.

    What is compared is where light and dark areas lie (Cosmos-Transfer, arXiv 2503.14492).
    """
    return ssim(_blurred(frames), _blurred(source), 11).mean(dim=(1, 2, 3))


def _blurred(frames: Tensor) -> Tensor:
    luma = (frames * frames.new_tensor(LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    below, right = (max(0, 19 - side) for side in luma.shape[-2:])
    return gaussian_blur2d(F.pad(luma, (0, right, 0, below), "replicate"), (19, 19), (3.0, 3.0))


def edge_f1(edges: Tensor, wanted: Tensor, tolerance: int = 1) -> Tensor:
    """This is the F1 of edge maps `[T, 1, H, W]`, 0 or 1: `[T]`, 1 where all are found and none made up.

    tolerance: pixels by which an edge may lie elsewhere. Where neither has an edge it is 1.
    """
    side = 2 * tolerance + 1
    near_edges, near_wanted = (F.max_pool2d(found, side, 1, tolerance) for found in (edges, wanted))

    def share(found: Tensor, near: Tensor) -> Tensor:
        count = found.sum(dim=(1, 2, 3))
        return torch.where(count > 0, (found * near).sum(dim=(1, 2, 3)) / count.clamp(min=1), torch.ones_like(count))

    precision, recall = share(edges, near_wanted), share(wanted, near_edges)
    return 2 * precision * recall / (precision + recall).clamp(min=1e-9)


def pair_order(guess: Tensor, near: Tensor, seen: Tensor | None = None, pairs: int = 4000) -> float:
    """This is the share of random pairs of points whose order in depth a guess `[1, 1, H, W]` has right; 0.5 is chance.

    near: the true inverse depth, 0 to 1. Asked for are pairs that differ by `APART` in it. seen: another guess, of the
    picture before it was changed; asked for are then only the pairs that it has right, so that what is counted is what
    the change has kept.

    Raises:
        ValueError: there are no such pairs.
    """
    places = torch.randint(near.numel(), (2, pairs), generator=torch.Generator().manual_seed(0))
    truth, found = (one.flatten()[places].diff(dim=0)[0] for one in (near, guess))
    asked = truth.abs() >= APART
    if seen is not None:
        asked &= seen.flatten()[places].diff(dim=0)[0] * truth > 0
    if not asked.any():
        raise ValueError("no two points of the picture differ in depth: there is nothing to order")
    return float((found * truth > 0)[asked].float().mean())
