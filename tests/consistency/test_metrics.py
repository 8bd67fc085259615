"""The figures say what they should on clips whose truth is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from consistency.metrics import (
    Seam,
    colour_step,
    detail_retention,
    jumps,
    seam_jump,
    sharpness,
    sharpness_dip,
    warp_error,
)
from samples.scenes import Scene, draw_scene

SEAM = Seam(5, 2)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return draw_scene(0, 12, 72, 128)


@pytest.fixture(scope="module")
def calm(scene: Scene) -> Tensor:
    """The frames with room for noise on both sides."""
    return scene.frames * 0.5 + 0.25


def noise(like: Tensor, sigma: float, seed: int = 0) -> Tensor:
    return sigma * torch.randn(like.shape, generator=torch.Generator().manual_seed(seed))


def error(scene: Scene, frames: Tensor) -> float:
    return warp_error(frames, scene.flow_to_previous, scene.clean)


def test_a_clean_clip_has_almost_no_warp_error(scene: Scene) -> None:
    assert error(scene, scene.frames) < 0.05


def test_a_flipped_flow_raises_the_warp_error(scene: Scene) -> None:
    assert warp_error(scene.frames, -scene.flow_to_previous, scene.clean) > 5 * error(scene, scene.frames)


def test_noise_raises_the_warp_error_by_its_variance_twice_where_nothing_moves() -> None:
    still, mask = torch.full((6, 3, 60, 80), 0.5), torch.ones(6, 1, 60, 80)
    raised = warp_error(still + noise(still, 0.05), torch.zeros(6, 2, 60, 80), mask)
    assert raised == pytest.approx(1000 * 2 * 0.05**2, rel=0.03)


def test_noise_raises_the_warp_error_of_a_moving_clip_a_little_less(scene: Scene, calm: Tensor) -> None:
    raised = error(scene, calm + noise(calm, 0.05)) - error(scene, calm)
    assert 1.2 * 2.5 < raised < 2 * 2.5  # looking up between pixels smooths one of the two


def test_an_empty_mask_is_refused_not_perfect(scene: Scene) -> None:
    mask = scene.clean.clone()
    mask[3] = 0
    with pytest.raises(ValueError, match="frame 3"):
        warp_error(scene.frames, scene.flow_to_previous, mask)


def test_blur_loses_detail_and_sharpness_noise_fakes_the_second_only(calm: Tensor) -> None:
    blurred = torch.nn.functional.avg_pool2d(calm, 5, 1, 2, count_include_pad=False)
    assert detail_retention(calm, calm) == pytest.approx(1)
    assert sharpness(calm, calm) == pytest.approx(1)
    assert detail_retention(blurred, calm) < 0.5
    assert sharpness(blurred, calm) < 0.4
    noisy = calm + noise(calm, 0.05)
    assert detail_retention(noisy, calm) == pytest.approx(1, abs=0.05)
    assert sharpness(noisy, calm) > 1.5


def stepped(calm: Tensor, levels: float) -> Tensor:
    made = calm.clone()
    made[SEAM.start :] += levels / 255
    return made


def test_a_hard_step_is_a_jump_of_its_size(scene: Scene, calm: Tensor) -> None:
    levels = jumps(stepped(calm, 8), scene.flow_to_previous, scene.clean)
    seam = seam_jump(levels, [SEAM])
    assert levels[0] == 0
    assert seam.peak == pytest.approx(8, abs=0.5)
    assert seam.ratio > 10


def test_where_there_is_no_seam_none_is_found(scene: Scene, calm: Tensor) -> None:
    seam = seam_jump(jumps(calm, scene.flow_to_previous, scene.clean), [SEAM])
    assert seam.ratio < 1.5
    assert abs(seam.peak) < 0.3


def test_a_fade_hides_the_jump_and_not_the_step(scene: Scene, calm: Tensor) -> None:
    hard, faded = stepped(calm, 8), calm.clone()
    faded[5] += 8 / 3 / 255
    faded[6] += 16 / 3 / 255
    faded[7:] += 8 / 255
    jump = [seam_jump(jumps(made, scene.flow_to_previous, scene.clean), [SEAM]).peak for made in (hard, faded)]
    assert jump[1] < 0.5 * jump[0]
    for made in (hard, faded):
        assert colour_step(made, calm, [SEAM]) == pytest.approx(8, abs=0.1)
    assert colour_step(calm, calm, [SEAM]) == 0


def test_a_soft_frame_at_a_seam_is_a_dip(calm: Tensor) -> None:
    soft = calm.clone()
    soft[6] = torch.nn.functional.avg_pool2d(calm[6], 3, 1, 1, count_include_pad=False)
    assert sharpness_dip(calm, [SEAM]) > 0.8
    assert sharpness_dip(soft, [SEAM]) < 0.5


def test_seams_that_leave_nothing_to_compare_with_are_refused(calm: Tensor) -> None:
    with pytest.raises(ValueError, match="every frame"):
        sharpness_dip(calm, [Seam(0, 12)])
