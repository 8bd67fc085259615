"""Q by case as a picture: bars in SVG, written by hand."""

from __future__ import annotations

from html import escape

from benchmarks.steadiness.injections import CASES
from benchmarks.steadiness.report import by_clip, interval, label, methods_of, passed_quality
from benchmarks.steadiness.run import Row

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 1000, 300, 44, 40, 28
COLOURS = ("#0b6e99", "#e8871e", "#5b8c5a", "#a23b72", "#8d8d8d", "#c9a227", "#4f5d9e", "#7a4f2a", "#2a9d8f", "#c1121f")
"""Told apart by most eyes, on white and on black."""


def quality_plot(rows: list[Row]) -> str:
    """This draws Q by case and over all: full bars count failed trials as 0, pale ones what they would have had.

    Lines are 95 % intervals over clips of what is full.
    """
    cases, names = [case for case in CASES if any(row.case == case for row in rows)], methods_of(rows)
    groups = [*((case, [row for row in rows if row.case == case]) for case in cases), ("all", rows)]
    pitch = (WIDTH - LEFT) / len(groups)
    bar = pitch * 0.82 / len(names)
    parts = [_frame(), *(_key(index, name) for index, name in enumerate(names))]
    for place, (title, group) in enumerate(groups):
        left = LEFT + place * pitch + pitch * 0.09
        parts.append(_text(left + pitch * 0.41, HEIGHT - 10, title, "middle"))
        for index, name in enumerate(names):
            own = [row for row in group if label(row) == name]
            if own:
                parts += _bar(left + index * bar, bar * 0.86, own, COLOURS[index % len(COLOURS)])
    return "\n".join([*parts, "</svg>", ""])


def _height(quality: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * quality


def _frame() -> str:
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for step in range(6):
        y = _height(step / 5)
        lines.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH}" stroke="#ddd"/>')
        lines.append(_text(LEFT - 6, y + 4, f"{step / 5}", "end"))
    return "\n".join(lines)


def _key(index: int, name: str) -> str:
    x, y = LEFT + (index % 6) * 155, 12 + 16 * (index // 6)
    swatch = f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{COLOURS[index % len(COLOURS)]}"/>'
    return swatch + _text(x + 15, y, name, "start")


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#333">{escape(words)}</text>'


def _bar(x: float, width: float, rows: list[Row], colour: str) -> list[str]:
    strict, lenient = by_clip(rows, passed_quality).values(), by_clip(rows, lambda row: row.score.quality).values()
    full, pale = sum(strict) / len(strict), sum(lenient) / len(lenient)
    low, high = (_height(end) for end in interval(list(strict)))
    floor, middle = _height(0), x + width / 2
    return [
        f'<rect x="{x:.1f}" y="{_height(value):.1f}" width="{width:.1f}" height="{floor - _height(value):.1f}" '
        f'fill="{colour}" fill-opacity="{opacity}"/>'
        for value, opacity in ((pale, 0.25), (full, 1))
    ] + [f'<path d="M{middle:.1f} {low:.1f}V{high:.1f}" stroke="black" stroke-width="1.2"/>']
