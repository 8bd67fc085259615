"""A finished job, opened for looking at it: its plan, its raw chunks, its source and its result."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from consistency.metrics import Seam
from engine.errors import JobError, MediaError
from engine.journal import Journal, fingerprint
from engine.media import Reader, open_reader, source_files
from engine.naming import job_folder
from engine.plan import Plan
from engine.settings import ReaderName
from engine.sizes import Sizes
from engine.windows import Span

SUFFIX = ".restyle"
GO_ON = "The same `restyle run` command goes on with it."


@dataclass(frozen=True)
class FinishedJob:
    """One job whose result is written. `cuts_found` says that its cuts were found, not given or switched off."""

    journal: Journal
    plan: Plan
    sizes: Sizes
    source: Path
    result: Path
    reader: ReaderName
    rate: Fraction | None
    cuts_found: bool

    @classmethod
    def open(cls, place: Path, source: Path | None = None) -> Self:
        """This opens the job in the folder `place`, or that of the result `place`. source: where it lies now, if moved.

        Raises:
            JobError: it is no job, it is not finished, or its source or result is not where it was.
        """
        folder = place if place.name.endswith(SUFFIX) else job_folder(place)
        if not folder.is_dir() and not place.exists():
            raise JobError(f"There is neither a job nor a result at {place}.")
        journal = Journal.of_existing(folder)
        plan = _plan(journal)
        result = _result(journal)
        settings, sizes = journal.identity["settings"], journal.identity["size"]
        rate = settings.get("rate", "None")
        return cls(
            journal=journal,
            plan=plan,
            sizes=Sizes((sizes[0], sizes[1]), (sizes[2], sizes[3])),
            source=_source(journal, source),
            result=result,
            reader=ReaderName(settings.get("reader", ReaderName.PYAV)),
            rate=None if rate == "None" else Fraction(rate),
            cuts_found=plan.cuts_found,
        )

    @property
    def frames(self) -> int:
        """Number of frames of the clip."""
        return self.shots[-1].stop

    @property
    def shots(self) -> list[Span]:
        """The shots, in frames of the clip."""
        return [takes[0].shot for takes in self.plan.shots]

    @property
    def cuts(self) -> list[int]:
        """The first frame of every shot but the first."""
        return [shot.start for shot in self.shots[1:]]

    def own(self, shot: int) -> list[Span]:
        """The frames that each chunk of a shot has for itself; if it shares all, those before the next one."""
        chunks = [take.span for take in self.plan.shots[shot]]
        starts = [chunks[0].start, *(left.stop for left in chunks[:-1])]
        ends = [*(right.start for right in chunks[1:]), chunks[-1].stop]
        return [
            Span(start, end) if start < end else Span(chunk.start, end)
            for chunk, start, end in zip(chunks, starts, ends, strict=True)
        ]

    def seams(self, shot: int) -> list[Seam]:
        """Where the chunks of a shot meet, in frames of the clip."""
        spans = [take.span for take in self.plan.shots[shot]]
        return [Seam(right.start, left.stop - right.start) for left, right in pairwise(spans)]

    def raw(self, start: int, stop: int) -> Tensor:
        """This reads what the model gave for frames `start` to `stop`, unjoined: each chunk from its first frame on."""
        parts = []
        for takes in self.plan.shots:
            ends = [take.span.start for take in takes[1:]] + [takes[-1].span.stop]
            for take, end in zip(takes, ends, strict=True):
                first, last = max(start, take.span.start), min(stop, end)
                if first < last:
                    parts.append(self.journal.frames(take, first - take.span.start, last - take.span.start))
        return torch.cat(parts)

    @contextmanager
    def opened(self) -> Iterator[tuple[Reader, Reader]]:
        """This opens source and result for reading.

        Raises:
            JobError: the result is not the one that this job made.
        """
        with open_reader(self.source, self.reader, self.rate) as source, open_reader(self.result) as result:
            found, made = (result.info.frames, result.info.height, result.info.width), (self.frames, *self.sizes.output)
            if found != made:
                told = " and ".join(f"{frames} frames of {width}x{height}" for frames, height, width in (found, made))
                raise JobError(f"{self.result} is not the result of this job: it holds {told} were made.")
            yield source, result


def _plan(journal: Journal) -> Plan:
    stored = journal.plan()
    if stored is None:
        raise JobError(f"{journal.folder} is not finished: its clip is not yet cut into chunks. {GO_ON}")
    plan = Plan.from_json(stored, journal.folder)
    if not journal.is_of(plan.takes):
        raise JobError(f"{journal.folder} is not finished: its result is of other cuts or seeds. {GO_ON}")
    missing = plan.chunks - plan.finished(journal)
    if missing:
        raise JobError(f"{journal.folder} is not finished: {missing} of {plan.chunks} chunks are missing. {GO_ON}")
    return plan


def _result(journal: Journal) -> Path:
    """The result stands beside the folder, wherever both were moved together."""
    result = journal.folder.with_name(journal.folder.name.removesuffix(SUFFIX))
    if result.exists():
        return result
    if not journal.places():
        raise JobError(f"{journal.folder} is not finished: all chunks are there, the result is not. {GO_ON}")
    raise JobError(f"The result {result} is gone or has moved. Put it back beside {journal.folder}.")


def _source(journal: Journal, given: Path | None) -> Path:
    told = journal.places().get("source")
    places = [given] if given else [Path(told), journal.folder.parent / Path(told).name] if told else []
    for place in places:
        try:
            if fingerprint(source_files(place)) == journal.identity["source"]:
                return place
        except (OSError, MediaError):
            continue
        raise JobError(f"{place} is not the source that {journal.folder} was made from, or has changed since.")
    if given or told:
        raise JobError(f"The source {given or told} is gone or has moved. Say where it is now: --source FILE.")
    raise JobError(f"{journal.folder} does not say where its source is. Say it: --source FILE.")
