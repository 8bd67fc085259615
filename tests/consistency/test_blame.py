"""Seams that can be seen are named, and none else."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from consistency.blame import SeamFinding, colour_steps, judge_seams
from consistency.metrics import Seam

LENGTH = 80
SEAMS = [Seam(24, 8), Seam(48, 8)]
GREY = torch.full((LENGTH, 3), 0.5)


def noise(seed: int, spread: float) -> Tensor:
    return spread * torch.randn(LENGTH, generator=torch.Generator().manual_seed(seed)).clamp(-2.5, 2.5)


def judged(
    jumps: Tensor,
    source: Tensor | None = None,
    made: Tensor = GREY,
    given: Tensor = GREY,
    gain: float = 1.0,
) -> list[SeamFinding]:
    source = torch.ones(LENGTH) if source is None else source
    jumps[0] = source[0] = torch.nan
    return judge_seams(jumps, source, (made, given), gain * torch.eye(3), SEAMS)


def named(findings: list[SeamFinding]) -> list[int]:
    return [finding.frame for finding in findings if finding.named]


@pytest.mark.parametrize("seed", range(20))
def test_where_there_is_no_seam_none_is_named(seed: int) -> None:
    assert named(judged(3 + noise(seed, 0.3))) == []


@pytest.mark.parametrize("seed", range(5))
def test_a_jump_is_named_at_its_frame(seed: int) -> None:
    jumps = 3 + noise(seed, 0.1)
    jumps[24] += 2
    jumps[51] += 2
    findings = judged(jumps)
    assert named(findings) == [24, 51]
    assert findings[0].ratio == pytest.approx(5 / 3, rel=0.1)


def test_a_clip_that_flickers_as_much_everywhere_has_no_seams() -> None:
    jumps = 3 + noise(0, 0.1)
    jumps[::5] += 2
    jumps[24] = 5
    assert named(judged(jumps)) == []


def test_a_change_too_small_to_see_is_not_named_in_a_still_clip() -> None:
    jumps = torch.full((LENGTH,), 0.05)
    jumps[24] = 0.4
    assert named(judged(jumps)) == []


def test_a_flash_of_the_source_at_the_seam_is_not_blamed() -> None:
    jumps, source = 3 + noise(0, 0.1), 1 + noise(1, 0.05)
    jumps[24] += 20
    assert named(judged(jumps.clone(), source.clone())) == [24]
    source[24] += 20
    assert named(judged(jumps, source)) == []


def test_a_small_flash_does_not_hide_a_large_jump() -> None:
    jumps, source = 3 + noise(0, 0.1), 1 + noise(1, 0.05)
    jumps[24] += 20
    source[24] += 5
    assert named(judged(jumps, source)) == [24]


def test_a_seam_is_compared_with_the_frames_near_it() -> None:
    length = 400
    jumps, source = torch.ones(length), torch.ones(length)
    jumps[200:] = 9  # a wild half, far from the seam
    jumps[48] = 3
    colours = torch.full((length, 3), 0.5)
    (finding,) = judge_seams(jumps, source, (colours, colours), torch.eye(3), [Seam(48, 8)])
    assert finding.jumps


def test_a_seam_that_fades_in_colour_is_named_by_its_step() -> None:
    made = GREY.clone()
    fade = (torch.arange(LENGTH) - 23).clamp(0, 9) / 9
    made += fade[:, None] * torch.tensor([0.06, 0.0, -0.03])
    findings = judged(3 + noise(0, 0.1), made=made)
    assert [(finding.jumps, finding.steps) for finding in findings] == [(False, True), (False, False)]


def test_a_change_of_the_source_s_colour_is_no_step() -> None:
    given = GREY.clone()
    given[27:] += torch.tensor([0.1, 0.05, 0.0])
    made = 0.2 + 0.5 * given
    assert judged(torch.full((LENGTH,), 3.0), made=made, given=given, gain=0.5)[0].step < 0.1
    assert named(judged(torch.full((LENGTH,), 3.0), made=made, given=given, gain=0.5)) == []


def test_steps_are_placed_where_an_overlap_would_begin() -> None:
    made = GREY.clone()
    made[40:] += 0.1
    steps = colour_steps(made, GREY, torch.eye(3), overlap=4)
    assert steps[:4].isnan().all()
    assert steps[-7:].isnan().all()
    assert int(steps.nan_to_num().argmax()) in range(36, 41)
    assert steps[20] < 1e-3


def test_without_anything_measured_nothing_is_named() -> None:
    findings = judged(torch.full((LENGTH,), torch.nan))
    assert named(findings) == []
    assert all(torch.tensor(finding.jump).isnan() for finding in findings)
