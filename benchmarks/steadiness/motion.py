"""Motion estimated with care from the source, for whoever is not told the true one."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.steadiness.trial import Motion
from consistency.occlusion import motion_boundary, occluded
from preprocessors.flow import DisFlow

SEARCH = DisFlow(fine=True, smooth=True)


def estimated(source: Tensor) -> Motion:
    """This estimates the motion of frames `[T, 3, H, W]`, both ways, from them alone."""
    pairs = [SEARCH.both(source[t - 1], source[t]) for t in range(1, len(source))]
    none = torch.zeros_like(source[0, :2])
    back, ahead = [none, *(pair[0] for pair in pairs)], [*(pair[1] for pair in pairs), none]
    return Motion(torch.stack(back), torch.stack(ahead))


def seen_before(motion: Motion) -> Tensor:
    """This marks what the frame before shows too, for there and back comes home: `[T, 1, H, W]`, none in the first."""
    first = torch.zeros_like(motion.to_previous[:1, :1])
    return torch.cat([first, 1 - occluded(motion.to_previous[1:], motion.to_next[:-1])])


def countable(motion: Motion) -> Tensor:
    """This marks where an estimate can be believed, `[T, 1, H, W]`: seen before, and on no boundary of motion."""
    return seen_before(motion) * (1 - motion_boundary(motion.to_previous))
