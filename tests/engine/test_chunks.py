"""A shot chunk by chunk: its noise moves with the picture, and chance depends on the place in the job alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from engine.chunks import Studio, restyle_shot
from engine.diffusion.stylizer import Chunk, Defaults, Request, Styled
from engine.joining import overlaps
from engine.journal import Journal
from engine.motion import Motion, same_for_all
from engine.sizes import Sizes
from engine.take import Take
from engine.windows import FrameRule, Span, plan_chunks
from tests.fake_stylizer import FACTOR, RULE, FakeStylizer

HEIGHT, WIDTH, SPEED = 64, 128, 8
CHUNKS = [Span(0, 9), Span(6, 15), Span(12, 18)]


@dataclass
class Recording(FakeStylizer):
    """Keeps what it was given, and draws chance as it goes, as a distilled model does."""

    given: dict[int, Chunk] = field(default_factory=dict)

    def restyle(self, chunk: Chunk, request: Request) -> Styled:
        self.given[len(self.given)] = chunk
        styled = super().restyle(chunk, request)
        drawn = torch.randn(styled.latents.shape, generator=torch.Generator().manual_seed(chunk.seed))
        kept = 0 if chunk.carried is None else len(chunk.carried)
        styled.latents[kept:] += 0.1 * drawn[kept:]
        return styled


@dataclass
class Numbered(Recording):
    """Its latents show the number of the last frame that they stand for, as the stage's frames do."""

    def restyle(self, chunk: Chunk, request: Request) -> Styled:
        self.given[len(self.given)] = chunk
        last = chunk.frames[self.rule.first - 1 :: self.rule.stride, :1, ::FACTOR, ::FACTOR]
        return Styled(chunk.frames, last.expand_as(chunk.noise).clone())


def object_at(t: int) -> slice:
    return slice(SPEED * (t + 1), SPEED * (t + 1) + 32)


def true_flow(there: int, here: int) -> Tensor:
    """Flow of the frame `here` to the frame `there`: an object of 32 x 32 pixels crosses ground that stands still."""
    flow = torch.zeros(2, HEIGHT, WIDTH)
    flow[0, 16:48, object_at(here)] = SPEED * (there - here)
    return flow


class Stage:
    """Frames that show their own number, 24 a second."""

    info = SimpleNamespace(times=tuple(Fraction(frame, 24) for frame in range(100)))

    def read(self, start: int, stop: int) -> Tensor:
        return (torch.arange(start, stop) / 100).view(-1, 1, 1, 1).expand(-1, 3, HEIGHT, WIDTH).clone()


def true_motion(number: int, previous: Tensor, current: Tensor) -> tuple[Tensor, Tensor]:
    """The flow between two frames of the stage, whose number must be the one that the frame shows."""
    there, here = (round(float(frame[0, 0, 0]) * 100) for frame in (previous, current))
    assert (there, here) == (number - 1, number)
    return true_flow(there, here), true_flow(here, there)


def takes_of(chunks: Sequence[Span], seed: int = 0, shot: int = 0) -> list[Take]:
    """The chunks of a shot that begins at frame `shot` of the clip."""
    spans = [Span(shot + chunk.start, shot + chunk.stop) for chunk in chunks]
    return [Take(Span(shot, spans[-1].stop), span, seed) for span in spans]


def run(
    folder: Path,
    seed: int = 0,
    shot: int = 0,
    *,
    motion: Motion = true_motion,
    chunks: Sequence[Span] = CHUNKS,
    model: Recording | None = None,
) -> Recording:
    model = model or Recording(defaults=Defaults(steps=1, guidance=1.0, noise_carried=1.0))
    folder.mkdir(exist_ok=True)
    sizes = Sizes((HEIGHT, WIDTH), (HEIGHT, WIDTH))
    request = Request("ink", strength=0.5, steps=1)
    journal = Journal(folder, {})
    studio = Studio(cast(Any, Stage()), model, request, journal, sizes, same_for_all(motion), {})
    takes = takes_of(chunks, seed, shot)
    after = overlaps(takes)
    list(restyle_shot(studio, takes, lambda span: after[span.start]))
    return model


def correlation(a: Tensor, b: Tensor) -> float:
    return float((a * b).mean() / (a.square().mean() * b.square().mean()).sqrt())


def test_noise_moves_with_the_object_and_is_fresh_where_the_object_was(tmp_path: Path) -> None:
    noise = run(tmp_path).given[0].noise
    for t in range(1, 9):
        now, before = (slice(object_at(i).start // 8, object_at(i).stop // 8) for i in (t, t - 1))
        assert torch.equal(noise[t][:, 2:6, now], noise[t - 1][:, 2:6, before])
        assert torch.equal(noise[t][:, :2], noise[t - 1][:, :2])
    uncovered = [(noise[t][:, 2:6, t], noise[t - 1][:, 2:6, t]) for t in range(1, 9)]
    old, new = (torch.stack(parts) for parts in zip(*uncovered, strict=True))
    assert abs(correlation(old, new)) < 0.3  # 128 pairs: five standard errors are .44
    assert abs(float(new.mean())) < 0.3
    assert 0.6 < float(new.var()) < 1.5


def test_chunks_of_a_shot_have_one_noise_and_each_its_own_chance(tmp_path: Path) -> None:
    given = run(tmp_path).given
    for left, right in ((0, 1), (1, 2)):
        assert torch.equal(given[left].noise[-3:], given[right].noise[:3])
    assert len({chunk.seed for chunk in given.values()}) == 3


def test_what_is_carried_keeps_nothing_else_of_its_chunk_in_memory(tmp_path: Path) -> None:
    carried = run(tmp_path).given[1].carried
    assert carried is not None
    assert carried.untyped_storage().nbytes() == carried.nbytes


def test_what_fails_in_a_thread_fails_here(tmp_path: Path) -> None:
    def lost(number: int, previous: Tensor, current: Tensor) -> tuple[Tensor, Tensor]:
        raise ArithmeticError(f"lost at {previous.mean():.2f}")

    with pytest.raises(ArithmeticError, match="lost at 0"):
        run(tmp_path, motion=lost)
    assert list(tmp_path.iterdir()) == []


def test_seed_shot_and_chunk_decide_the_chance(tmp_path: Path) -> None:
    seeds = [
        [chunk.seed for chunk in run(tmp_path / name, seed, shot).given.values()]
        for name, seed, shot in (("a", 0, 0), ("b", 0, 0), ("c", 1, 0), ("d", 0, 1))
    ]
    assert seeds[0] == seeds[1]
    assert len({*seeds[0], *seeds[2], *seeds[3]}) == 9


CAUSAL = FrameRule(FACTOR, stride=4, offset=1)
HALF_FRESH = Defaults(steps=1, guidance=1.0, noise_carried=0.5)  # so that the noise of each frame is its own


@cache
def noise_of_one_chunk(length: int) -> Tensor:
    with TemporaryDirectory() as folder:
        model = Numbered(rule=CAUSAL, defaults=HALF_FRESH)
        return run(Path(folder), chunks=[Span(0, length)], model=model).given[0].noise


@pytest.mark.parametrize(
    ("length", "longest", "overlap", "lookback", "weak"),
    [(38, 13, 1, 3, 0), (41, 21, 8, 2, 0), (39, 17, 5, 0, 0), (40, 21, 6, 4, 0), (39, 17, 5, 0, 1), (40, 21, 6, 4, 2)],
)
def test_where_a_latent_stands_for_four_frames_everything_passes_on_to_the_same_frames(
    length: int, longest: int, overlap: int, lookback: int, weak: int
) -> None:
    """Fails where noise, carried latents or those before them are off by one frame, or by one latent."""
    rule = replace(CAUSAL, weak=weak)
    chunks = plan_chunks(length, longest, overlap, rule)
    assert len(chunks) >= 3
    model = Numbered(rule=rule, lookback=lookback, defaults=HALF_FRESH)
    with TemporaryDirectory() as folder:
        run(Path(folder), chunks=chunks, model=model)
        kept = [Journal(Path(folder), {}).frames(take) for take in takes_of(chunks)]
    for number, (span, chunk) in enumerate(zip(chunks, model.given.values(), strict=True)):
        assert len(chunk.frames) == CAUSAL.length(min(span.stop + 4 * weak, length) - span.start)
        assert numbers(kept[number]) == list(range(span.start, span.stop))
        first = span.start // 4
        assert torch.equal(chunk.noise, noise_of_one_chunk(length)[first : first + len(chunk.noise)])
        assert (chunk.carried is None) == (number == 0)
        if chunk.carried is not None:
            left = chunks[number - 1]
            assert CAUSAL.frames(len(chunk.carried)) == left.stop - span.start
            assert numbers(chunk.carried) == list(range(span.start, left.stop, 4))
            assert numbers(chunk.before) == list(range(max(left.start, span.start - 4 * lookback), span.start, 4))


def numbers(shown: Tensor | None) -> list[int]:
    return [] if shown is None else [round(float(one.mean()) * 100) for one in shown]


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_one_chunk_done_again_is_the_same_bit_by_bit(tmp_path: Path, lost: int) -> None:
    run(tmp_path)
    chunk = tmp_path / f"{takes_of(CHUNKS)[lost].name}.avi"
    state = chunk.with_suffix(".safetensors")
    before = chunk.read_bytes(), state.read_bytes()
    chunk.unlink()
    state.unlink()
    again = run(tmp_path)
    assert again.calls == [len(CHUNKS[lost])]
    assert (chunk.read_bytes(), state.read_bytes()) == before


@pytest.mark.parametrize(("stopped_after", "weak"), [(1, 0), (2, 0), (1, 2)])
def test_a_stopped_shot_goes_on_to_the_same_bits(tmp_path: Path, stopped_after: int, weak: int) -> None:
    def again(name: str) -> Recording:
        return run(tmp_path / name, model=Recording(rule=replace(RULE, weak=weak)))

    assert again("whole").calls == again("stopped").calls == [9 + weak, 9 + weak, 6]
    for take in takes_of(CHUNKS)[stopped_after:]:
        for path in (tmp_path / "stopped").glob(f"{take.name}.*"):
            path.unlink()
    assert len(again("stopped").calls) == 3 - stopped_after
    for path in (tmp_path / "whole").iterdir():
        assert (tmp_path / "stopped" / path.name).read_bytes() == path.read_bytes()
