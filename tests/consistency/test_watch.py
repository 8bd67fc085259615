"""What is told of a restyled clip without a clean one is right where the truth is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from consistency.metrics import jumps, warp_error
from consistency.watch import RAW, RESULT, SOURCE, LookOfColours, Moment, Timeline, Watch
from samples.scenes import Scene, draw_scene

FRAMES = 6


@pytest.fixture(scope="module")
def scene() -> Scene:
    return draw_scene(0, FRAMES, 72, 128)


def seen(scene: Scene, result: Tensor, raw: Tensor) -> Moment:
    timeline, watch = Timeline(), Watch()
    for number, frames in enumerate(torch.stack([result, raw, scene.frames], dim=1)):
        motion = (scene.flow_to_previous[number], scene.clean[number]) if number else None
        timeline.add(watch.see(frames, motion, (frames.mean(dim=1, keepdim=True) > 0.5).float()))
    return timeline.moments()


def look(frames: Tensor) -> Tensor:
    return 0.3 + 0.5 * frames.flip(-3)


def test_a_result_that_is_its_chunks_scores_one(scene: Scene) -> None:
    moments = seen(scene, look(scene.frames), look(scene.frames))
    assert torch.allclose(moments.detail[:, 0], moments.detail[:, 1])
    assert torch.allclose(moments.detail[:, 2], moments.detail[:, 1])
    assert torch.allclose(moments.motion[1:, RESULT], moments.motion[1:, RAW])
    assert torch.allclose(moments.jump[1:, RESULT], moments.jump[1:, RAW])


def test_a_copy_of_the_source_changes_as_much_as_the_source_and_has_its_structure(scene: Scene) -> None:
    moments = seen(scene, scene.frames, look(scene.frames))
    assert torch.equal(moments.error[1:, RESULT], moments.error[1:, SOURCE])
    assert moments.structure[:, RESULT].min() == pytest.approx(1)
    assert moments.edges[:, RESULT].min() == pytest.approx(1)
    assert moments.structure[:, RAW].max() < 0.95


def test_figures_by_frame_are_those_of_the_whole_clip(scene: Scene) -> None:
    result = look(scene.frames)
    moments = seen(scene, result, result)
    whole = jumps(result, scene.flow_to_previous, scene.clean)
    assert torch.allclose(moments.jump[1:, RESULT], whole[1:], rtol=1e-4)
    error = warp_error(result, scene.flow_to_previous, scene.clean)
    assert 1000 * float(moments.error[1:, RESULT].mean()) == pytest.approx(error, rel=1e-4)


def test_blur_lowers_the_detail_that_is_kept(scene: Scene) -> None:
    blurred = F.avg_pool2d(look(scene.frames), 5, 1, 2, count_include_pad=False)
    common, raw, made = seen(scene, blurred, look(scene.frames)).detail.sum(dim=0)
    assert common / raw < 0.5
    assert made / raw < 0.4


def test_a_frozen_clip_has_kept_no_motion(scene: Scene) -> None:
    frozen = look(scene.frames)[:1].expand(FRAMES, -1, -1, -1)
    moved, moved_raw = seen(scene, frozen, look(scene.frames)).motion[1:].sum(dim=0)
    assert moved == 0
    assert moved_raw > 0


def test_flicker_that_is_taken_away_is_no_motion_lost(scene: Scene) -> None:
    steady = look(scene.frames)
    generator = torch.Generator().manual_seed(0)
    flicker = 0.03 * torch.randn(FRAMES, 3, 9, 16, generator=generator)
    raw = steady + F.interpolate(flicker, scale_factor=8.0, mode="nearest")
    moved, moved_raw = seen(scene, steady, raw).motion[1:].sum(dim=0)
    assert moved / moved_raw == pytest.approx(1, abs=0.1)
    energy = [(part[1:] - part[:-1]).square().sum() for part in (steady, raw)]
    assert energy[1] > 1.3 * energy[0]  # where plain energy of change would call half of it lost


def test_what_cannot_be_seen_is_unknown_not_perfect(scene: Scene) -> None:
    watch = Watch()
    frames = scene.frames[:1].expand(3, -1, -1, -1)
    first = watch.see(frames, None)
    hidden = watch.see(frames, (torch.zeros(2, 72, 128), torch.zeros(1, 72, 128)))
    for moment in (first, hidden):
        assert moment.jump.isnan().all()
        assert moment.error.isnan().all()
        assert moment.structure.isnan().all()


def test_frames_that_nobody_looked_at_are_unknown(scene: Scene) -> None:
    timeline, watch = Timeline(), Watch()
    timeline.skip(2)
    timeline.add(watch.see(scene.frames[:3], None))
    moments = timeline.moments()
    assert len(timeline) == 3
    assert moments.colour[:2].isnan().all()
    assert torch.allclose(moments.colour[2].view(3, 3), scene.frames[:3].mean(dim=(2, 3)))


def test_a_look_s_answer_to_the_source_s_colours_is_learnt() -> None:
    learnt = LookOfColours()
    for frame in torch.rand(FRAMES, 3, 27, 48, generator=torch.Generator().manual_seed(0)):
        learnt.add(look(frame), frame)
    change = torch.tensor([0.1, 0.0, -0.05]) @ learnt.gains()
    assert change.tolist() == pytest.approx([-0.025, 0.0, 0.05], abs=4e-3)
    assert not math.isnan(float(LookOfColours().gains().sum()))  # nothing learnt yet: no change
