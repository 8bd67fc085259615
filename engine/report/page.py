"""A report as one page: nothing is loaded from anywhere, every picture lies inside."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path
from string import Template

import torch
from torch import Tensor

from consistency.lab import difference
from consistency.watch import RAW, RESULT, SOURCE
from engine.media import MediaInfo
from engine.report.chart import Axis, Marks, slice_picture, time_chart
from engine.report.figures import figures_of
from engine.report.measuring import Findings
from engine.report.pictures import SLICE_HEIGHT, Moment, Pictures, gather
from engine.report.rows import Row, rows_of
from engine.report.words import headline

WEB = Path(__file__).parent / "web"
NAMES = {"source": "source", "raw": "chunks, not joined", "result": "result"}


def page(findings: Findings) -> str:
    """This makes the page of a job that was looked at in full, as HTML."""
    job, pictures = findings.job, gather(findings)
    with job.opened() as (source, _):
        info = source.info
    at_seams = any(seam.named for seam in findings.seams)
    parts = {
        "title": escape(job.result.name),
        "headline": escape(headline(findings)),
        "tone": "bad" if at_seams or findings.extra_cuts else "good",
        "facts": escape(_facts(findings, info)),
        "style": (WEB / "page.css").read_text(encoding="utf-8") + _films(pictures),
        "script": (WEB / "page.js").read_text(encoding="utf-8").replace("RATE", f"{float(info.rate) or 24:.4g}"),
        "moments_title": "The three worst moments" if at_seams or findings.extra_cuts else "Where most changes",
        "moments": "".join(_moment(moment, info) for moment in pictures.moments),
        "rows": "\n".join(_row(row) for row in rows_of(findings, figures_of(findings))),
        "slices": _slices(findings, pictures),
        "work_width": str(job.sizes.work[1]),
        "work_height": str(job.sizes.work[0]),
    }
    template = Template((WEB / "page.html").read_text(encoding="utf-8"))
    return template.substitute(parts | _charts(findings, info) | _strip(findings, pictures))


def _facts(findings: Findings, info: MediaInfo) -> str:
    job = findings.job
    seconds = float(info.end - info.times[0])
    told = [
        f"{job.frames} frames, {seconds:.1f} s",
        _count(len(job.shots), "shot"),
        _count(job.plan.chunks, "chunk"),
        _count(len(findings.seams), "seam"),
        f"from {job.source.name}",
    ]
    return " · ".join(told)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _charts(findings: Findings, info: MediaInfo) -> dict[str, str]:
    job, moments = findings.job, findings.moments
    axis = Axis(job.frames, float(info.rate))
    marks = Marks([take.span for take in job.plan.takes], findings.seams, job.cuts)
    jumps = {name: moments.jump[:, clip] for name, clip in (("result", RESULT), ("raw", RAW), ("source", SOURCE))}
    drift = dict(zip(("result", "raw"), _drift(findings).unbind(dim=1), strict=True))
    return {
        "legend": _legend(),
        "jumps": time_chart(axis, jumps, marks, tall=210, least=2.0),
        "drift": time_chart(axis, drift, marks, tall=110, least=2.0),
    }


def _drift(findings: Findings) -> Tensor:
    """How far each frame's mean colour is from its shot's first chunk, but for what the source does: `[T, 2]`."""
    parts = []
    for shot in findings.shots:
        colours = findings.moments.colour[shot.span.start : shot.span.stop].view(-1, 3, 3)
        mean = colours[: len(shot.own[0])].mean(dim=0)
        own = torch.einsum("fs,kst->fkt", colours[:, SOURCE] - mean[SOURCE], shot.gains)
        parts.append(difference(colours[:, :SOURCE], mean[:SOURCE] + own))
    return torch.cat(parts)


def _legend() -> str:
    lines = "".join(
        f'<li><i style="background: var(--{name})"></i>{NAMES[name]}</li>' for name in ("result", "raw", "source")
    )
    boxes = (
        '<li><i class="box" style="background: var(--shade)"></i>seam: frames that two chunks share</li>'
        '<li><i class="box" style="background: var(--seen); opacity: .5"></i>seam that can be seen, with its frame</li>'
        '<li><i class="dash"></i>cut</li><li><i style="background: var(--source)"></i>below the line: chunks</li>'
    )
    return f'<ul class="legend">{lines}{boxes}</ul>'


def _strip(findings: Findings, pictures: Pictures) -> dict[str, str]:
    span = pictures.strip_span
    middle = pictures.moments[0].place.frame if pictures.moments else span.start
    worst = any(seam.named for seam in findings.seams) or bool(findings.extra_cuts)
    return {
        "height": str(pictures.size[0]),
        "width": str(pictures.size[1]),
        "strip_frames": str(len(span)),
        "strip_last": str(len(span) - 1),
        "strip_start": str(span.start),
        "strip_stop": str(span.stop - 1),
        "strip_at": str(middle - span.start),
        "strip_middle": str(middle),
        "strip_why": "about the worst moment" if worst else "about the frame that changes most",
        "slice_start": str(pictures.slice_span.start),
        "slice_stop": str(pictures.slice_span.stop - 1),
    }


def _films(pictures: Pictures) -> str:
    films = zip(NAMES, pictures.strips, strict=True)
    return "".join(f"\n.film.{name} {{ background-image: url({_address(film)}); }}" for name, film in films)


def _slices(findings: Findings, pictures: Pictures) -> str:
    job, parts = findings.job, []
    for name, picture in zip(NAMES.values(), pictures.slices, strict=True):
        seams = {"result": findings.seams, "source": []}.get(name, findings.seams_before)
        drawn = slice_picture(_address(picture), pictures.slice_span, seams, job.cuts, SLICE_HEIGHT)
        parts.append(f"<h3>{name}</h3>{drawn}")
    return f'<div class="slices">{"".join(parts)}</div>'


def _moment(moment: Moment, info: MediaInfo) -> str:
    place = moment.place
    seconds = float(info.times[place.frame] - info.times[0])
    cells = []
    for frame, row in zip((place.before, place.frame), moment.rows, strict=True):
        for name, picture in zip(NAMES.values(), row, strict=True):
            cells.append(_picture(f"{name}, frame {frame}", picture))
        if frame == place.before:
            cells.append('<div class="blank">Below: what changes beyond the motion, four times as strong</div>')
    cells.append(_picture("change, 4 ×", moment.change))
    words = escape(place.words)
    return (
        f'<article class="moment"><h3>Frame {place.frame} <small>at {seconds:.2f} s</small></h3>'
        f'<p class="note">{words[0].upper()}{words[1:]}.</p><div class="pair">{"".join(cells)}</div></article>'
    )


def _picture(caption: str, picture: bytes) -> str:
    return f'<figure><figcaption>{caption}</figcaption><img src="{_address(picture)}" alt="{caption}"></figure>'


def _row(row: Row) -> str:
    off = ' class="off"' if row.off else ""
    return f"<tr><td>{row.what}</td><td{off}>{row.result}</td><td>{row.before}</td><td>{row.reading}</td></tr>"


def _address(picture: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(picture).decode("ascii")
