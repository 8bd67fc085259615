"""The figures of a whole job, from those of its frames."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from consistency.lab import difference
from consistency.watch import RAW, RESULT, SOURCE
from engine.report.measuring import Findings, ShotFindings

FOLLOWS = 0.02
"""The least likeness (a cosine) of the raw chunks' change to the source's from which motion can be judged."""


@dataclass(frozen=True)
class Figures:
    """What is said of a job as a whole; NaN where it cannot be told.

    warp_error, warp_error_raw, warp_floor: mean squared change along the motion, times 1000, of the result, the raw
    chunks and the source. seam_ratio: the largest over all seams. drift, drift_raw: the furthest that a chunk's mean
    colour is from that of its shot's first chunk, dE2000. detail: share of the raw chunks' detail that is still there;
    sharpness: its energy over theirs; softest_seam: sharpness at the softest seam over the usual. motion: share of the
    raw chunks' motion that is still there. structure, edges: likeness to the source; `_raw` that of the raw chunks.
    """

    warp_error: float
    warp_error_raw: float
    warp_floor: float
    seam_ratio: float
    seam_ratio_raw: float
    colour_step: float
    colour_step_raw: float
    drift: float
    drift_raw: float
    detail: float
    sharpness: float
    softest_seam: float
    motion: float
    structure: float
    structure_raw: float
    edges: float
    edges_raw: float

    @property
    def warp_ratio(self) -> float:
        """How many times as much as the source's own the result changes along the motion."""
        return self.warp_error / self.warp_floor if self.warp_floor > 0 else math.nan

    @property
    def warp_ratio_raw(self) -> float:
        """The same of the raw chunks."""
        return self.warp_error_raw / self.warp_floor if self.warp_floor > 0 else math.nan


def figures_of(findings: Findings) -> Figures:
    """This sums up what was found."""
    moments, calm = findings.moments, ~findings.at_seams
    errors = 1000 * moments.error[moments.error.isfinite().all(dim=1)].mean(dim=0)
    common, raw, made = _total(moments.detail[calm])
    moved, moved_raw = _total(moments.motion[calm])
    drifts = torch.tensor([drift for shot in findings.shots for drift in drift_of(findings, shot)]).view(-1, 2)
    structure, structure_raw = moments.structure.nanmean(dim=0)
    edges, edges_raw = moments.edges.nanmean(dim=0)
    figures = {
        "warp_error": errors[RESULT],
        "warp_error_raw": errors[RAW],
        "warp_floor": errors[SOURCE],
        "seam_ratio": _most([seam.ratio for seam in findings.seams]),
        "seam_ratio_raw": _most([seam.ratio for seam in findings.seams_before]),
        "colour_step": _most([seam.step for seam in findings.seams]),
        "colour_step_raw": _most([seam.step for seam in findings.seams_before]),
        "drift": _most(drifts[:, RESULT].tolist()),
        "drift_raw": _most(drifts[:, RAW].tolist()),
        "detail": _over(common, raw),
        "sharpness": _over(made, raw),
        "softest_seam": _softest(findings),
        "motion": _over(moved, moved_raw),
        "structure": structure,
        "structure_raw": structure_raw,
        "edges": edges,
        "edges_raw": edges_raw,
    }
    return Figures(**{name: float(value) for name, value in figures.items()})


def drift_of(findings: Findings, shot: ShotFindings) -> list[list[float]]:
    """This is, for every chunk of a shot, how far its mean colour is from the first one's: dE2000 `[result, raw]`.

    What the source's own change of colour makes of it is taken away first.
    """
    colours = findings.moments.colour.view(-1, 3, 3)
    means = torch.stack([colours[chunk.start : chunk.stop].nanmean(dim=0) for chunk in shot.own])
    expected = means[0, :SOURCE] + torch.einsum("cs,kst->ckt", means[:, SOURCE] - means[0, SOURCE], shot.gains)
    found: list[list[float]] = difference(means[:, :SOURCE], expected).tolist()
    return found


def _softest(findings: Findings) -> float:
    """The least share of the raw chunks' detail at a frame of a seam, over the usual one of the clip."""
    share = findings.moments.detail[:, 2] / findings.moments.detail[:, 1]
    usual = share[~findings.at_seams].nanmedian()
    windows = [finding.seam.window for finding in findings.seams]
    lowest = [share[window.start : window.stop].nan_to_num(torch.inf).min() / usual for window in windows]
    return float(torch.stack(lowest).min()) if lowest else math.nan


def _total(values: Tensor) -> Tensor:
    return values.nansum(dim=0)


def _most(values: list[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return max(known, default=math.nan)


def _over(part: Tensor, whole: Tensor) -> float:
    return float(part / whole) if float(whole) > 0 else math.nan
