"""Scores say what they claim, and no shortcut pleases all of them."""

from __future__ import annotations

import pytest
import torch
from kornia.metrics import ssim

from benchmarks.steadiness import measures
from benchmarks.steadiness.controls import blur, freeze, source, tmix
from benchmarks.steadiness.gates import failed
from benchmarks.steadiness.injections import inject
from benchmarks.steadiness.scores import Judge
from consistency import metrics

PAN, PARALLAX, SLOW, STILL = 0, 3, 5, 8


def test_half_of_the_flicker_left_is_a_quarter_of_its_energy(drawn) -> None:
    trial = inject(drawn(PAN), PAN, "D1")
    halfway = (trial.flickering + trial.answers[0]) / 2
    score = Judge(trial).score(halfway)
    assert score.left == pytest.approx(0.25, abs=0.01)
    assert score.quality == pytest.approx(0.75, abs=0.01)
    assert score.gained == pytest.approx(6.02, abs=0.2)
    assert failed(score, "D1") == []


def test_flicker_that_is_left_is_no_motion_lost_or_won(drawn) -> None:
    trial = inject(drawn(SLOW), SLOW, "D2", "high")
    for much in (0.0, 0.5, 1.0):
        made = trial.answers[0] + much * (trial.flickering - trial.answers[0])
        assert Judge(trial).score(made).made.motion == pytest.approx(1, abs=0.01)
    assert Judge(trial).score(freeze(trial, trial.clip.motion)).made.motion == 0
    wanted, beside = torch.tensor([3.0, 0, 1]), torch.tensor([0.0, 2, 1])
    assert measures.share_of(0.7 * wanted + 5 * beside, wanted, beside) == pytest.approx(0.7)
    assert measures.share_of(0.7 * wanted, wanted, 2 * wanted) == pytest.approx(0.7)


def test_blur_pays_in_detail_and_freezing_in_motion(drawn) -> None:
    trial = inject(drawn(PARALLAX), PARALLAX, "D5")
    judge, motion = Judge(trial), trial.clip.motion
    soft, still = judge.score(blur(trial, motion)), judge.score(freeze(trial, motion))
    assert soft.left < 0.6  # the trap: by flicker alone it is an improvement
    assert soft.made.detail < 0.4 < 0.6 < soft.nothing.detail
    assert soft.made.sharpness < 0.3
    assert {"detail", "sharpness"} <= set(failed(soft, "D5"))
    assert abs(still.made.motion) < 1e-3
    assert "motion" in failed(still, "D5")


def test_averaging_in_place_loses_motion(drawn) -> None:
    trial = inject(drawn(PARALLAX), PARALLAX, "D1")
    assert Judge(trial).score(tmix(trial, trial.clip.motion)).made.motion < 0.9


def test_grain_of_its_own_is_foreign_detail(drawn) -> None:
    trial = inject(drawn(PAN), PAN, "D1")
    grain = 0.05 * torch.randn(trial.answers[0].shape[1:], generator=torch.Generator().manual_seed(0))
    score = Judge(trial).score(trial.answers[0] + grain)
    assert score.made.foreign > score.nothing.foreign + 0.05
    assert "foreign" in failed(score, "D1")


def test_any_chunk_s_texture_is_right_if_it_is_kept(drawn) -> None:
    trial = inject(drawn(PARALLAX), PARALLAX, "D4")
    judge = Judge(trial)
    for answer in trial.answers:
        score = judge.score(answer)
        assert score.quality == 1
        assert failed(score, "D4") == []


def test_a_slow_hand_over_from_one_right_texture_to_another_is_next_to_no_flicker(drawn) -> None:
    trial = inject(drawn(PARALLAX), PARALLAX, "D4")
    one, other = drawn(PARALLAX).fresh[:2]
    weight = torch.linspace(0, torch.pi / 2, len(one)).view(-1, 1, 1, 1)
    handed = drawn(PARALLAX).reseeded(0.9, torch.cos(weight) * one + torch.sin(weight) * other)
    score = Judge(trial).score(handed)
    assert score.left < 0.1
    assert failed(score, "D4") == []


def test_an_answer_that_takes_over_between_two_frames_is_flicker_only_there(drawn) -> None:
    trial = inject(drawn(PARALLAX), PARALLAX, "D4")
    one, other = trial.answers
    excess = Judge(trial).excess(measures.change(torch.cat([one[:9], other[9:]]), trial.clip.motion.to_previous))
    assert excess[8] > 1e-4
    assert excess[:8].max() == excess[9:].max() == 0


def test_nothing_is_retained_of_motion_where_nothing_moves(drawn) -> None:
    trial = inject(drawn(STILL), STILL, "D1")
    assert Judge(trial).score(trial.answers[0]).made.motion == 1


def test_seams_of_a_hard_cut_are_seen_and_a_fade_hides_the_jump_but_not_the_step(drawn) -> None:
    trial = inject(drawn(PAN), PAN, "D3")
    judge = Judge(trial)
    cut, clean = judge.score(trial.flickering).seams, judge.score(trial.answers[0]).seams
    assert cut is not None
    assert clean is not None
    assert cut.left == pytest.approx(1)
    assert cut.ratio > 2 > 1.5 > clean.ratio
    assert cut.step > 5 > 0.1 > clean.step
    assert clean.left == 0
    assert judge.score(source(trial, trial.clip.motion)).seams is not None
    assert Judge(inject(drawn(PAN), PAN, "D1")).score(trial.flickering).seams is None


def test_drift_shows_far_apart(drawn) -> None:
    trial = inject(drawn(PAN), PAN, "D8", "high")
    farther = Judge(trial).score(trial.flickering, farther=True).farther
    assert farther["nothing"].first > 5 * farther["answer"].first
    assert farther["answer"].first < 0.1
    assert farther["made"] == farther["nothing"]


def test_motion_that_is_seen_is_near_the_true_one_and_freezing_is_far_from_it(drawn) -> None:
    trial = inject(drawn(PARALLAX), PARALLAX, "D1")
    frozen = freeze(trial, trial.clip.motion)
    still, clean = (measures.flow_distance(frames, trial.clip.motion) for frames in (frozen, trial.answers[0]))
    assert clean < 0.5 * still


def test_structure_agrees_with_itself_and_less_with_what_is_shifted(drawn) -> None:
    frames = drawn(PAN).clip.source
    assert measures.edge_agreement(frames, frames) == pytest.approx((1, 1))
    assert measures.blur_likeness(frames, frames) == pytest.approx(1)
    exact, near = measures.edge_agreement(frames.roll(1, dims=3), frames)
    assert exact < 0.8 < near
    assert measures.blur_likeness(1 - frames, frames) < 0.5


def test_formulas_agree_with_those_of_libraries(drawn) -> None:
    frames, other = drawn(PAN).clean[:3], drawn(PAN).clip.source[:3]
    assert torch.allclose(measures.detail(frames), metrics.detail(frames), atol=1e-6)
    expected = float(ssim(measures.luma(frames), measures.luma(other), 11).mean())
    assert measures.likeness(frames, other) == pytest.approx(expected, abs=1e-5)
    assert measures.psnr(frames, frames) == pytest.approx(100)
    assert measures.psnr(frames, frames + 0.1) == pytest.approx(20, abs=1e-3)


def test_flow_followed_over_many_frames_still_leads_home(drawn) -> None:
    clip = drawn(PARALLAX).clip
    assert measures.far_error(clip.source, measures.chains(clip.motion, clip.counts, 8)) < 0.1
    link = measures.chain(clip.motion, clip.counts, 12, 4)
    stranger = measures.Chain(12, 4, torch.zeros_like(link.flow), link.counts)
    assert measures.far_error(clip.source, [stranger]) > 5 * measures.far_error(clip.source, [link])


def test_an_empty_mask_is_no_perfect_score(drawn) -> None:
    with pytest.raises(ValueError, match="nothing to measure"):
        measures.masked_mean(torch.ones(2, 3, 4, 4), torch.zeros(2, 1, 4, 4))
    clip = drawn(PAN).clip
    with pytest.raises(ValueError, match="followed"):
        measures.chains(clip.motion, torch.zeros_like(clip.counts), None)


def test_a_result_of_another_size_is_refused(drawn) -> None:
    trial = inject(drawn(PAN), PAN, "D1")
    with pytest.raises(ValueError, match="does not fit"):
        Judge(trial).score(trial.flickering[:-1])
