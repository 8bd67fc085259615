"""The pictures that go with a report: the worst moments, slices through time, a strip of frames to wipe over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from consistency.warp import warped
from consistency.watch import RAW, RESULT, SOURCE
from engine.media import Reader, as_jpeg, scaled
from engine.report.job import FinishedJob
from engine.report.measuring import Findings, source_motion, together
from engine.report.words import lone_cuts, seam_in_words
from engine.windows import Span

MOMENTS = 3
APART = 6  # frames between two moments that count as two
STRIP = 24  # frames to wipe over
SLICES = 240  # frames of a slice through time
SIDE = 480  # pixels: the longer side of a small picture
SLICE_HEIGHT = 200  # pixels
MAGNIFIED = 4  # how many times a change is shown stronger than it is


@dataclass(frozen=True)
class Place:
    """A moment to look at: two frames, and in words what is there."""

    before: int
    frame: int
    words: str


@dataclass(frozen=True)
class Moment:
    """A place in pictures, JPEG each. rows: for both frames source, raw chunks, result. change: what moved not."""

    place: Place
    rows: tuple[tuple[bytes, bytes, bytes], ...]
    change: bytes


@dataclass(frozen=True)
class Pictures:
    """All pictures of a page, JPEG; of three clips each in the order source, raw chunks, result.

    slices: one row of pixels through the frames of `slice_span`, time to the right. strips: the frames of `strip_span`
    below each other. size: height and width of one frame of them.
    """

    moments: tuple[Moment, ...]
    slice_span: Span
    slices: tuple[bytes, bytes, bytes]
    strip_span: Span
    strips: tuple[bytes, bytes, bytes]
    size: tuple[int, int]


SHOWN = (SOURCE, RAW, RESULT)


def worst_places(findings: Findings, most: int = MOMENTS) -> list[Place]:
    """This chooses where to look: cuts that should not be, seams that can be seen, then whatever changes most."""
    places = [Place(cut - 1, cut, "a cut that the source does not have") for cut in lone_cuts(findings)]
    for seam in sorted((seam for seam in findings.seams if seam.named), key=lambda seam: -seam.ratio):
        if seam.jumps:
            like = ", as strong as a cut" if seam.frame in findings.extra_cuts else ""
            places.append(Place(seam.frame - 1, seam.frame, f"at a seam{like}: {seam_in_words(seam)}"))
        else:
            after = seam.seam.window.stop - 1
            places.append(Place(seam.seam.start - 1, after, f"a seam that fades: {seam_in_words(seam)}"))
    excess = torch.cat([shot.excess for shot in findings.shots])
    jumps = findings.moments.jump[:, RESULT]
    order = (excess if bool(excess.isfinite().any()) else jumps).nan_to_num(-torch.inf).argsort(descending=True)
    places += [Place(frame - 1, frame, _in_words(findings, frame)) for frame in order[: 50 * most].tolist() if frame]
    chosen: list[Place] = []
    for place in places:
        if all(abs(place.frame - other.frame) > APART for other in chosen) and len(chosen) < most:
            chosen.append(place)
    return chosen


def _in_words(findings: Findings, frame: int) -> str:
    jump, source = (float(findings.moments.jump[frame, clip]) for clip in (RESULT, SOURCE))
    where = "at a seam that cannot be told" if bool(findings.at_seams[frame]) else "at no seam"
    if jump != jump:
        return f"{where}: nothing could be measured"
    return f"{where}: changes by {jump:.1f} of 255 levels along the motion, the source by {source:.1f}"


def gather(findings: Findings) -> Pictures:
    """This reads the frames that a page shows once more, and makes its pictures."""
    job = findings.job
    places = worst_places(findings)
    middle = places[0].frame if places else job.frames // 2
    strip, through = _about(middle, STRIP, job.frames), _about(middle, SLICES, job.frames)
    with job.opened() as (source, result):
        size = _small(job, source)
        moments = tuple(_moment(job, source, result, place, size) for place in places)
        strips = _each([scaled(frames, size) for frames in together(job, source, result, strip)], dim=1)
        slices = _each([_row(frames) for frames in together(job, source, result, through)], dim=2)
    return Pictures(moments, through, slices, strip, strips, size)


def _about(middle: int, length: int, frames: int) -> Span:
    start = max(0, min(middle - length // 2, frames - length))
    return Span(start, min(start + length, frames))


def _small(job: FinishedJob, source: Reader) -> tuple[int, int]:
    """Height and width of small pictures; pixels that are not square are made so."""
    height, width = job.sizes.work
    wide = width * float(source.info.sample_aspect_ratio or 1)
    share = min(1.0, SIDE / max(height, wide))
    return max(1, round(height * share)), max(1, round(wide * share))


def _moment(job: FinishedJob, source: Reader, result: Reader, place: Place, size: tuple[int, int]) -> Moment:
    before, frame = (
        next(iter(together(job, source, result, Span(number, number + 1)))) for number in (place.before, place.frame)
    )
    flow, mask = source_motion(before[SOURCE], frame[SOURCE])
    change = (frame[RESULT] - warped(before[RESULT][None], flow[None])[0]).abs() * mask
    rows = tuple(_jpegs(scaled(frames[list(SHOWN)], size)) for frames in (before, frame))
    return Moment(place, rows, as_jpeg(scaled(MAGNIFIED * change[None], size)[0]))


def _jpegs(frames: Tensor) -> tuple[bytes, bytes, bytes]:
    first, second, third = (as_jpeg(frame) for frame in frames)
    return first, second, third


def _row(frames: Tensor) -> Tensor:
    """The middle row of each clip's frame `[3, 3, H, W]`, standing: `[3, 3, SLICE_HEIGHT, 4]`."""
    row = frames[:, :, frames.shape[-2] // 2].unsqueeze(-1).expand(-1, -1, -1, 4).contiguous()
    return scaled(row, (SLICE_HEIGHT, 4))


def _each(frames: Sequence[Tensor], dim: int) -> tuple[bytes, bytes, bytes]:
    """This puts the frames `[3, 3, H, W]` of each clip in a row, down (1) or to the right (2)."""
    return _jpegs(torch.stack([torch.cat([frame[clip] for frame in frames], dim=dim) for clip in SHOWN]))
