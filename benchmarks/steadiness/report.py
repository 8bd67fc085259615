"""Rows as tables for people, with 95 % intervals over clips."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.steadiness.injections import CASES
from benchmarks.steadiness.run import Row
from benchmarks.steadiness.scores import BY_CHUNK, Score

DRAWS = 2000
NOTE = "No learned metric was computed: no LPIPS, CLIP, DINO, DOVER, FVD or VBench."


def interval(values: Sequence[float]) -> tuple[float, float]:
    """This is the 95 % bootstrap interval of a mean over clips; the same draws every time."""
    drawn = np.random.default_rng(0).integers(0, len(values), (DRAWS, len(values)))
    low, high = np.quantile(np.asarray(values)[drawn].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def quality_table(rows: list[Row]) -> str:
    """This tells Q by case, the mean over clips, in brackets how many of them failed a gate; and what it cost."""
    cases = [case for case in CASES if any(row.case == case for row in rows)]
    lines = [["method", *cases, "mean Q", "95 %", "failed as 0", "failed", "ms/frame"]]
    for name in methods_of(rows):
        own = [row for row in rows if label(row) == name]
        low, high = interval(list(by_clip(own, lambda row: row.score.quality).values()))
        cells = [_cell([row for row in own if row.case == case]) for case in cases]
        mean, strict = (_mean(map(value, own)) for value in (lambda row: row.score.quality, passed_quality))
        bad, cost = sum(bool(row.failed) for row in own), _mean(row.milliseconds for row in own)
        ends = [f"{mean:.3f}", f"{low:.2f} to {high:.2f}", f"{strict:.3f}", f"{bad} of {len(own)}", f"{cost:.0f}"]
        lines.append([name, *cells, *ends])
    return _table(lines)


def difference_table(rows: list[Row], to: str = "ours") -> str:
    """This tells how far others lie below one method on the same trials, failed ones as 0, clips drawn in pairs."""
    best = by_clip([row for row in rows if label(row) == to], passed_quality)
    lines = [["method", f"Q below {to}", "95 %"]]
    for name in methods_of(rows):
        if name != to and best:
            other = by_clip([row for row in rows if label(row) == name], passed_quality)
            apart = [best[clip] - other[clip] for clip in best]
            low, high = interval(apart)
            lines.append([name, f"{_mean(apart):.3f}", f"{low:.3f} to {high:.3f}"])
    return _table(lines)


def passed_quality(row: Row) -> float:
    """This is Q, and 0 where a gate was failed."""
    return 0.0 if row.failed else row.score.quality


def _cell(rows: list[Row]) -> str:
    bad = sum(bool(row.failed) for row in rows)
    return f"{_mean(row.score.quality for row in rows):.2f}" + (f" ({bad})" if bad else "")


def gate_table(rows: list[Row]) -> str:
    """This tells which gates were failed, by case: in how many trials."""
    cases = [case for case in CASES if any(row.case == case for row in rows)]
    lines = [["method", *cases]]
    for name in methods_of(rows):
        own = [row for row in rows if label(row) == name]
        lines.append([name, *(_failures([row for row in own if row.case == case]) for case in cases)])
    return _table(lines)


def _failures(rows: list[Row]) -> str:
    gates = [gate for row in rows for gate in row.failed]
    return ", ".join(f"{gate} {gates.count(gate)}" for gate in dict.fromkeys(gates)) or "-"


def figure_table(rows: list[Row]) -> str:
    """This tells the other figures of a case, the mean over clips."""
    heads = ["RFR", "E_warp", "P's", "S*'s", "dPSNR", "SSIM", "P's", "DR", "P's", "HN", "P's", "SHARP", "P's", "MR"]
    lines = [["case", "method", *heads]]
    for case in CASES:
        for name in methods_of(rows):
            scores = [row.score for row in rows if label(row) == name and row.case == case]
            if scores:
                values = np.mean([_figures(score) for score in scores], axis=0)
                lines.append([case, name, *(f"{value:.3f}" for value in values)])
    return _table(lines)


def _figures(score: Score) -> list[float]:
    made, nothing = score.made, score.nothing
    errors = [score.left, made.error, nothing.error, score.answer.error, score.gained, made.ssim, nothing.ssim]
    energies = [made.detail, nothing.detail, made.foreign, nothing.foreign, made.sharpness, nothing.sharpness]
    return [*errors, *energies, made.motion]


def seam_table(rows: list[Row]) -> str:
    """This tells how visible seams are in the cases that have some: the mean over clips, of the ratio the median.

    Where nothing moves the usual change is nothing, and any seam is thousands of times that.
    """
    lines = [["case", "method", "SJR_peak", "SE_peak", "SE_sum", "SRR", "STEP", "SHARPdip", "S*'s"]]
    for case in BY_CHUNK:
        for name in methods_of(rows):
            seams = [row.score.seams for row in rows if label(row) == name and row.case == case and row.score.seams]
            if seams:
                means = np.mean([[s.peak, s.total, s.left, s.step, s.dip, s.own_dip] for s in seams], axis=0)
                values = [float(np.median([s.ratio for s in seams])), *means]
                lines.append([case, name, *(f"{value:.2f}" for value in values)])
    return _table(lines)


def farther_table(rows: list[Row]) -> str:
    """This tells the figures that take longer, beside those of P and S*."""
    lines = [["case", "method", "tOF", "P's", "S*'s", "E_8", "P's", "S*'s", "E_first", "P's", "S*'s",
              "blur SSIM", "P's", "S*'s", "edge F1", "P's", "S*'s", "F1 within 1 px", "P's", "S*'s"]]  # fmt: skip
    names = ("tof", "stride", "first", "blur_ssim", "edges", "edges_near")
    for case in CASES:
        for method in methods_of(rows):
            found = [row.score.farther for row in rows if label(row) == method and row.case == case]
            if found and all(found):
                values = [np.mean([getattr(f[who], name) for f in found])
                          for name in names for who in ("made", "nothing", "answer")]  # fmt: skip
                lines.append([case, method, *(f"{value:.3f}" for value in values)])
    return _table(lines)


def methods_of(rows: list[Row]) -> list[str]:
    """This names the methods in order, apart by what they were told of the motion where there is a choice."""
    return list(dict.fromkeys(map(label, rows)))


def label(row: Row) -> str:
    """This names a row's method and the motion it was given."""
    return row.method if row.flow == "estimated" else f"{row.method}, {row.flow} flow"


def by_clip(rows: list[Row], value: Callable[[Row], float]) -> dict[str, float]:
    """This averages over a clip's trials."""
    clips = dict.fromkeys(row.clip for row in rows)
    return {clip: _mean(value(row) for row in rows if row.clip == clip) for clip in clips}


def _mean(values: Iterable[float]) -> float:
    numbers: NDArray[np.float64] = np.fromiter(values, float)
    return float(numbers.mean()) if len(numbers) else float("nan")


def _table(lines: list[list[str]]) -> str:
    """This sets a table in Markdown, its columns in line."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    aligned = [
        [cell.ljust(width) if column == 0 else cell.rjust(width)
         for column, (cell, width) in enumerate(zip(line, widths, strict=True))]
        for line in (lines[0], rule, *lines[1:])
    ]  # fmt: skip
    return "\n".join("| " + " | ".join(line) + " |" for line in aligned)
