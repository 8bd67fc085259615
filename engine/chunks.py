"""Restyle a shot chunk by chunk: one noise for all of it, tails carried, every finished chunk kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from consistency.finish import Finish
from consistency.occlusion import occluded
from consistency.palette import Duotone, Palette
from engine.diffusion.noise import ShotNoise
from engine.diffusion.seeds import seed_at
from engine.diffusion.stylizer import Chunk, Request, Styled, Stylizer
from engine.errors import ResourceError
from engine.footage import SLICE, read_frames
from engine.given import Given
from engine.headway import Headway
from engine.heap import give_back
from engine.journal import Journal
from engine.keyframes import Keyframe
from engine.media import Reader
from engine.motion import Motion, Motions, of_pairs
from engine.sizes import Sizes, padding_of
from engine.tail import HandedNoise, Tail
from engine.take import Take
from engine.timecode import seen_at
from engine.windows import Span
from preprocessors.workplace import Workplace

Inside = Callable[[int, int], Tensor]
"""`inside(start, stop)` gives the mask of these frames, `[T, 1, H, W]` at the source's size, 1 where they change."""


@dataclass(frozen=True)
class Studio:
    """What restyling a chunk needs, the same for a whole job.

    motions: how the source moves. controls: where the maps of each come from, by name. keyframes: painted frames that
    the result passes through. palette: the colours that it is given; duotone: the two colours that it is printed in,
    if it has no palette. finish: how what the model made is gone over. inside: the mask of the frames from one number
    to another, for a model that itself paints inside of it, else None. workplace: where detectors compute, in turns
    with the model. ahead: whether the next chunk is prepared while it is at work. announce: is told in words what a
    person should know while the job runs. advance: is told how many more frames are done, as `Headway` counts them.
    """

    reader: Reader
    stylizer: Stylizer
    request: Request
    journal: Journal
    sizes: Sizes
    motions: Motions
    controls: Mapping[str, Given]
    keyframes: tuple[Keyframe, ...] = ()
    palette: Palette | None = None
    duotone: Duotone | None = None
    finish: Finish | None = None
    inside: Inside | None = None
    workplace: Workplace = field(default_factory=Workplace)
    ahead: bool = False
    announce: Callable[[str], None] = lambda words: None
    advance: Callable[[float], None] = lambda frames: None


@dataclass(frozen=True)
class Prepared:
    """A chunk as far as it is known before the one ahead of it is finished: all but what it carries of its latents.

    chunk: what is asked of the model. noise: what the next chunk takes.
    """

    take: Take
    chunk: Chunk
    noise: HandedNoise


@dataclass(frozen=True)
class Finished:
    """A chunk that an earlier run has made, and its tail."""

    take: Take
    tail: Tail


def restyle_shot(studio: Studio, takes: Sequence[Take], overlap_after: Callable[[Span], int]) -> Iterator[float]:
    """This restyles the chunks of a shot that are not finished, and gives each one's seconds in the model.

    `overlap_after` says how many of a chunk's last frames the next chunk sees again.
    """
    return restyled(studio, prepared(studio, takes, overlap_after))


def prepared(
    studio: Studio, takes: Sequence[Take], overlap_after: Callable[[Span], int]
) -> Generator[Prepared | Finished]:
    """This prepares the chunks of a shot, one after another: the model need not have made the ones before."""
    before: HandedNoise | None = None
    fitted: Mapping[str, Given] | None = None
    for take in takes:
        if studio.journal.has(take):
            finished = Finished(take, Tail.from_tensors(studio.journal.state(take)))
            before = finished.tail.noise
            yield finished
            continue
        fitted = fitted or {name: control.fit(take.shot) for name, control in studio.controls.items()}
        ready = _prepare(studio, fitted, take, before, overlap_after(take.span))
        before = ready.noise
        yield ready
        del ready  # or it would stay while the next one is prepared


def restyled(studio: Studio, work: Generator[Prepared | Finished]) -> Generator[float]:
    """This restyles what is prepared, in order, and keeps it; it gives each chunk's seconds in the model."""
    tail: Tail | None = None
    with closing(work):
        for ready in work:
            for words in studio.workplace.news():
                studio.announce(words)
            seconds = 0.0
            if isinstance(ready, Finished):
                tail = ready.tail
            else:
                tail, seconds = _restyle(studio, ready, None if ready.take.first else tail)
            del ready  # or it would stay while the next one is prepared
            give_back()
            yield seconds


def _prepare(
    studio: Studio, controls: Mapping[str, Given], take: Take, before: HandedNoise | None, shared: int
) -> Prepared:
    span = studio.stylizer.rule.made(take.span, take.shot)
    padding = padding_of(span, studio.sizes, studio.stylizer)
    shown = read_frames(studio.reader, span, studio.sizes.work)
    maps = {name: padding.pad(control(span, shown)) for name, control in controls.items()}
    frames = padding.pad(shown)
    noise, handed = _shot_noise(studio, take, frames, before)
    seed = seed_at(take.seed, take.shot.start, "sampler", span.start)
    mask = None if studio.inside is None else padding.pad(_touched(studio.inside, span, studio.sizes.work))
    seen = seen_at(studio.reader.info, span.start, span.stop)
    times = seen + seen[-1:] * (len(frames) - len(seen))  # as padding repeats the last frame
    asked = Chunk(frames, noise, maps, seed=seed, mask=mask, times=times)
    kept = studio.stylizer.rule.latents(shared) if shared else 0
    return Prepared(take, asked, HandedNoise(handed, _last(_kept(studio, take, noise), kept)))


def _restyle(studio: Studio, ready: Prepared, before: Tail | None) -> tuple[Tail, float]:
    headway = Headway(studio.advance, len(ready.take.span), studio.request.steps)
    headway.prepared()
    asked = replace(ready.chunk, told=headway.denoised)
    if before is not None:
        asked = replace(asked, carried=before.carried, before=before.before)
    started = time.monotonic()
    styled = _styled(studio, asked)
    seconds = time.monotonic() - started
    kept = len(ready.noise.shared)
    latents = _kept(studio, ready.take, styled.latents)
    tail = Tail(ready.noise, _last(latents, kept + studio.stylizer.lookback if kept else 0))
    padding = padding_of(ready.take.span, studio.sizes, studio.stylizer)
    frames = padding.crop(styled.frames)
    if studio.finish:
        frames = studio.finish(frames, padding.crop(asked.frames))
    studio.journal.store(ready.take, frames, tail.to_tensors())
    headway.finished()
    return tail, seconds


def _kept(studio: Studio, take: Take, whole: Tensor) -> Tensor:
    """The noise or latents of the frames that are kept of a chunk: all but those of its weak tail."""
    return whole[: studio.stylizer.rule.latents(len(take.span))]


def _last(whole: Tensor, count: int) -> Tensor:
    """The last of a chunk's noise or latents, as a copy, or all of it would stay with its end."""
    return whole[max(0, len(whole) - count) :].clone()


def _touched(inside: Inside, span: Span, size: tuple[int, int]) -> Tensor:
    """The mask of frames at the size that is worked on: what it touches at all. A few are read at once."""
    starts = range(span.start, span.stop, SLICE)
    return torch.cat([F.adaptive_max_pool2d(inside(one, min(one + SLICE, span.stop)), size) for one in starts])


def _styled(studio: Studio, chunk: Chunk) -> Styled:
    """This restyles a chunk; where memory runs out, anew by the model's next smaller plan, which is announced."""
    while True:
        try:
            with studio.workplace.vacated():
                return studio.stylizer.restyle(chunk, studio.request)
        except torch.OutOfMemoryError as error:
            wanted = str(error)
        smaller = studio.stylizer.memory.spare(
            exact=True
        )  # not above: there the error still holds what filled the memory
        if smaller is None:
            raise ResourceError(
                f"Memory ran out by the smallest plan of {studio.stylizer.name}: {wanted} What is finished is kept. "
                "Start over with a smaller --size, or on the processor: --device cpu --fresh."
            )
        studio.announce(f"memory ran out; from here on {studio.stylizer.memory.words}")


def _shot_noise(
    studio: Studio, take: Take, frames: Tensor, before: HandedNoise | None
) -> tuple[Tensor, dict[str, Tensor]]:
    """The noise of a chunk's latents, and how the next chunk goes on from what is kept of it.

    The first latents have that of the chunk before, the others go on from there.

    Noise moves from frame to frame; a latent that stands for several takes that of one, and latent j that of frame
    `stride * j` of its chunk: chunks start at multiples of the stride, so it is the same one for both that share it.
    """
    rule, handed = studio.stylizer.rule, None
    span = rule.made(take.span, take.shot)
    if before is None:
        shape = studio.stylizer.noise_shape(*frames.shape[-2:])
        source = ShotNoise(take.seed, take.shot.start, shape, studio.stylizer.defaults.noise_carried)
        known, seen = [source.advance(None)], 1
    else:
        source = ShotNoise.from_state(before.state)
        known, seen = list(before.shared), rule.frames(len(before.shared))

    def moved(number: int, previous: Tensor, current: Tensor) -> tuple[Tensor, Tensor]:
        if number >= span.stop:  # the last frame again, to a length that the model takes
            return current.new_zeros(2, *current.shape[-2:]), current.new_ones(1, *current.shape[-2:])
        return _motion(studio.motions.noise, number, previous, current)

    for number, (flow, valid) in enumerate(of_pairs(moved, frames[seen - 1 :], span.start + seen - 1), seen):
        if number == len(take.span):
            handed = source.state()
        noise = source.advance(flow, valid)
        if number % rule.stride == 0:
            known.append(noise)
    return torch.stack(known), handed or source.state()


def _motion(motion: Motion, number: int, previous: Tensor, current: Tensor) -> tuple[Tensor, Tensor]:
    """The flow to the previous frame `[2, H, W]`, and where it holds, `[1, H, W]`: not on what was hidden there."""
    there, back = motion(number, previous, current)
    return there, 1 - occluded(there[None], back[None])[0]
