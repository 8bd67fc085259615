"""Windows that roll: every frame once a step, within what the model can number, no cut that stays."""

import math
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from engine.diffusion.rolling import RollingDenoiser, bit_reversal, roll
from engine.windows import Span


@given(frames=st.integers(1, 400), window=st.integers(4, 48), step=st.integers(0, 70))
def test_windows_hold_every_frame_once_and_none_is_too_long_or_too_short(frames: int, window: int, step: int) -> None:
    spans = roll(frames, window, step)
    assert [frame for span in spans for frame in range(span.start, span.stop)] == list(range(frames))
    assert max(len(span) for span in spans) <= window
    assert min(len(span) for span in spans) >= min(frames, window // 4)


@given(window=st.integers(4, 48))
def test_a_clip_of_one_window_is_not_cut(window: int) -> None:
    assert roll(window, window, 3) == [Span(0, window)]


@given(frames=st.integers(1, 400), window=st.integers(4, 48))
def test_every_cut_rolls_over_half_a_window_those_next_to_the_ends_too(frames: int, window: int) -> None:
    steps = [[span.start for span in roll(frames, window, step)] for step in range(32)]
    for places in list(zip(*steps, strict=True))[1:]:
        assert max(places) - min(places) + 1 >= window // 2


@pytest.mark.parametrize("frames", [20, 33, 64, 160])
def test_no_cut_comes_twice_in_as_many_steps_as_a_run_has(frames: int) -> None:
    inner = [{span.start for span in roll(frames, 16, step)} - {0} for step in range(6)]
    for step, cuts in enumerate(inner):
        for other in inner[:step]:
            assert not cuts & other


@given(frames=st.integers(1, 400), window=st.integers(8, 48), steps=st.integers(4, 30))
def test_no_frame_is_cut_at_again_and_again(frames: int, window: int, steps: int) -> None:
    cuts = Counter(span.start for step in range(steps) for span in roll(frames, window, step) if span.start)
    assert max(cuts.values(), default=0) <= math.ceil(steps * 3 / 8)


def test_offsets_halve_what_is_left() -> None:
    assert [bit_reversal(step) for step in range(8)] == [0, 1 / 2, 1 / 4, 3 / 4, 1 / 8, 5 / 8, 3 / 8, 7 / 8]


class CountingUnet(nn.Module):
    """Answers with its input; counts the frames it is shown, and fails as motion modules do beyond their limit."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.config = SimpleNamespace(in_channels=2)
        self.limit, self.seen = limit, list[int]()

    @property
    def frames(self) -> int:
        return sum(self.seen)

    def forward(self, sample: Tensor, timestep: Tensor, encoder_hidden_states: Tensor, **_: Any) -> tuple[Tensor]:
        assert sample.shape[2] <= self.limit
        assert len(encoder_hidden_states) == sample.shape[0] * sample.shape[2]
        self.seen.append(sample.shape[2])
        text = encoder_hidden_states.mean(dim=(1, 2)).view(sample.shape[0], 1, sample.shape[2], 1, 1)
        return (sample * self.weight + text,)


def unsteered(*_: object) -> tuple[None, None]:
    return None, None


def run(unet: CountingUnet, frames: int, steps: int, batch: int = 1) -> tuple[Tensor, Tensor]:
    denoiser = RollingDenoiser(unet, unsteered, unet.limit)
    sample = torch.randn(batch, 2, frames, 3, 5)
    text = torch.randn(batch * frames, 4, 6)
    for _ in range(steps):
        answer = denoiser(sample, torch.tensor(7), text, cross_attention_kwargs=None).sample
    return answer, sample + text.mean(dim=(1, 2)).view(batch, 1, frames, 1, 1)


@pytest.mark.parametrize("frames", [64, 65, 71, 160, 163])
@pytest.mark.parametrize("steps", [1, 4, 6, 20])
def test_compute_per_frame_is_within_a_tenth_of_one_windows(frames: int, steps: int) -> None:
    unet = CountingUnet(limit=16)
    run(unet, frames, steps)
    assert unet.frames / (frames * steps) <= 1.10
    assert len(unet.seen) <= steps * (math.ceil(frames / 16) + 1)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("frames", [1, 7, 16, 17, 40])
def test_every_frame_is_answered_with_its_own_text_guided_or_not(frames: int, batch: int) -> None:
    answer, expected = run(CountingUnet(limit=16), frames, 3, batch)
    torch.testing.assert_close(answer, expected)


def test_the_denoiser_cuts_elsewhere_at_each_step() -> None:
    unet = CountingUnet(limit=16)
    run(unet, 40, 3)
    assert unet.seen == [len(span) for step in range(3) for span in roll(40, 16, step)]
    assert len(set(map(tuple, (unet.seen[:3], unet.seen[3:6], unet.seen[6:])))) == 3
