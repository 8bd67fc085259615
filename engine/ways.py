"""Ways that were found in small pictures, made to fit the contours of finer ones.

A flow that is known of a few pixels says too little at a border between things: what lies between pixels of either
is a mean of both, and moves with neither. So the way of a frame's pixels to another frame is looked for again in finer
pictures, beginning where the small ones had it, and each pixel near a border takes the way of that neighbour by which
the other frame's colour there comes out most like its own. It is trusted as far as that neighbour is. (Candidates from
the neighbourhood, chosen by how the pictures match, as in PatchMatch: Barnes et al. 2009.)
"""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor
from torch.nn import functional as F

from consistency.blur import blur
from consistency.warp import warped
from preprocessors.flow import DisFlow

RINGS = (1.5, 3.0, 6.0)
"""Pixels of the small picture to each side, in which neighbours are asked."""
APART = 0.25
"""Pixels of the small picture: where ways around differ by less, there is no border and each keeps its own."""
UNLIKE = 0.05
"""How far colours, 0 to 1, may be apart: by so much, and a neighbour counts as little as with 0.61 of the trust."""
GRAIN = 0.7
"""Pixels that sources are to be blurred by before they are compared."""
FARTHER = 0.05
"""What a pixel's distance costs, as a logarithm of trust: of equals the nearer one is taken."""
LEAST = 1e-3
"""Of trust: what is trusted less costs no more."""
BETTER = 0.8
"""Of the squared miss around: what a way that was looked for again must stay below; by less any fits grain better."""
AROUND = 5  # pixels a side that pictures are compared over

NOISE = 0.02
"""Of 0 to 1: how far colours may be apart that are the same, half trusted at that."""
OF_TEXTURE = 0.3
"""Of the squared contrast around: what they may be apart by, too; strong texture shows faults of a tenth of a pixel."""

SOFT = 1.0  # pixels that trust is blurred by, as neighbours may have chosen otherwise

SEARCH = DisFlow(fine=True)


def larger(way: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    """This brings a way `[1, 2, h, w]` to a size, in pixels of that size."""
    factors = [there / here for there, here in zip(size, way.shape[-2:], strict=True)]
    return resized(way, size) * way.new_tensor(factors[::-1]).view(1, 2, 1, 1)


def resized(maps: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    """This brings smooth maps `[N, C, h, w]` to a size."""
    return maps if maps.shape[-2:] == size else F.interpolate(maps, size, mode="bilinear", align_corners=False)


def sought(way: Tensor, now: Tensor, then: Tensor) -> Tensor:
    """This looks again for a way `[1, 2, H, W]` from `now` to `then`, `[1, 3, H, W]` in one light, near the known one.

    What is found counts where the pictures come out much more alike.
    """
    found = SEARCH.near(then[0], now[0], way[0])[None]
    return torch.where(_missed(found, now, then) < BETTER * _missed(way, now, then), found, way)


def settled(way: Tensor, trust: Tensor, now: Tensor, then: Tensor) -> tuple[Tensor, Tensor]:
    """This gives a way `[1, 2, H, W]` from `now` to `then`, `[1, 3, H, W]`, that keeps to borders; best in one light.

    trust: how far it is trusted, 0 to 1, as it was found in small pictures, `[1, 1, h, w]`. What comes out as trust is
    `[1, 1, H, W]`.
    """
    small, size = trust.shape[-2:], now.shape[-2:]
    known = torch.cat([way, resized(trust, size)], dim=1)
    places = _borders(way, small).nonzero(as_tuple=True)
    known[0, :, places[0], places[1]] = _chosen(known[0], places, now[0], then, size[1] / small[1])
    return known[:, :2], blur(known[:, 2:], SOFT)


def alike(way: Tensor, now: Tensor, then: Tensor) -> Tensor:
    """This says how far `now` looks around each pixel as `then` does where its way ends, 0 to 1, `[1, 1, H, W]`.

    A way by which that comes out right is good, whatever going there and back says: at borders and at the picture's
    edge that often fails though the pixel is to be seen in both.
    """
    mean, square = _mean(now), _mean(now.square())
    contrast = (square - mean.square()).mean(dim=1, keepdim=True).clamp(min=0)
    return torch.exp2(-_missed(way, now, then) / (OF_TEXTURE * contrast + NOISE**2))


def _missed(way: Tensor, now: Tensor, then: Tensor) -> Tensor:
    """This gives the mean squared miss around each pixel, `[1, 1, H, W]`."""
    return _mean((warped(then, way) - now).square().mean(dim=1, keepdim=True))


def _mean(maps: Tensor) -> Tensor:
    return F.avg_pool2d(maps, AROUND, 1, AROUND // 2, count_include_pad=False)


def _borders(way: Tensor, small: tuple[int, int] | torch.Size) -> Tensor:
    """This marks the pixels `[H, W]` around which ways differ."""
    reach = round(max(RINGS))
    ends = F.adaptive_max_pool2d(torch.cat([way, -way], dim=1), small)
    for kernel in ((2 * reach + 1, 1), (1, 2 * reach + 1)):  # in one go it takes more than twice as long
        ends = F.max_pool2d(ends, kernel, 1, [side // 2 for side in kernel])
    apart = (ends[:, :2] + ends[:, 2:]).amax(dim=1, keepdim=True) > APART * way.shape[-1] / small[1]
    return F.interpolate(apart.float(), way.shape[-2:], mode="nearest")[0, 0] > 0


def _chosen(known: Tensor, places: tuple[Tensor, ...], now: Tensor, then: Tensor, unit: float) -> Tensor:
    """This gives the best neighbour's way and trust `[3, N]` for the pixels at `places`, rows and columns.

    known: ways and trust, `[3, H, W]`. now: the colours that are to come out, `[3, H, W]`. unit: pixels of a small one.
    """
    rows, columns = places
    aim, last = now[:, rows, columns], [side - 1 for side in known.shape[-2:]]
    best, least = known[:, rows, columns], now.new_full((len(rows),), torch.inf)
    for down, right in _neighbours():
        there = ((rows + round(down * unit)).clamp(0, last[0]), (columns + round(right * unit)).clamp(0, last[1]))
        asked = known[:, there[0], there[1]]
        miss = (_looked_up(then, rows + asked[1], columns + asked[0]) - aim).square().mean(dim=0)
        cost = miss / (2 * UNLIKE**2) - asked[2].clamp(min=LEAST).log() + FARTHER * (down**2 + right**2) ** 0.5
        better = cost < least
        best, least = torch.where(better, asked, best), torch.where(better, cost, least)
    return best


def _neighbours() -> list[tuple[float, float]]:
    """The neighbours that are asked, down and right, a pixel itself first."""
    sides = [(y, x) for y, x in product((-1, 0, 1), repeat=2) if y or x]
    return [(0.0, 0.0), *((ring * y, ring * x) for ring in RINGS for y, x in sides)]


def _looked_up(picture: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """This gives the colours `[3, N]` of a picture `[1, 3, H, W]` between its pixels."""
    height, width = picture.shape[-2:]
    places = torch.stack([(2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1], dim=-1)
    return F.grid_sample(picture, places[None, None], padding_mode="border", align_corners=False)[0, :, 0]
