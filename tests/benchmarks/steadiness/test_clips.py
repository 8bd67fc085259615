"""The right answer is right: it moves with the scene and with nothing else."""

from __future__ import annotations

import pytest
import torch

from benchmarks.steadiness.clips import Drawing, cached, draw, draw_clip, eight_bit, kind_of
from benchmarks.steadiness.measures import blurred, change, detail, masked_mean
from samples.kinds import Kind

PAN, PARALLAX, STILL, LIGHT = 0, 3, 8, 9


def error(frames: torch.Tensor, drawing: Drawing, flow: torch.Tensor | None = None) -> float:
    flow = drawing.clip.motion.to_previous if flow is None else flow
    return 1000 * float(masked_mean(change(frames, flow).square(), drawing.clip.counts[1:]).mean())


@pytest.mark.parametrize("seed", [PAN, PARALLAX, STILL, LIGHT])
def test_the_clean_target_follows_the_true_flow(drawn, seed: int) -> None:
    drawing = drawn(seed)
    assert error(drawing.clean, drawing) < 0.05
    assert error(drawing.clip.source, drawing) < 0.05
    for other in drawing.fresh[:2]:
        assert error(eight_bit(drawing.reseeded(0.9, other)), drawing) < 0.05


@pytest.mark.parametrize("seed", [PAN, PARALLAX])
def test_a_flipped_flow_is_caught(drawn, seed: int) -> None:
    drawing = drawn(seed)
    for wrong in (-drawing.clip.motion.to_previous, drawing.clip.motion.to_previous.flip(1)):
        assert error(drawing.clean, drawing, wrong) > 20 * error(drawing.clean, drawing)


def test_noise_raises_the_error_by_twice_its_variance_less_what_interpolation_smooths(drawn) -> None:
    noise = 0.02 * torch.randn(drawn(PAN).clean.shape, generator=torch.Generator().manual_seed(0))
    raised = {seed: error(drawn(seed).clean + noise, drawn(seed)) - error(drawn(seed).clean, drawn(seed))
              for seed in (STILL, PAN)}  # fmt: skip
    assert raised[STILL] == pytest.approx(2 * 0.4, rel=0.03)  # nothing is interpolated where nothing moves
    assert 0.4 < raised[PAN] < 0.83


def test_other_fine_texture_is_as_strong_and_changes_nothing_coarse(drawn) -> None:
    drawing = drawn(PARALLAX)
    other = drawing.reseeded(0.9, drawing.fresh[0])
    energy = [detail(frames).square().sum() for frames in (other, drawing.base)]
    assert 0.85 < energy[0] / energy[1] < 1.15
    shared = (detail(other) * detail(drawing.base)).sum() / energy[1]
    assert shared < 0.8
    assert (blurred(other, 6) - blurred(drawing.base, 6)).abs().mean() < 0.01
    alike = torch.corrcoef(torch.stack([part.flatten() for part in drawing.fresh]))
    assert alike.fill_diagonal_(0).abs().max() < 0.2


def test_restless_texture_is_another_one_in_every_frame(drawn) -> None:
    still = drawn(STILL)
    between = torch.corrcoef(still.restless.flatten(1))
    assert between.fill_diagonal_(0).abs().max() < 0.3
    assert torch.corrcoef(still.fresh[0].flatten(1)).min() > 0.99


def test_a_seed_is_one_clip_of_its_kind_in_eight_bits() -> None:
    one, other = draw_clip(1, 2, 48, 64), draw_clip(1, 2, 48, 64)
    assert torch.equal(one.source, other.source)
    assert one.name == "zoom-1"
    assert kind_of(13) is kind_of(1) is Kind.ZOOM
    levels = one.source * 255
    assert torch.allclose(levels, levels.round(), atol=1e-4)


def test_what_is_read_from_the_cache_is_what_was_drawn(tmp_path) -> None:
    fresh = draw(2, 2, 48, 64)
    for _ in range(2):
        read = cached(2, 2, 48, 64, tmp_path)
        assert torch.equal(read.clip.source, fresh.clip.source)
        assert torch.equal(read.clip.motion.to_next, fresh.clip.motion.to_next)
        assert torch.allclose(read.base, fresh.base, atol=5e-4)
    assert len(list(tmp_path.iterdir())) == 1


def test_light_that_changes_survives_in_the_clean_target(drawn) -> None:
    lit, brightness = drawn(LIGHT), drawn(LIGHT).clean.mean(dim=(1, 2, 3))
    assert brightness[-1] < 0.97 * brightness[0]
    assert torch.corrcoef(torch.stack([brightness, lit.clip.source.mean(dim=(1, 2, 3))]))[0, 1] > 0.9
