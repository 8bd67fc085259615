"""Source, chunks and result read together, frame by frame, and turned into figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from consistency.blame import SeamFinding, excesses, judge_seams
from consistency.metrics import Seam
from consistency.occlusion import motion_boundary, occluded
from consistency.watch import RAW, RESULT, SOURCE, LookOfColours, Moment, Timeline, Watch
from engine.media import Reader, scaled
from engine.report.job import FinishedJob
from engine.shots import detect_cuts
from engine.windows import Span
from preprocessors.edges import Canny
from preprocessors.flow import DisFlow

SLICE = 8  # frames read at once
EDGES = Canny(100, 200)
RULER = DisFlow()
"""The motion that change is measured along. The fine search is the worse ruler: it takes some of the source's grain for
motion, so that less of the source's change is left to hold the result's against (`benchmarks.ruler`)."""
Told = Callable[[int, int], None]
"""`told(done, total)` frames."""


@dataclass(frozen=True)
class ShotFindings:
    """What was found in one shot. All frames are the clip's.

    own: for each chunk the frames that it shares with none. seams: in the result; before: at the same places if the
    chunks were only put side by side. excess: `[T]`, by how much each frame of the shot changes more than the rule of
    `consistency.blame` allows it. gains: `[2, 3, 3]`, what result and raw chunks make of a change of the source's
    colour.
    """

    span: Span
    own: tuple[Span, ...]
    seams: tuple[SeamFinding, ...]
    before: tuple[SeamFinding, ...]
    excess: Tensor
    gains: Tensor


@dataclass(frozen=True)
class Findings:
    """All that was found in a job. `moments` has the frames in front; of frames that were not looked at it has NaN."""

    job: FinishedJob
    moments: Moment
    shots: tuple[ShotFindings, ...]
    extra_cuts: tuple[int, ...]

    @property
    def seams(self) -> list[SeamFinding]:
        """The seams of the result."""
        return [seam for shot in self.shots for seam in shot.seams]

    @property
    def seams_before(self) -> list[SeamFinding]:
        """The seams that there would be without joining."""
        return [seam for shot in self.shots for seam in shot.before]

    @property
    def looked_at(self) -> int:
        """How many frames were looked at."""
        return int(self.moments.colour.isfinite().all(dim=1).sum())

    @property
    def at_seams(self) -> Tensor:
        """Which frames lie at a seam, `[T]`."""
        inside = torch.zeros(len(self.moments.jump), dtype=torch.bool)
        for finding in self.seams:
            inside[finding.seam.window.start : finding.seam.window.stop] = True
        return inside


def _silent(done: int, total: int) -> None:
    """Nobody asked."""


def measure(job: FinishedJob, told: Told = _silent) -> Findings:
    """This looks at every frame of a job. Memory does not grow with the clip but by a hundred bytes a frame."""
    with job.opened() as (source, result):
        extra = _extra_cuts(job, source, result)
        return replace(look(job, source, result, job.shots, told=told), extra_cuts=extra)


def look(
    job: FinishedJob,
    source: Reader,
    result: Reader,
    spans: Sequence[Span],
    *,
    structure: bool = True,
    told: Told = _silent,
) -> Findings:
    """This looks at some spans of frames, in order, none of which reaches over a cut."""
    timeline, looks = Timeline(), [(LookOfColours(), LookOfColours()) for _ in job.shots]
    done, total = 0, sum(map(len, spans))
    for span in spans:
        timeline.skip(span.start - len(timeline))
        shot = next(number for number, shot in enumerate(job.shots) if shot.start <= span.start < shot.stop)
        first = job.own(shot)[0]
        watch, before = Watch(), torch.empty(0)
        for number, frames in enumerate(together(job, source, result, span), span.start):
            motion = None if number == span.start else source_motion(before, frames[SOURCE])
            timeline.add(watch.see(frames, motion, EDGES(frames) if structure else None))
            if number < first.stop:
                for learnt, made in zip(looks[shot], frames[:SOURCE], strict=True):
                    learnt.add(made, frames[SOURCE])
            before = frames[SOURCE]
            done += 1
            told(done, total)
    timeline.skip(job.frames - len(timeline))
    moments = timeline.moments()
    shots = tuple(
        _judged(job, number, moments, torch.stack([learnt.gains() for learnt in both]))
        for number, both in enumerate(looks)
    )
    return Findings(job, moments, shots, ())


def _judged(job: FinishedJob, number: int, moments: Moment, gains: Tensor) -> ShotFindings:
    span, seams = job.shots[number], job.seams(number)
    here = slice(span.start, span.stop)
    jumps, colours = moments.jump[here].T, moments.colour[here].view(-1, 3, 3).transpose(0, 1)
    within = [Seam(seam.start - span.start, seam.overlap) for seam in seams]

    def judged(clip: int) -> tuple[SeamFinding, ...]:
        found = judge_seams(jumps[clip], jumps[SOURCE], (colours[clip], colours[SOURCE]), gains[clip], within)
        return tuple(
            replace(finding, seam=seam, frame=finding.frame + span.start)
            for finding, seam in zip(found, seams, strict=True)
        )

    excess, _ = excesses(jumps[RESULT], jumps[SOURCE], gains[RESULT], within)
    return ShotFindings(span, tuple(job.own(number)), judged(RESULT), judged(RAW), excess, gains)


def together(job: FinishedJob, source: Reader, result: Reader, span: Span) -> Iterator[Tensor]:
    """This reads result, raw chunks and source together at the job's work size: `[3, 3, H, W]` for each frame."""
    for start in range(span.start, span.stop, SLICE):
        stop = min(start + SLICE, span.stop)
        made, given = (scaled(reader.read(start, stop), job.sizes.work) for reader in (result, source))
        yield from torch.stack([made, job.raw(start, stop), given], dim=1)


def source_motion(before: Tensor, now: Tensor) -> tuple[Tensor, Tensor]:
    """The source's flow to its previous frame `[2, H, W]`, and where it is trusted `[1, H, W]`."""
    there, back = RULER.both(before, now)
    return there, trusted(there, back)


def trusted(there: Tensor, back: Tensor) -> Tensor:
    """Where flow `[2, H, W]` is not to be doubted: seen in both frames, and away from motion boundaries."""
    return ((1 - occluded(there[None], back[None])) * (1 - motion_boundary(there[None])))[0]


def _extra_cuts(job: FinishedJob, source: Reader, result: Reader) -> tuple[int, ...]:
    """The cuts that the result shows and the source does not, neither by plan nor by sight."""
    known = set(job.cuts) if job.cuts_found else set(job.cuts) | set(detect_cuts(_slices(source)))
    near = {cut + off for cut in known for off in (-1, 0, 1)}
    return tuple(cut for cut in detect_cuts(_slices(result)) if cut not in near)


def _slices(reader: Reader) -> Iterator[Tensor]:
    frames = reader.info.frames
    for number in range(math.ceil(frames / SLICE)):
        yield reader.read(SLICE * number, min(SLICE * (number + 1), frames))
