"""The methods that are judged, by name."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from benchmarks.steadiness.trial import Method, Motion, Trial
from consistency.join import ChunkJoin
from preprocessors.flow import DisFlow


def linear_fade(trial: Trial, motion: Motion) -> Tensor:
    """This mixes the two versions of every overlap, from one to the other."""
    made = trial.parts[0].frames
    for left, right in pairwise(trial.parts):
        overlap = left.start + len(left.frames) - right.start
        weight = (torch.arange(overlap) + 1).div(overlap + 1).view(-1, 1, 1, 1)
        mixed = torch.lerp(made[right.start :], right.frames[:overlap], weight)
        made = torch.cat([made[: right.start], mixed, right.frames[overlap:]])
    return made


def ours(trial: Trial, motion: Motion) -> Tensor:
    """This joins the parts as the product does."""
    join, finished = ChunkJoin(DisFlow(fine=True)), []
    overlaps = [0, *(seam.overlap for seam in trial.seams), 0]
    for part, before, after in zip(trial.parts, overlaps[:-1], overlaps[1:], strict=True):
        source = trial.clip.source[part.start : part.start + len(part.frames)]
        finished.append(join.add(part.frames, before, after, source))
    return torch.cat(finished)


METHODS: dict[str, Method] = {"linear fade": linear_fade, "ours": ours}
