"""Laws of telling textures that swim from the error of following a motion, in a scene that moves slowly."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from consistency.blur import blur
from consistency.detail import FINE
from consistency.occlusion import round_trip
from consistency.steady import Pair, Steadier
from consistency.swim import REACH, Swim
from consistency.warp import warp

LENGTH, SIZE, PACE, MISS = 24, (72, 128), 0.3, 0.15


def noise(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def soft(seed: int, sigma: float) -> Tensor:
    drawn = blur(noise(seed, 1, 3, *SIZE), sigma)
    return drawn / drawn.std()


@pytest.fixture(scope="module")
def frames() -> Tensor:
    """One texture that moves by `PACE` pixels a frame, `[T, 3, H, W]`."""
    along = PACE * torch.arange(LENGTH).view(-1, 1, 1, 1) * torch.tensor([1.0, 0.0]).view(1, 2, 1, 1)
    texture = (0.5 + 0.12 * soft(1, 3.0)).expand(LENGTH, -1, -1, -1)
    return warp(texture, along.expand(-1, -1, *SIZE).contiguous(), "bicubic")[0]


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    """The motion, half of it wrong: too far in one frame and too short in the next."""
    true = torch.tensor([PACE, 0.0]).view(2, 1, 1).expand(2, *SIZE)
    wrong = [MISS * (-1) ** t for t in range(LENGTH)]
    return [Pair(true + off, -true - off) for off in wrong]


def told(pictures: Tensor, frames: Tensor, pairs: list[Pair]) -> list[float | None]:
    swim, said = Swim(), []
    for t, (picture, frame) in enumerate(zip(pictures, frames, strict=True)):
        there, back = pairs[t].to_previous[None], pairs[t].from_previous[None]
        link = torch.cat([there, round_trip(there, back)], dim=1) if t else None
        said.append(swim.see(picture[None], frame.mean(dim=0)[None, None], link))
    return said


def steadied(pictures: Tensor, frames: Tensor, pairs: list[Pair]) -> Tensor:
    steadier, done = Steadier(len(frames)), []
    for t, (picture, frame) in enumerate(zip(pictures, frames, strict=True)):
        done += steadier.add(picture, frame, pairs[t] if t else None)
    return torch.stack(done)


def with_grain(frames: Tensor) -> Tensor:
    return frames + 0.04 * soft(2, 1.2)


def test_what_moves_with_the_source_does_not_swim(frames: Tensor, pairs: list[Pair]) -> None:
    assert set(told(0.2 + 0.6 * frames, frames, pairs)[REACH::3]) == {0.0}


def test_a_grain_that_sticks_to_the_screen_does(frames: Tensor, pairs: list[Pair]) -> None:
    assert set(told(with_grain(frames), frames, pairs)[REACH::3]) == {1.0}


def test_a_change_of_brightness_is_none(frames: Tensor, pairs: list[Pair]) -> None:
    darker = frames * torch.linspace(1, 0.7, LENGTH).view(-1, 1, 1, 1)
    assert set(told(darker, frames, pairs)[REACH::3]) == {0.0}


def test_where_nothing_moves_the_grain_is_none(frames: Tensor, pairs: list[Pair]) -> None:
    still = frames[:1].expand_as(frames)
    none = [Pair(torch.zeros(2, *SIZE), torch.zeros(2, *SIZE))] * LENGTH
    assert set(told(with_grain(still), still, none)[REACH::3]) == {0.0}


def test_nothing_is_said_before_nine_frames_and_between_looks(frames: Tensor, pairs: list[Pair]) -> None:
    said = told(frames, frames, pairs)
    assert [t for t, one in enumerate(said) if one is not None] == list(range(REACH, LENGTH, 3))


def test_a_grain_is_steadied_from_the_first_frame_on(frames: Tensor, pairs: list[Pair]) -> None:
    before = with_grain(frames)
    after = steadied(before, frames, pairs)
    off = [(values - frames).square().mean(dim=(1, 2, 3)) for values in (before, after)]
    assert (off[1] < 0.95 * off[0]).all()


def test_the_energy_of_a_grain_is_not_given_back(frames: Tensor, pairs: list[Pair]) -> None:
    grainy = with_grain(frames)
    detail = [
        (values - blur(values, FINE)).square().mean(dim=(1, 2, 3))
        for values in (frames, grainy, steadied(grainy, frames, pairs))
    ]
    left = (detail[2] - detail[0]) / (detail[1] - detail[0])
    assert left[0] < 0.7
    assert (left[1:] < 0.6).all()


def test_what_does_not_swim_is_left_alone(frames: Tensor, pairs: list[Pair]) -> None:
    assert torch.equal(steadied(frames, frames, pairs), frames)


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (17, 3)])
def test_any_size_is_looked_at(size: tuple[int, int]) -> None:
    swim, link = Swim(), torch.zeros(1, 3, *size)
    said = [swim.see(torch.rand(1, 3, *size), torch.rand(1, 1, *size), link if t else None) for t in range(REACH + 1)]
    assert said[-1] is not None
