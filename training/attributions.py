"""Whose photographs the starter learned from: the text that ships beside the weights."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from training.photos import Photo

HEADER = """# Photographs that the starter was trained on

The weights in this folder were trained on crops of the photographs below, resized, turned into paintings and drawings
by image processing, and moved. No photograph is part of the weights. Thanks to everyone who gave them away.
"""


def attributions(photos: Sequence[Photo]) -> str:
    """This lists sources, licences and the people to credit, as Markdown."""
    sources: dict[str, list[Photo]] = defaultdict(list)
    for photo in photos:
        sources[photo.source].append(photo)
    return HEADER + "".join(_section(source, group) for source, group in sorted(sources.items()))


def _section(source: str, photos: Sequence[Photo]) -> str:
    licences: dict[str, int] = defaultdict(int)
    for photo in photos:
        licences[photo.licence] += 1
    counted = ", ".join(f"{licence} ({count})" for licence, count in sorted(licences.items()))
    named = [photo for photo in photos if photo.credit]
    credits = sorted({f"- {p.original.removeprefix(source + '/')}: {p.credit} ({p.licence})\n" for p in named})
    return f"\n## {source}\n\n{len(photos)} photographs: {counted}\n" + "\n" * bool(credits) + "".join(credits)
