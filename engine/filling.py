"""What is said of some pixels of a frame, said of the others, too: as of those nearby that look like them."""

from __future__ import annotations

import torch
from torch import Tensor

from consistency.blur import blur

ASKED = 1024
"""Pixels that are asked, about: some of every part of the picture."""
NEAR = 1 / 24
"""Of the picture's longer side: how far around is asked, as the standard deviation of a Gaussian."""
UNLIKE = 0.04
"""How far colours, 0 to 1, may be apart: one that differs by so much counts 0.61 of one that is the same."""
ENOUGH = 0.125
"""Of the pixels asked, how many must be alike, in all, for one to be told half of what they say."""
GRAIN = 0.7
"""Pixels that the picture is blurred by before its colours are compared."""
AT_ONCE = 4096


def said_of_alike(said: Tensor, known: Tensor, picture: Tensor) -> Tensor:
    """This gives what is said `[1, C, H, W]` of pixels that are not `known` (0 to 1, `[1, 1, H, W]`), 0 of the others.

    It is the mean of what is said of known ones nearby whose colours in the picture `[1, 3, H, W]` are alike (a joint
    bilateral filter: Petschnigg et al. 2004), and nothing where there are none.
    """
    found = torch.zeros_like(said)
    rows, columns = (known[0, 0] < 1).nonzero(as_tuple=True)
    seen, height, width = _points(picture), *picture.shape[-2:]
    step = max(1, round((height * width / ASKED) ** 0.5))
    asked = torch.zeros(height, width, dtype=torch.bool)
    asked[step // 2 :: step, step // 2 :: step] = True
    asked &= known[0, 0] > 0
    weight, answers = known[0, 0][asked], blur(said * known, 1.0) / blur(known, 1.0).clamp(min=1e-3)
    told = torch.cat([answers[0, :, asked].T * weight[:, None], weight[:, None]], dim=1)
    for some in range(0, len(rows), AT_ONCE):
        here = rows[some : some + AT_ONCE], columns[some : some + AT_ONCE]
        apart = torch.cdist(seen[here], seen[asked]).square_()
        sums = apart.mul_(-0.5).exp_() @ told
        found[0, :, here[0], here[1]] = (sums[:, :-1] / (sums[:, -1:] + ENOUGH)).T
    return found


def _points(picture: Tensor) -> Tensor:
    """This gives each pixel's place and colour `[H, W, 5]`, in standard deviations of what counts as alike."""
    height, width = picture.shape[-2:]
    near = NEAR * max(height, width)
    y, x = torch.meshgrid(torch.arange(height) / near, torch.arange(width) / near, indexing="ij")
    return torch.cat([torch.stack([y, x], dim=-1), blur(picture, GRAIN)[0].movedim(0, -1) / UNLIKE], dim=-1)
