"""Charts over time, as SVG that a page can carry: lines, chunks, seams and cuts. Colours come from the page."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from consistency.blame import SeamFinding
from engine.windows import Span

WIDE, LEFT, RIGHT, TOP = 1000, 44, 12, 26
TALLEST = 4.0  # times the result's own highest value: what is drawn of the others
COLUMNS = 800


@dataclass(frozen=True)
class Axis:
    """Time to the right: which frames there are, and how fast they run."""

    frames: int
    rate: float

    def x(self, frame: float) -> float:
        """This is where a frame is drawn."""
        return LEFT + (WIDE - LEFT - RIGHT) * frame / max(self.frames - 1, 1)


@dataclass(frozen=True)
class Marks:
    """What is marked on a chart, in frames."""

    chunks: list[Span]
    seams: list[SeamFinding]
    cuts: list[int]


def time_chart(axis: Axis, lines: dict[str, Tensor], marks: Marks, tall: int, least: float) -> str:
    """This draws lines `[T]` by their names (the first one sets the scale); NaN leaves a gap.

    tall: pixels. least: what the scale reaches at least, so that a small thing is not drawn large.
    """
    floor = TOP + tall
    highest = max(_highest(lines), least)
    scale = (floor - TOP) / highest
    parts = [_grid(highest, scale, floor)]
    parts += [_seam(axis, seam, floor) for seam in marks.seams]
    parts += [_line(axis, name, values, marks.cuts, (floor, scale)) for name, values in reversed(lines.items())]
    parts += [_cut(axis, cut, floor) for cut in marks.cuts]
    parts += [_chunk(axis, chunk, number, floor) for number, chunk in enumerate(marks.chunks)]
    parts.append(_times(axis, floor + 26))
    box = f'viewBox="0 0 {WIDE} {floor + 44}"'
    return f'<svg class="chart" {box} role="img" aria-label="figures over time">{"".join(parts)}</svg>'


def _highest(lines: dict[str, Tensor]) -> float:
    tops = [float(values[values.isfinite()].max()) if values.isfinite().any() else 0.0 for values in lines.values()]
    return max(1.05 * min(max(tops), TALLEST * tops[0] if tops[0] > 0 else max(tops)), 1e-3)


def _line(axis: Axis, name: str, values: Tensor, cuts: list[int], place_of: tuple[int, float]) -> str:
    """One line, broken at cuts. Of a long clip each column shows the highest of its frames: no peak is lost."""
    share = max(1, math.ceil(len(values) / COLUMNS))
    path, gap, (floor, scale) = [], True, place_of
    begins = {cut // share for cut in cuts}
    for start in range(0, len(values), share):
        column = values[start : start + share]
        known = column.isfinite()
        if not known.any():
            gap = True
            continue
        gap = gap or start // share in begins
        place = start + int(column.nan_to_num(-torch.inf).argmax())
        y = max(TOP - 4.0, floor - scale * float(values[place]))
        path.append(f"{'M' if gap else 'L'}{axis.x(place):.1f} {y:.1f}")
        gap = False
    return f'<path class="line {name}" d="{"".join(path)}"/>'


def _grid(highest: float, scale: float, floor: int) -> str:
    step = 10 ** math.floor(math.log10(highest))
    step = next(step * part for part in (0.1, 0.2, 0.25, 0.5, 1, 2, 5) if highest / (step * part) <= 5)
    parts = []
    for number in range(int(highest / step) + 1):
        y = floor - scale * step * number
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDE - RIGHT}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{step * number:g}</text>')
    return "".join(parts)


def _seam(axis: Axis, found: SeamFinding, floor: int) -> str:
    window = found.seam.window
    left, right = axis.x(window.start), axis.x(window.stop - 1)
    kind = "seam seen" if found.named else "seam"
    width, height = max(right - left, 1.5), floor - TOP
    shade = f'<rect class="{kind}" x="{left:.1f}" y="{TOP}" width="{width:.1f}" height="{height}"/>'
    if not found.named:
        return shade
    frame = found.frame if found.jumps else found.seam.start
    x = axis.x(frame)
    return (
        f'{shade}<path class="mark" d="M{x:.1f} {TOP}V{floor}"/>'
        f'<text class="name" x="{min(max(x, LEFT + 12), WIDE - RIGHT - 12):.1f}" y="{TOP - 9}">{frame}</text>'
    )


def _cut(axis: Axis, cut: int, floor: int) -> str:
    return f'<path class="cut" d="M{axis.x(cut):.1f} {TOP}V{floor + 8}"><title>cut at frame {cut}</title></path>'


def _chunk(axis: Axis, chunk: Span, number: int, floor: int) -> str:
    left, right = axis.x(chunk.start), axis.x(chunk.stop - 1)
    y = floor + 3 + 5 * (number % 2)
    return (
        f'<rect class="chunk" x="{left:.1f}" y="{y}" width="{max(right - left, 1):.1f}" height="4">'
        f"<title>chunk {number}: frames {chunk.start} to {chunk.stop - 1}</title></rect>"
    )


def _times(axis: Axis, y: int) -> str:
    steps = (1, 2, 5, 10, 24, 25, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000)
    step = next((step for step in steps if axis.frames / step <= 12), steps[-1])
    marks = range(0, axis.frames, step)
    return "".join(
        f'<text class="tick" x="{axis.x(frame):.1f}" y="{y}" text-anchor="middle">{frame}'
        f"{f' · {frame / axis.rate:.1f} s' if number % 2 == 0 and axis.rate else ''}</text>"
        for number, frame in enumerate(marks)
    )


def slice_picture(picture: str, span: Span, seams: list[SeamFinding], cuts: list[int], tall: int) -> str:
    """This draws a slice through time (`picture` is its address) with the seams above it."""
    across = 4 * len(span)

    def x(frame: float) -> float:
        return 4 * (frame - span.start)

    marks = []
    for found in seams:
        frame = found.frame if found.named and found.jumps else found.seam.start
        if span.start <= frame < span.stop:
            kind = "mark" if found.named else "still"
            marks.append(f'<path class="{kind}" d="M{x(frame):.1f} 0V12"/>')
            words = "name" if found.named else "tick"
            marks.append(f'<text class="{words}" x="{x(frame) + 5:.1f}" y="11">{frame}</text>')
    marks += [f'<path class="cut" d="M{x(cut):.1f} 0V{tall + 16}"/>' for cut in cuts if span.start < cut < span.stop]
    return (
        f'<svg class="slice" viewBox="0 0 {across} {tall + 16}" role="img" aria-label="slice through time">'
        f'<image href="{picture}" y="16" width="{across}" height="{tall}" preserveAspectRatio="none"/>'
        f"{''.join(marks)}</svg>"
    )
