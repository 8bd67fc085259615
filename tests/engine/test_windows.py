"""Laws of windows: every frame once or in an overlap, no chunk too long, sizes padded and given back whole."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.windows import FrameRule, Padding, Span, plan_chunks

rules = st.builds(
    lambda stride, offset, multiple, weak: FrameRule(multiple, stride, min(offset, stride), weak),
    st.integers(1, 8),
    st.integers(0, 1),
    st.sampled_from([1, 8, 16, 32]),
    st.integers(0, 3),
)


plans = st.tuples(st.integers(1, 400), st.integers(1, 40), st.integers(0, 12), rules)


def longest(plan):
    _, steps, overlap, rule = plan
    return rule.frames(rule.latents(max(1, overlap)) + steps + rule.weak)


def planned(plan) -> list[Span]:
    length, _, overlap, rule = plan
    return plan_chunks(length, longest(plan), overlap, rule)


@given(plans)
def test_chunks_cover_every_frame_and_overlap_as_asked(plan):
    length, _, overlap, _ = plan
    chunks = planned(plan)
    assert chunks[0].start == 0
    assert chunks[-1].stop == length
    for left, right in itertools.pairwise(chunks):
        assert left.start < right.start
        assert left.stop - right.start >= overlap
        assert left.stop < right.stop


@given(plans)
def test_a_weak_tail_is_made_and_given_up_where_the_shot_goes_on(plan):
    length, *_, rule = plan
    shot, chunks = Span(0, length), planned(plan)
    made = [rule.made(chunk, shot) for chunk in chunks]
    assert all(len(one) <= longest(plan) for one in made)
    for chunk, one in zip(chunks, made, strict=True):
        assert one.start == chunk.start
        assert one.stop == min(chunk.stop + rule.stride * rule.weak, length)
    assert made[-1] == chunks[-1]  # the last one keeps its tail
    assert len(chunks) == 1 or length > longest(plan)  # nothing is given up that need not be


@given(plans)
def test_only_the_last_latent_of_a_shot_is_ever_padded(plan):
    length, _, _, rule = plan
    *earlier, last = planned(plan)
    assert all(rule.length(len(chunk)) == len(chunk) for chunk in earlier)
    assert rule.length(len(last)) - len(last) == rule.length(length) - length < rule.stride


@given(plans)
def test_latents_that_two_chunks_share_end_with_the_same_frames_of_the_shot(plan):
    """Else what is carried would be off by a frame, or by three."""
    rule = plan[-1]

    def ends(chunk: Span) -> list[int]:
        return [chunk.start + rule.frames(number) - 1 for number in range(1, rule.latents(len(chunk)) + 1)]

    chunks = planned(plan)
    for left, right in itertools.pairwise(chunks):
        overlap = left.stop - right.start
        shared = rule.latents(overlap) if overlap else 0
        assert rule.frames(shared) == overlap if shared else overlap == 0
        assert ends(left)[len(ends(left)) - shared :] == ends(right)[:shared]
        assert set(ends(left)) <= set(range(rule.first - 1, plan[0], rule.stride))


@given(st.integers(1, 400), rules)
def test_latents_and_frames_count_the_same(frames, rule):
    latents = rule.latents(frames)
    assert rule.frames(latents) == rule.length(frames)
    assert rule.latents(rule.frames(frames)) == frames
    ends = [rule.first - 1 + rule.stride * number for number in range(latents)]
    assert ends[-1] == rule.length(frames) - 1


def test_a_causal_autoencoder_of_factor_four_as_its_makers_count_it():
    rule = FrameRule(16, stride=4, offset=1)
    assert [rule.latents(frames) for frames in (1, 2, 5, 6, 9, 81)] == [1, 2, 2, 3, 3, 21]
    assert plan_chunks(150, 81, 8, rule) == [Span(0, 81), Span(72, 150)]  # nine frames shared: three latents
    assert plan_chunks(200, 81, 8, rule) == [Span(0, 73), Span(64, 137), Span(128, 200)]


@given(st.integers(1, 200), rules)
def test_a_length_is_the_smallest_valid_one(frames, rule):
    length = rule.length(frames)
    assert length >= frames
    assert (length - rule.offset) % rule.stride == 0
    shorter = length - rule.stride
    assert shorter < frames or shorter < 1


@given(st.integers(1, 9), st.integers(1, 40), st.integers(1, 40), rules)
def test_padding_is_undone_exactly(frames, height, width, rule):
    picture = torch.rand(frames, 3, height, width, generator=torch.Generator().manual_seed(0))
    padding = Padding(frames, height, width, rule)
    padded = padding.pad(picture)
    assert len(padded) == rule.length(frames)
    assert padded.shape[-1] % rule.multiple == padded.shape[-2] % rule.multiple == 0
    assert torch.equal(padding.crop(padded), picture)


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="start < stop"):
        Span(3, 3)
    for longest, rule in ((8, FrameRule()), (10, FrameRule(weak=2))):
        with pytest.raises(ValueError, match="cannot overlap"):
            plan_chunks(20, longest, 8, rule)
    with pytest.raises(ValueError, match="no model has such a rule"):
        FrameRule(weak=-1)
    with pytest.raises(ValueError, match="at least 1"):
        FrameRule().latents(0)
    with pytest.raises(ValueError, match="at least 1"):
        FrameRule().frames(0)
