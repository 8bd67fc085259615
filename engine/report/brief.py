"""The short form: what a run says of its own result, from the seams and a few other frames."""

from __future__ import annotations

import math
from itertools import pairwise

from engine.plan import Plan
from engine.report.figures import Figures, figures_of
from engine.report.job import FinishedJob
from engine.report.measuring import Findings, look
from engine.report.words import headline, number, percent
from engine.windows import Span

BESIDE = 7  # frames before and after an overlap
SAMPLES = 3  # places in a shot without seams
LENGTH = 4  # frames at each, and at the start of a shot with seams


def brief(job: FinishedJob) -> Findings:
    """This looks at the frames at and about seams, at the start of each shot, and of a shot without seams at a few.

    It costs a small part of `measure`, and says nothing of structure and extra cuts.
    """
    with job.opened() as (source, result):
        return look(job, source, result, _spans(job.plan), structure=False)


def brief_lines(findings: Findings) -> list[str]:
    """This says what `brief` found, in three lines; of a single picture, which has neither seams nor motion, in one."""
    figures = figures_of(findings)
    if findings.job.frames == 1:
        return [f"{percent(figures.detail)} of the raw picture's detail is kept."]
    lines = [headline(findings)]
    if findings.seams:
        lines.append(
            f"At seams: at most {number(figures.seam_ratio)} times the usual change (the raw chunks "
            f"{number(figures.seam_ratio_raw)}), colour at most {number(figures.colour_step)} dE2000 "
            f"(raw {number(figures.colour_step_raw)})."
        )
    return [*lines, _kept(findings, figures)]


def _kept(findings: Findings, figures: Figures) -> str:
    """This says of how many frames the figures are, as all frames may give others, and leaves out what is not known."""
    told = [f"{percent(figures.detail)} of the raw chunks' detail"]
    if math.isfinite(figures.motion):
        told.append(f"{percent(figures.motion)} of their motion")
    if math.isfinite(figures.warp_ratio):
        told.append(f"{number(figures.warp_ratio)} times the source's change along the motion")
    return f"In {findings.looked_at} of {findings.job.frames} frames: {', '.join(told)}."


def _spans(plan: Plan) -> list[Span]:
    spans: list[Span] = []
    for takes in plan.shots:
        shot, chunks = takes[0].shot, [take.span for take in takes]
        if len(chunks) == 1:
            wanted = _samples(shot)
        else:
            wanted = [Span(shot.start, min(shot.start + LENGTH, shot.stop))]
            for left, right in pairwise(chunks):
                wanted.append(Span(max(shot.start, right.start - BESIDE), min(shot.stop, left.stop + BESIDE)))
        spans += _merged(wanted)
    return spans


def _samples(shot: Span) -> list[Span]:
    count = min(SAMPLES, len(shot) // (4 * LENGTH))
    if count < 2:
        return [Span(shot.start, min(shot.stop, shot.start + LENGTH))]
    starts = [shot.start + round(place * (len(shot) - LENGTH) / (count - 1)) for place in range(count)]
    return [Span(start, start + LENGTH) for start in starts]


def _merged(spans: list[Span]) -> list[Span]:
    merged = spans[:1]
    for span in spans[1:]:
        if span.start <= merged[-1].stop:
            merged[-1] = Span(merged[-1].start, max(merged[-1].stop, span.stop))
        else:
            merged.append(span)
    return merged
