"""Make one shot of its finished chunks: joined where they meet, then steadied along the source's motion."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from consistency.grain import Grain, settled
from consistency.join import ChunkJoin
from consistency.palette import Palette
from consistency.steady import Pair, Steadier
from engine.chunks import Studio
from engine.colours import cells
from engine.footage import read_frames
from engine.keyframes import FINER, Led, through
from engine.motion import Motion, of_pairs
from engine.plan import Plan
from engine.take import Take
from engine.timecode import seen_at
from engine.windows import Span
from preprocessors.flow import DisFlow

EVERY = 4  # frames: of so many one is asked for its colours

Made = Callable[[Take], Tensor]
"""Gives the frames of a chunk, `[T, 3, H, W]`, as the model made them."""


def overlaps(takes: Sequence[Take]) -> dict[int, int]:
    """This says how many frames each chunk, by its start, shares with the next; the last one gives none away."""
    spans = [take.span for take in takes]
    after = {left.start: left.stop - right.start for left, right in pairwise(spans)}
    return after | {spans[-1].start: 0}


def finished_frames(studio: Studio, plan: Plan, steady: float, made: Made | None = None) -> Iterator[Led]:
    """This gives all frames of a job whose chunks are finished, at the size that was worked on.

    steady: 0 leaves them as they were joined, 1 takes out all flicker that can be told from detail and motion. made:
    gives the frames of a chunk, by waiting for them perhaps; the journal's, if None.
    """
    made = made or studio.journal.frames
    recolour, grain = _recolour(studio, plan, made), studio.finish.grain if studio.finish else 0.0
    for takes in plan.shots:
        joined = _joined(studio, takes, made, with_source=len(takes) > 1 or steady > 0 or grain > 0)
        shot = takes[0].shot
        steadied = map(recolour, _steadied(joined, shot, studio.motions.steadying, steady, grain))
        yield from through(
            steadied, shot, studio.keyframes, studio.motions.painted, lambda number: _finer(studio, number)
        )


def _recolour(studio: Studio, plan: Plan, made: Made) -> Callable[[Tensor], Tensor]:
    """This finds the one change that gives all of a job the colours of its palette, from what the model made.

    Without a palette it is given the two colours of its look: a model leaves a tint of the source in what is grey.
    """
    if studio.palette is None:
        return studio.duotone or (lambda frames: frames)
    colours = (cells(made(take)[::EVERY]) for take in plan.takes)
    return Palette.of(colours).onto(studio.palette)


def _finer(studio: Studio, number: int) -> Tensor:
    """This reads a frame of the source at the size in which ways to painted frames are settled."""
    height, width = (min(out, FINER * work) for out, work in zip(studio.sizes.output, studio.sizes.work, strict=True))
    return read_frames(studio.reader, Span(number, number + 1), (height, width))[0]


def _joined(
    studio: Studio, takes: Sequence[Take], made: Made, with_source: bool
) -> Iterator[tuple[Tensor, Tensor | None]]:
    """This gives frames and, if wanted, their source."""
    join = ChunkJoin(DisFlow(fine=True))
    after, before = overlaps(takes), 0
    for take in takes:
        source = read_frames(studio.reader, take.span, studio.sizes.work) if with_source else None
        frames = join.add(made(take), before, after[take.span.start], source, _steered(studio, take))
        yield frames, None if source is None else source[: len(frames)]
        before = after[take.span.start]
        del frames, source  # or they would stay while the next chunk is joined


def _steered(studio: Studio, take: Take) -> Hashable | None:
    """This gives the controls' weights in a chunk's frames, or None where they change within it."""
    times = seen_at(studio.reader.info, take.span.start, take.span.stop)
    weights = studio.request.active_controls.values()
    frames = set(zip(*(step for weight in weights for step in weight.along(times, studio.request.steps)), strict=True))
    return None if len(frames) > 1 else tuple(frames)


def _paired(
    parts: Iterator[tuple[Tensor, Tensor | None]], shot: Span, motion: Motion
) -> Iterator[tuple[Tensor, Tensor, Pair | None]]:
    """This gives each frame, its source, and how both hang together with those before them."""
    last, number = None, shot.start
    for frames, source in parts:
        assert source is not None
        pairs = of_pairs(
            lambda *pair: Pair(*motion(*pair)),
            source if last is None else [last, *source],
            number if last is None else number - 1,
        )
        number += len(source)
        for frame, seen in zip(frames, source, strict=True):
            # A copy: some frames wait, and as views they would keep their whole chunk.
            yield frame.clone(), seen, None if last is None else next(pairs)
            last = seen
        last = last.clone() if last is not None else None
        del frames, source, pairs, frame, seen  # or this chunk would stay while the next one is read and joined


def _steadied(
    parts: Iterator[tuple[Tensor, Tensor | None]], shot: Span, motion: Motion, amount: float, grain: float
) -> Iterator[Tensor]:
    """This steadies a shot by `amount`, and lays grain over it, which moves with it and must not be averaged."""
    steady = amount > 0 and len(shot) > 1
    if not (steady or grain):
        yield from (frames for frames, _ in parts)
        return
    steadier, grains, sheet = Steadier(len(shot), amount), deque[Tensor](), None
    for frame, seen, pair in _paired(parts, shot, motion):
        done = steadier.add(frame, seen, pair) if steady else [frame]
        if grain:
            sheet = sheet or Grain((frame.shape[-2], frame.shape[-1]), frame.device)
            grains.append(sheet.add((pair.to_previous, pair.from_previous) if pair else None))
            done = [settled(one[None], grains.popleft(), grain)[0] for one in done]
        del frame, seen, pair
        if done:
            yield torch.stack(done)
