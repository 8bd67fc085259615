"""Laws of windows: every frame once or in an overlap, no chunk too long, sizes padded and given back whole."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.windows import FrameRule, Padding, Span, plan_chunks

rules = st.builds(
    lambda stride, offset, multiple: FrameRule(multiple, stride, min(offset, stride)),
    st.integers(1, 8),
    st.integers(0, 1),
    st.sampled_from([1, 8, 16, 32]),
)


@given(st.integers(1, 400), st.integers(1, 40), st.integers(0, 12), rules)
def test_chunks_cover_every_frame_and_overlap_as_asked(length, steps, overlap, rule):
    longest = rule.length(overlap + steps)
    if longest <= overlap:
        longest = rule.length(overlap + rule.stride + 1)
    chunks = plan_chunks(length, longest, overlap, rule)
    assert chunks[0].start == 0
    assert chunks[-1].stop == length
    assert all(len(chunk) <= longest for chunk in chunks)
    for left, right in itertools.pairwise(chunks):
        assert left.start < right.start
        assert left.stop - right.start >= overlap
        assert left.stop < right.stop


@given(st.integers(1, 400), st.integers(1, 40), st.integers(0, 12), rules)
def test_only_a_shot_that_fits_one_chunk_is_ever_padded(length, steps, overlap, rule):
    longest = rule.length(overlap + rule.stride + steps)
    chunks = plan_chunks(length, longest, overlap, rule)
    if len(chunks) > 1:
        assert all(rule.length(len(chunk)) == len(chunk) for chunk in chunks)


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
    with pytest.raises(ValueError, match="cannot overlap"):
        plan_chunks(20, 8, 8)
