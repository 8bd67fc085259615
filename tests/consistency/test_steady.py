"""Laws of steadying, on drawn scenes whose motion is known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from consistency.metrics import change, detail, sharpness
from consistency.steady import LOOKAHEAD, Pair, Steadier
from samples.scenes import Scene, draw_scene

LENGTH, SIZE = 30, (72, 128)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return draw_scene(3, LENGTH, *SIZE)


def steadied(frames: Tensor, scene: Scene, amount: float = 1.0) -> Tensor:
    steadier, done = Steadier(len(frames), amount), []
    for t in range(len(frames)):
        pair = Pair(scene.flow_to_previous[t], scene.flow_to_next[t - 1]) if t else None
        done += steadier.add(frames[t], scene.frames[t], pair)
    return torch.stack(done)


def flicker(frames: Tensor, scene: Scene) -> float:
    excess = change(frames, scene.flow_to_previous) - change(scene.frames, scene.flow_to_previous)
    return float((excess.square() * scene.clean[1:]).sum())


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(5))


def brightness(frames: Tensor) -> Tensor:
    return (frames * (1 + 0.06 * noise(LENGTH, 1, 1, 1))).clamp(0, 1)


def grain(frames: Tensor) -> Tensor:
    return (frames + 0.04 * noise(*frames.shape)).clamp(0, 1)


@pytest.mark.parametrize("fault", [brightness, grain])
def test_flicker_goes_and_detail_stays(fault: Callable[[Tensor], Tensor], scene: Scene) -> None:
    before = fault(scene.frames)
    after = steadied(before, scene)
    assert flicker(after, scene) < 0.08 * flicker(before, scene)
    wanted = detail(scene.frames)
    assert float((detail(after) * wanted).sum() / wanted.square().sum()) > 0.9
    assert (after - scene.frames).square().mean() < 0.5 * (before - scene.frames).square().mean()


def test_what_is_steady_is_left_alone(scene: Scene) -> None:
    after = steadied(scene.frames, scene)
    assert (after - scene.frames).abs().mean() < 1 / 255
    assert 0.97 < sharpness(after, scene.frames) < 1.03


def test_a_step_becomes_a_slope(scene: Scene) -> None:
    """The seam of two chunks with other brightness is not seen at once any more."""
    before = scene.frames.clone()
    before[LENGTH // 2 :] = (before[LENGTH // 2 :] + 0.06).clamp(0, 1)
    steps = [change(f, scene.flow_to_previous)[LENGTH // 2 - 1].mean() for f in (before, steadied(before, scene))]
    assert steps[1] < 0.25 * steps[0]


def test_light_of_the_source_survives(scene: Scene) -> None:
    """A lamp that goes on within a second is no flicker."""
    light = 1 - 0.4 * torch.linspace(0, 1, LENGTH).view(-1, 1, 1, 1)
    frames = scene.frames * light
    lit = Scene(**{**vars(scene), "frames": frames})
    levels = steadied(frames, lit).mean(dim=(1, 2, 3))
    assert torch.corrcoef(torch.stack([levels, frames.mean(dim=(1, 2, 3))]))[0, 1] > 0.999
    assert (levels - frames.mean(dim=(1, 2, 3))).abs().max() < 0.01


def test_what_the_source_does_not_repeat_is_not_averaged() -> None:
    """Where the source itself is new in every frame, as water is, nothing is to be followed."""
    frames, zero = 0.5 + 0.15 * noise(LENGTH, 3, *SIZE), torch.zeros(LENGTH, 2, *SIZE)
    water = Scene(frames, zero[:, :1], zero, zero, zero[:, :1], zero[:, :1], zero[:, :1] + 1)
    assert sharpness(steadied(frames, water), frames) > 0.97


def test_nothing_of_it_at_amount_zero(scene: Scene) -> None:
    before = brightness(scene.frames)
    assert torch.equal(steadied(before, scene, 0.0), before)


def test_half_of_it_lies_halfway(scene: Scene) -> None:
    before = brightness(scene.frames)
    halfway = (before + steadied(before, scene)) / 2
    assert torch.allclose(steadied(before, scene, 0.5), halfway, atol=1e-5)


def test_a_frame_waits_for_no_more_than_the_lookahead(scene: Scene) -> None:
    steadier, given = Steadier(LENGTH), 0
    for t in range(LENGTH):
        pair = Pair(scene.flow_to_previous[t], scene.flow_to_next[t - 1]) if t else None
        given += len(steadier.add(scene.frames[t], scene.frames[t], pair))
        assert given == (LENGTH if t == LENGTH - 1 else max(0, t + 1 - LOOKAHEAD))


def test_frames_see_no_further_than_the_lookahead(scene: Scene) -> None:
    before = brightness(scene.frames)
    other = before.clone()
    other[-1] = 1 - other[-1]
    seen = steadied(before, scene) - steadied(other, scene)
    assert seen[: LENGTH - 1 - LOOKAHEAD].abs().max() == 0
    assert seen[-1].abs().max() > 0


@pytest.mark.parametrize("length", [1, 2, 3, 14])
def test_short_shots_come_out_whole(length: int, scene: Scene) -> None:
    frames = scene.frames[:length]
    assert steadied(frames, scene).shape == frames.shape


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (17, 3)])
def test_any_size_is_steadied(size: tuple[int, int]) -> None:
    frames, zero = torch.rand(4, 3, *size), torch.zeros(2, *size)
    steadier = Steadier(4)
    done = [f for t in range(4) for f in steadier.add(frames[t], frames[t], Pair(zero, zero) if t else None)]
    assert torch.stack(done).shape == frames.shape
    assert torch.stack(done).isfinite().all()
