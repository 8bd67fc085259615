"""The product's own methods, by name; what they are compared with stands in `peers`."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.steadiness.trial import Method, Motion, Trial
from consistency.join import ChunkJoin
from consistency.steady import Pair, Steadier
from preprocessors.flow import DisFlow


def joined(trial: Trial, motion: Motion) -> Tensor:
    """This joins the parts as the product does, and steadies nothing."""
    join, finished = ChunkJoin(DisFlow(fine=True)), []
    overlaps = [0, *(seam.overlap for seam in trial.seams), 0]
    for part, before, after in zip(trial.parts, overlaps[:-1], overlaps[1:], strict=True):
        source = trial.clip.source[part.start : part.start + len(part.frames)]
        finished.append(join.add(part.frames, before, after, source))
    return torch.cat(finished)


def ours(trial: Trial, motion: Motion) -> Tensor:
    """This joins the parts and steadies the shot as the product does."""
    frames, steadier, finished = joined(trial, motion), Steadier(len(trial.clip.source)), []
    for t, (frame, source) in enumerate(zip(frames, trial.clip.source, strict=True)):
        pair = Pair(motion.to_previous[t], motion.to_next[t - 1]) if t else None
        finished += steadier.add(frame, source, pair)
    return torch.stack(finished)


METHODS: dict[str, Method] = {"joined": joined, "ours": ours}
