"""What could be reached: rows that know a part of the answer, and show what the rest costs."""

from __future__ import annotations

from torch import Tensor

from benchmarks.steadiness.clips import eight_bit
from benchmarks.steadiness.trial import Method, Motion, Trial


def recoloured(trial: Trial, motion: Motion) -> Tensor:
    """This knows the answer's mean colour in every frame, gives it to what flickers, and does nothing else."""
    wanted, found = (frames.mean(dim=(2, 3), keepdim=True) for frames in (trial.answers[0], trial.flickering))
    return (trial.flickering * (wanted / found.clamp(min=1e-6))).clamp(0, 1)


def rounded(trial: Trial, motion: Motion) -> Tensor:
    """This knows the answer, and gives it as a file of 8 bits a channel holds it."""
    return eight_bit(trial.answers[0])


BOUNDS: dict[str, Method] = {"recoloured": recoloured, "rounded": rounded}
