"""Laws of giving detail back: flicker's energy is, that of a pattern which sticks to the screen is not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from consistency.blur import blur
from consistency.detail import FINE, Detail

SIZE, FRAMES, REACH = (64, 96), 12, 13


def noise(seed: int) -> Tensor:
    """Fine noise `[1, 3, H, W]` of strength 1."""
    drawn = torch.randn(1, 3, *SIZE, generator=torch.Generator().manual_seed(seed))
    fine = drawn - blur(drawn, FINE)
    return fine / fine.std()


def power(frame: Tensor) -> float:
    return float((frame - blur(frame, FINE)).square().mean())


@pytest.fixture
def texture() -> Tensor:
    return 0.5 + 0.05 * noise(0)


@pytest.fixture
def pattern() -> Tensor:
    return 0.04 * noise(1)


def test_a_pattern_that_sticks_is_not_given_back_from_the_first_frame_on(texture: Tensor, pattern: Tensor) -> None:
    unknown, known = Detail(torch.zeros_like(pattern), REACH), Detail(pattern, REACH)
    assert power(unknown.put_back(texture, texture + pattern)) > 1.3 * power(texture)
    assert power(known.put_back(texture, texture + pattern)) < 1.05 * power(texture)


def test_what_sticks_goes_where_things_move_apart_too(texture: Tensor, pattern: Tensor) -> None:
    """In a strip, which moves on, nothing could be averaged: there frames come as they were."""
    detail, left = Detail(pattern, REACH), []
    for t in range(2 * REACH):
        strip = torch.arange(16) + 16 * t % SIZE[1]
        steadied = texture.clone()
        steadied[..., strip] += pattern[..., strip]
        off = (detail.put_back(steadied, texture + pattern) - texture)[..., strip]
        left.append(float(off.square().mean() / pattern[..., strip].square().mean()))
    assert left[0] == pytest.approx(1, abs=0.1)  # it may be flicker yet
    assert max(left[REACH:]) < 0.2


def test_the_energy_of_flicker_is_given_back_and_nothing_is_taken_away(texture: Tensor) -> None:
    """What differs from frame to frame: the mean has less of it than any frame."""
    flat = 0.5 + 0.8 * (texture - 0.5)
    frames = [flat + 0.03 * noise(seed) for seed in range(2, 2 + FRAMES)]
    taken = torch.cat(frames).mean(dim=0, keepdim=True) - flat
    detail = Detail(taken, REACH)
    for frame in frames:
        made = detail.put_back(flat, frame)
        assert power(made) == pytest.approx(power(frame), rel=0.1)
        assert torch.corrcoef(torch.stack([(made - flat).flatten(), taken.flatten()]))[0, 1].abs() < 0.1


def test_a_pattern_that_goes_is_forgotten(texture: Tensor, pattern: Tensor) -> None:
    detail = Detail(pattern, REACH)
    for _ in range(4 * REACH):
        made = detail.put_back(texture, texture)
    assert (made - texture).abs().max() < 0.01
