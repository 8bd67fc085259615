"""What was found, in words for people and as plain facts for machines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from consistency.blame import SeamFinding
from engine.report.figures import Figures, drift_of, figures_of
from engine.report.measuring import Findings


def headline(findings: Findings) -> str:
    """This says in a sentence or two what was found: which seams can be seen, and which cuts are new."""
    return " ".join(part for part in (_about_seams(findings), _about_cuts(lone_cuts(findings))) if part)


def lone_cuts(findings: Findings) -> list[int]:
    """These are the extra cuts that are no seam which is named anyway."""
    named = {seam.frame + off for seam in findings.seams if seam.named for off in (-1, 0, 1)}
    return [cut for cut in findings.extra_cuts if cut not in named]


def _about_seams(findings: Findings) -> str:
    seams = findings.seams
    jumps = [seam.frame for seam in seams if seam.jumps]
    steps = [seam.seam.start for seam in seams if seam.steps and not seam.jumps]
    told = []
    if jumps:
        told.append(f"A step can be seen at {_of_seams(jumps, seams)}.")
    if steps:
        told.append(f"Colour moves over {_of_seams(steps, seams)}.")
    if told:
        return " ".join(told)
    if not seams:
        return "There is no seam: every shot was restyled in one piece."
    return "No seam can be told from other frames."


def _of_seams(frames: list[int], seams: Sequence[SeamFinding]) -> str:
    if len(seams) == 1:
        return f"the seam at {frames_in_words(frames)}"
    share = f"{len(frames)} of {len(seams)}"
    if len(frames) == len(seams):
        share = "both" if len(seams) == 2 else f"all {len(seams)}"
    return f"{share} seams: {frames_in_words(frames)}"


def _about_cuts(cuts: Sequence[int]) -> str:
    return f"The result cuts at {frames_in_words(cuts)}, where the source does not." if cuts else ""


def frames_in_words(frames: Sequence[int], most: int = 6) -> str:
    """This lists frames: `frames 88, 176 and 264`; of very many it says how many more there are."""
    names = [str(frame) for frame in frames[:most]]
    if len(frames) > most:
        names.append(f"{len(frames) - most} more")
    listed = " and ".join([*([", ".join(names[:-1])] if len(names) > 1 else []), names[-1]])
    return f"{'frame' if len(frames) == 1 else 'frames'} {listed}"


def as_facts(findings: Findings) -> dict[str, Any]:
    """This gives everything as plain JSON; what cannot be told is null."""
    job = findings.job
    figures = figures_of(findings)
    facts = {
        "headline": headline(findings),
        "result": str(job.result),
        "source": str(job.source),
        "frames": job.frames,
        "frames_looked_at": findings.looked_at,
        "cuts": job.cuts,
        "chunks": [[take.span.start, take.span.stop] for take in job.plan.takes],
        "figures": asdict(figures) | {"warp_ratio": figures.warp_ratio, "warp_ratio_raw": figures.warp_ratio_raw},
        "seams": [_seam(seam) for seam in findings.seams],
        "seams_before_joining": [_seam(seam) for seam in findings.seams_before],
        "drift": [[drift[0] for drift in drift_of(findings, shot)] for shot in findings.shots],
        "extra_cuts": list(findings.extra_cuts),
    }
    plain: dict[str, Any] = _without_nan(facts)
    return plain


def _seam(found: SeamFinding) -> dict[str, Any]:
    return {
        "start": found.seam.start,
        "overlap": found.seam.overlap,
        "frame": found.frame,
        "jump": found.jump,
        "usual": found.usual,
        "ratio": found.ratio,
        "colour_step": found.step,
        "seen": found.named,
        "why": [why for why, holds in (("jump", found.jumps), ("colour", found.steps)) if holds],
    }


def _without_nan(value: Any) -> Any:  # noqa: ANN401 - plain JSON
    if isinstance(value, dict):
        return {key: _without_nan(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_nan(part) for part in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value


def as_lines(findings: Findings) -> dict[str, str]:
    """This says each figure in words, by its name: what a person reads in a terminal."""
    figures = figures_of(findings)
    lines = {
        "found": headline(findings),
        "seams": _seam_line(findings, figures),
        "colour": _colour_line(findings, figures),
        "steadiness": _steady_line(figures),
        "detail": f"{percent(figures.detail)} of the raw chunks' kept, sharpness {number(figures.sharpness)} of theirs",
        "motion": f"{percent(figures.motion)} of the raw chunks' kept",
        "structure": f"light and dark {number(figures.structure)}, edges {number(figures.edges)}, of 1, as the source "
        f"(raw chunks {number(figures.structure_raw)} and {number(figures.edges_raw)})",
        "extra cuts": frames_in_words(findings.extra_cuts) if findings.extra_cuts else "none",
    }
    return lines | {f"seam {seam.seam.start}": seam_in_words(seam) for seam in findings.seams if seam.named}


def _seam_line(findings: Findings, figures: Figures) -> str:
    if not findings.seams:
        return "none"
    seen, before = (sum(seam.named for seam in seams) for seams in (findings.seams, findings.seams_before))
    return (
        f"{seen} of {len(findings.seams)} can be seen, at most {number(figures.seam_ratio)} times the usual change; "
        f"unjoined {before}, at most {number(figures.seam_ratio_raw)} times"
    )


def _colour_line(findings: Findings, figures: Figures) -> str:
    told = f"chunks at most {number(figures.drift)} dE2000 off their shot's first (raw {number(figures.drift_raw)})"
    if not findings.seams:
        return told
    return f"{told}; at seams {number(figures.colour_step)} (raw {number(figures.colour_step_raw)})"


def _steady_line(figures: Figures) -> str:
    return (
        f"changes {number(figures.warp_ratio)} times as much along the motion as the source "
        f"({number(figures.warp_error, 3)} over {number(figures.warp_floor, 3)}); "
        f"raw chunks {number(figures.warp_ratio_raw)} times"
    )


def seam_in_words(seam: SeamFinding) -> str:
    """This says what is to be seen at a seam."""
    told = f"frame {seam.frame} changes by {seam.jump:.1f} of 255 levels, {number(seam.ratio)} times the usual"
    return f"{told}; colour moves by {number(seam.step)} dE2000"


def number(value: float, digits: int = 2) -> str:
    """This writes a figure, with as many digits as one would say, `digits` where it is small."""
    if not math.isfinite(value):
        return "unknown"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.{digits}f}"


def percent(value: float) -> str:
    """This writes a share."""
    return f"{100 * value:.0f} %" if math.isfinite(value) else "an unknown share"
