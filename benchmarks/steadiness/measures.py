"""The formulas that scores are made of: frames `[T, 3, H, W]` in, numbers out, no learned weights.

Warping is bicubic: bilinear would add an error of its own, up to three times that of bicubic on these clips, and so
reward whatever is soft.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.steadiness.trial import Motion
from consistency.warp import warp
from preprocessors.flow import DisFlow

CEILING = 1e-10
"""Mean squared error below which two clips count as equal: 100 dB."""
LUMA = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)


def change(frames: Tensor, to_previous: Tensor) -> Tensor:
    """D: what each frame adds to the one before, carried along; `[T - 1, 3, H, W]`."""
    return frames[1:] - warp(frames[:-1], to_previous[1:], "bicubic")[0]


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """This averages `[N, C, H, W]` over channels and over a mask `[N, 1, H, W]`: `[N]`.

    Raises:
        ValueError: where a mask is empty: an average over nothing would read as perfect.
    """
    count = mask.sum(dim=(1, 2, 3)) * values.shape[1]
    if (count == 0).any():
        raise ValueError(f"{int((count == 0).sum())} of {len(mask)} masks are empty: there is nothing to measure")
    return (values * mask).sum(dim=(1, 2, 3)) / count


def blurred(frames: Tensor, sigma: float) -> Tensor:
    """G: Gaussian blur of every frame, reflected at the border."""
    return _blurred(frames, sigma, 2 * round(3 * sigma) + 1)


def _window(frames: Tensor) -> Tensor:
    return _blurred(frames, 1.5, 11)


def _blurred(frames: Tensor, sigma: float, reach: int) -> Tensor:
    planes = frames.flatten(0, 1).numpy()
    soft = [cv2.GaussianBlur(plane, (reach, reach), sigma, borderType=cv2.BORDER_REFLECT_101) for plane in planes]
    return torch.from_numpy(np.stack(soft)).view_as(frames)


def detail(frames: Tensor) -> Tensor:
    """H: what a Gaussian of 1.5 pixels takes away."""
    return frames - blurred(frames, 1.5)


def drifted(frames: Tensor) -> Tensor:
    """L: how large areas change from frame to frame, where they are."""
    return torch.diff(blurred(frames, 6.0), dim=0)


def share_of(found: Tensor, wanted: Tensor, beside: Tensor) -> float:
    """This is the share of `wanted` that is found, where some of `beside` may be found as well: by least squares.

    Without `beside` it is <found, wanted> / |wanted|^2; so it is, too, where the two can hardly be told apart. Flicker
    that is left agrees or disagrees with slow motion by chance: a tenth of it would read as a tenth of motion lost.
    """
    shared, strength = float((wanted * beside).sum()), float(beside.square().sum())
    energy, plain = float(wanted.square().sum()), float((found * wanted).sum())
    if shared * shared > 0.9 * energy * strength or strength == 0:
        return plain / energy
    return (plain * strength - float((found * beside).sum()) * shared) / (energy * strength - shared * shared)


def psnr(frames: Tensor, clean: Tensor) -> float:
    """This is the signal-to-noise ratio of a whole clip in decibels, 100 at most."""
    return -10 * float(torch.log10((frames - clean).square().mean().clamp(min=CEILING)))


def likeness(frames: Tensor, clean: Tensor) -> float:
    """This is the structural similarity of luma (Wang et al. 2004): a Gaussian of 1.5 in windows of 11 pixels."""
    one, other = luma(frames), luma(clean)
    means = [_window(part) for part in (one, other)]
    variances = [_window(part * part) - mean * mean for part, mean in zip((one, other), means, strict=True)]
    shared = _window(one * other) - means[0] * means[1]
    light = (2 * means[0] * means[1] + 0.01**2) / (means[0] ** 2 + means[1] ** 2 + 0.01**2)
    return float((light * (2 * shared + 0.03**2) / (variances[0] + variances[1] + 0.03**2)).mean())


def luma(frames: Tensor) -> Tensor:
    """This is the brightness of frames, `[T, 1, H, W]`."""
    return (frames * LUMA).sum(dim=1, keepdim=True)


def blur_likeness(frames: Tensor, source: Tensor) -> float:
    """This is the similarity of structure to the source, both blurred by 3 pixels."""
    return likeness(blurred(frames, 3.0), blurred(source, 3.0))


def edge_agreement(frames: Tensor, source: Tensor) -> tuple[float, float]:
    """This is the F1 score of Canny edges against the source's: exactly in place, and within a pixel."""
    here, there = edges(frames), edges(source)
    near_here, near_there = (F.max_pool2d(lines, 3, 1, 1) for lines in (here, there))
    return _f1(here, there, here, there), _f1(here, there, near_here, near_there)


def edges(frames: Tensor) -> Tensor:
    """This draws the edges of luma, `[T, 1, H, W]`, 0 or 1: Canny from 100 to 200, after a Gaussian of 1 pixel."""
    grey = luma(blurred(frames, 1.0)).clamp(0, 1).mul(255).round().byte().numpy()
    return torch.from_numpy(np.stack([cv2.Canny(frame[0], 100, 200) for frame in grey]))[:, None].float() / 255


def _f1(here: Tensor, there: Tensor, near_here: Tensor, near_there: Tensor) -> float:
    right = float((here * near_there).sum() / here.sum().clamp(min=1))
    found = float((there * near_here).sum() / there.sum().clamp(min=1))
    return 2 * right * found / max(right + found, 1e-9)


def flow_distance(frames: Tensor, motion: Motion) -> float:
    """tOF: how far the motion that is seen in frames lies from the true one, pixels, the mean over all of them.

    Motion is seen by dense inverse search, which has an error of its own: compare with that of the clean clip.
    """
    search = DisFlow()
    seen = torch.stack([search(frames[t - 1], frames[t]) for t in range(1, len(frames))])
    return float((seen - motion.to_previous[1:]).square().sum(dim=1).sqrt().mean())


@dataclass(frozen=True)
class Chain:
    """How frame `now` reaches back to frame `then`: flow `[2, H, W]`, and where it counts all the way, `[1, H, W]`."""

    now: int
    then: int
    flow: Tensor
    counts: Tensor


def far_error(frames: Tensor, followed: list[Chain]) -> float:
    """This is the warp error, times 1000, between frames far apart."""
    now, then = frames[[link.now for link in followed]], frames[[link.then for link in followed]]
    off = now - warp(then, torch.stack([link.flow for link in followed]), "bicubic")[0]
    return 1000 * float(masked_mean(off.square(), torch.stack([link.counts for link in followed])).mean())


def chain(motion: Motion, counts: Tensor, now: int, then: int) -> Chain:
    """This follows flow from frame to frame, back to an earlier one."""
    flow, held = torch.zeros_like(motion.to_previous[:1]), torch.ones_like(counts[:1])
    for frame in range(now, then, -1):
        step = torch.cat([motion.to_previous[frame : frame + 1], counts[frame : frame + 1]], dim=1)
        carried, inside = warp(step, flow)
        held = held * inside * (carried[:, 2:] > 0.999)
        flow = flow + carried[:, :2]
    return Chain(now, then, flow[0], held[0])


@lru_cache(maxsize=2)  # of one clip, over both distances
def chains(motion: Motion, counts: Tensor, stride: int | None) -> list[Chain]:
    """This follows flow over `stride` frames, or to the first frame; from every fourth frame, where any of it holds.

    Raises:
        ValueError: where nothing can be followed so far.
    """
    pairs = [(now, now - stride if stride else 0) for now in range(stride or 4, len(counts), 4)]
    found = [chain(motion, counts, now, then) for now, then in pairs]
    kept = [link for link in found if link.counts.mean() > 0.01]
    if not kept:
        raise ValueError(f"nothing can be followed over {stride or 'all'} frames")
    return kept
