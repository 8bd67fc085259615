"""Which seams can be seen: told from the result and its source alone, with no clean clip to compare with.

A seam is named where one of two things at it stands out from the same shot elsewhere:

- a **jump**: at a frame of the seam (where the two chunks overlap, or the first frame after) the result changes along
  the source's motion by more than

      max(usual + 4 spreads, usual + 25 %, usual + 0.5 levels, nearly all others + 5 %) + gain * what the source does

  where usual and spread are the median and the scaled median deviation of such changes in the nearest `NEAR` frames of
  the shot that lie at no seam, "nearly all others" is what 98 of 100 of them stay below, and "what the source does" is
  how much more than usual the source itself changes at that frame (a flash, a splash, something too fast for the
  flow), which `gain` turns into the look's contrast;

- a **step** of colour, however slowly it comes: between the few frames before the overlap and those after it the mean
  colour moves by more dE2000 than the source's own change explains, by more than `LEAST_STEP` and more than nearly all
  other places of the shot do.

So a clip that flickers everywhere has no seams, and neither has one whose seam lies in a flash: nobody could point at
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from consistency.lab import difference
from consistency.metrics import Seam

NEAR = 64
"""Frames, on both sides together, that a seam is compared with."""
FEWEST = 4
"""Frames without which there is nothing to compare with."""
LEAST_JUMP = 0.5
"""8-bit levels, the mean over the picture: a change that is smaller is not seen."""
LEAST_STEP = 2.0
"""dE2000 by which a colour must move: about two just noticeable differences."""
REACH = 4
"""Frames before and after a seam whose colours are compared."""


@dataclass(frozen=True)
class SeamFinding:
    """What was found at a seam. `frame` is where it shows most.

    jump, usual: change at that frame and the usual one of the shot, 8-bit levels; NaN where nothing could be
    measured. step: dE2000. `jumps` and `steps` say which of the two can be seen.
    """

    seam: Seam
    frame: int
    jump: float
    usual: float
    step: float
    jumps: bool
    steps: bool

    @property
    def named(self) -> bool:
        """Whether a person could point at it."""
        return self.jumps or self.steps

    @property
    def ratio(self) -> float:
        """How many times the usual change the seam's is: 1 cannot be seen."""
        return self.jump / max(self.usual, 1e-3)


def judge_seams(
    jumps: Tensor, source_jumps: Tensor, colours: tuple[Tensor, Tensor], gains: Tensor, seams: Sequence[Seam]
) -> list[SeamFinding]:
    """This judges the seams of one shot; see above for the rule.

    jumps, source_jumps: `[T]`, the changes along the source's motion of result and source, 8-bit levels; NaN where
    unknown. colours: mean colours `[T, 3]` of result and source. gains: `[3, 3]`, how the look turns a change of the
    source's colour into its own. seams: in frames of the shot.
    """
    excess, usual = excesses(jumps, source_jumps, gains, seams)
    steps = colour_steps(*colours, gains, seams[0].overlap) if seams else jumps
    return [_judge(seam, jumps, excess, usual, steps, seams) for seam in seams]


def _judge(
    seam: Seam, jumps: Tensor, excess: Tensor, usual: Tensor, steps: Tensor, seams: Sequence[Seam]
) -> SeamFinding:
    inside = excess[seam.window.start : seam.window.stop]
    known = bool(inside.isfinite().any())
    frame = seam.start + (int(inside.nan_to_num(-torch.inf).argmax()) if known else 0)
    step = float(steps[seam.start])
    return SeamFinding(
        seam=seam,
        frame=frame,
        jump=float(jumps[frame]),
        usual=float(usual[frame]),
        step=step,
        jumps=known and float(excess[frame]) > 0,
        steps=step > max(LEAST_STEP, 1.25 * _other_steps(steps, seams)),
    )


def excesses(jumps: Tensor, source_jumps: Tensor, gains: Tensor, seams: Sequence[Seam]) -> tuple[Tensor, Tensor]:
    """This is by how much each frame's change is over what the rule allows it, and the usual change there: `[T]` each.

    NaN where nothing was measured or there is nothing to compare with.
    """
    elsewhere = _elsewhere(jumps, seams)
    gain = _gain(gains)
    excess, usual = torch.full_like(jumps, torch.nan), torch.full_like(jumps, torch.nan)
    if len(elsewhere) < FEWEST:
        return excess, usual
    for frame in range(len(jumps)):
        near = _nearest(elsewhere, frame)
        others = jumps[near]
        usual[frame] = others.median()
        excess[frame] = jumps[frame] - _allowed(others) - gain * _surplus(source_jumps[frame], source_jumps[near])
    return excess, usual


def _nearest(elsewhere: Tensor, frame: int) -> Tensor:
    """The frames about `frame`, without it: half of `NEAR` on either side, more where the shot begins or ends."""
    others = elsewhere[elsewhere != frame]
    place = int(torch.searchsorted(others, frame))
    start = max(0, min(place - NEAR // 2, len(others) - NEAR))
    return others[start : start + NEAR]


def _allowed(others: Tensor) -> float:
    usual = float(others.median())
    spread = 1.4826 * float((others - usual).abs().median())
    high = float(others.quantile(0.98))
    return max(usual + 4 * spread, 1.25 * usual, usual + LEAST_JUMP, 1.05 * high)


def _surplus(here: Tensor, others: Tensor) -> float:
    return max(0.0, float(here - others.median()))


def _gain(gains: Tensor) -> float:
    """The most by which the look enlarges a change, and half as much again: looks are not as linear as their fit."""
    return 1.5 * min(2.0, max(0.5, float(torch.linalg.matrix_norm(gains, ord=2))))


def colour_steps(result: Tensor, source: Tensor, gains: Tensor, overlap: int) -> Tensor:
    """This is, for an overlap that began at each frame, how far colour moves over it: dE2000 `[T]`, NaN near the ends.

    result, source: mean colours `[T, 3]`. The `REACH` frames before the overlap are compared with those after it, and
    what the source's own change makes of them is taken away.
    """
    count, reach = len(result), REACH
    steps = torch.full((count,), torch.nan)
    if count < 2 * reach + overlap:
        return steps
    made, given = (colour.unfold(0, reach, 1).mean(dim=2) for colour in (result, source))
    first = torch.arange(count - 2 * reach - overlap + 1)
    after = first + reach + overlap
    steps[first + reach] = difference(made[first] + (given[after] - given[first]) @ gains, made[after])
    return steps


def _other_steps(steps: Tensor, seams: Sequence[Seam]) -> float:
    """The step that nearly all places stay below whose frames touch no seam; 0 where there are too few."""
    touched = torch.zeros(len(steps), dtype=torch.bool)
    for seam in seams:
        width = seam.overlap + REACH
        touched[max(0, seam.start - width) : seam.start + width + 1] = True
    others = steps[~touched & steps.isfinite()]
    return float(others.quantile(0.98)) if len(others) >= FEWEST else 0.0


def _elsewhere(jumps: Tensor, seams: Sequence[Seam]) -> Tensor:
    """The frames at no seam whose change is known."""
    free = jumps.isfinite()
    for seam in seams:
        free[seam.window.start : seam.window.stop] = False
    return free.nonzero()[:, 0]
