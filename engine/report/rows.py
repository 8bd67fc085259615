"""The table of figures: each with what it was before joining, and with how to read it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from engine.report.figures import Figures
from engine.report.measuring import Findings
from engine.report.words import number, percent

LITTLE_DETAIL, SOFT, HARSH, STIFF = 0.8, 0.85, 1.15, 0.9
"""Shares of the raw chunks' detail, sharpness and motion beyond which a figure is marked."""


@dataclass(frozen=True)
class Row:
    """A figure in words. `off` marks one that should be looked at."""

    what: str
    result: str
    before: str
    reading: str
    off: bool = False


def _times(value: float) -> str:
    return f"{number(value)} ×" if math.isfinite(value) else "–"


def _share(value: float) -> str:
    return percent(value) if math.isfinite(value) else "–"


def rows_of(findings: Findings, figures: Figures) -> list[Row]:
    """This writes all rows."""
    return [*_seam_rows(findings, figures), *_steady_rows(figures), *_faithful_rows(findings, figures)]


def _seam_rows(findings: Findings, figures: Figures) -> Iterator[Row]:
    count = len(findings.seams)
    if not count:
        yield Row("seams", "none", "–", "every shot was restyled in one piece")
        return
    seen, before = (sum(seam.named for seam in seams) for seams in (findings.seams, findings.seams_before))
    yield Row("seams that can be seen", f"{seen} of {count}", f"{before} of {count}", "by the rule below", seen > 0)
    yield Row(
        "largest change at a seam",
        _times(figures.seam_ratio),
        _times(figures.seam_ratio_raw),
        "times the usual change of the shot; 1 cannot be told from other frames",
    )
    yield Row(
        "colour over a seam",
        number(figures.colour_step),
        number(figures.colour_step_raw),
        "dE2000 between the frames before and after, the most; about 1 can just be seen",
    )
    yield Row(
        "softest frame at a seam",
        _share(figures.softest_seam),
        "–",
        "of the clip’s usual sharpness; a fade between unlike textures would lose some",
        figures.softest_seam < SOFT,
    )


def _steady_rows(figures: Figures) -> Iterator[Row]:
    yield Row(
        "colour drift",
        number(figures.drift),
        number(figures.drift_raw),
        "dE2000 of the chunk furthest from its shot’s first, the source’s own change taken away",
    )
    yield Row(
        "change along the motion",
        _times(figures.warp_ratio),
        _times(figures.warp_ratio_raw),
        f"times the source’s own ({number(figures.warp_error, 3)} over {number(figures.warp_floor, 3)}, "
        "E_warp × 1000); nearer to 1 is steadier",
    )


def _faithful_rows(findings: Findings, figures: Figures) -> Iterator[Row]:
    yield Row(
        "detail kept",
        _share(figures.detail),
        "100 %",
        "of the chunks’ fine detail, in its place; a blur loses it",
        figures.detail < LITTLE_DETAIL,
    )
    yield Row(
        "sharpness",
        _share(figures.sharpness),
        "100 %",
        "energy of fine detail; 85 to 115 % looks alike",
        math.isfinite(figures.sharpness) and not SOFT <= figures.sharpness <= HARSH,
    )
    yield Row(
        "motion kept",
        _share(figures.motion),
        "100 %",
        "of the chunks’ change that goes with the source’s; a frozen picture has 0",
        figures.motion < STIFF,
    )
    yield Row(
        "light and dark as in the source",
        number(figures.structure),
        number(figures.structure_raw),
        "SSIM after the same blur; 1 is the source",
    )
    yield Row(
        "edges as in the source",
        number(figures.edges),
        number(figures.edges_raw),
        "F1 of Canny edges, to one pixel; 1 is the source",
    )
    cuts = len(findings.extra_cuts)
    yield Row("cuts that the source does not have", str(cuts), "–", "found by PySceneDetect", cuts > 0)
