"""Each fault is the fault that it is said to be, and no other."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from benchmarks.steadiness.clips import Drawing, eight_bit
from benchmarks.steadiness.injections import CASES, happens, inject, shifted
from benchmarks.steadiness.measures import blurred, detail
from benchmarks.steadiness.trial import Clip, Motion, Trial
from samples.kinds import Kind

FRAMES, HEIGHT, WIDTH = 48, 32, 48
LEVEL = 1 / 255


def noise(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def drawing() -> Drawing:
    """A still picture of soft spots, the same in every frame: what changes is the fault."""
    picture = blurred(noise(1, 1, 3, HEIGHT, WIDTH), 1.5)
    base = (0.5 + 0.1 * picture / picture.std()).clamp(0.1, 0.9).expand(FRAMES, 3, HEIGHT, WIDTH).contiguous()
    fine = detail(base)
    fresh = 0.05 * noise(2, 6, 1, 1, HEIGHT, WIDTH).expand(6, FRAMES, 1, HEIGHT, WIDTH)
    flow = torch.zeros(FRAMES, 2, HEIGHT, WIDTH)
    clip = Clip("toy", eight_bit(base), Motion(flow, flow), torch.ones(FRAMES, 1, HEIGHT, WIDTH))
    return Drawing(clip, base, fine, fresh, 0.05 * noise(3, FRAMES, 1, HEIGHT, WIDTH))


def off(trial: Trial, drawing: Drawing) -> Tensor:
    """What a case adds to the clean clip."""
    return trial.flickering - drawing.clean


@pytest.mark.parametrize("case", CASES)
def test_cases_are_the_same_every_time_and_hold_eight_bits(drawing: Drawing, case: str) -> None:
    one, other = inject(drawing, 0, case), inject(drawing, 0, case)
    assert all(torch.equal(a.frames, b.frames) for a, b in zip(one.parts, other.parts, strict=True))
    assert not torch.equal(one.flickering, inject(drawing, 1, case).flickering) or case in ("D4", "D5", "D8")
    for frames in (one.flickering, *one.answers):
        assert frames.shape == drawing.base.shape
        assert 0 <= frames.min() <= frames.max() <= 1
        assert torch.allclose(frames * 255, (frames * 255).round(), atol=1e-4)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("overlap", "chunks"), [(0, 3), (4, 4), (8, 5)])
def test_versions_of_an_overlap_differ_where_chunks_are_at_fault_and_only_there(
    drawing: Drawing, case: str, overlap: int, chunks: int
) -> None:
    trial = inject(drawing, 0, case, overlap=overlap)
    assert len(trial.parts) == chunks
    assert all(len(part.frames) <= 16 for part in trial.parts)
    for left, right in pairwise(trial.parts):
        shared = left.start + len(left.frames) - right.start
        assert shared >= overlap
        if shared:
            equal = torch.equal(left.frames[-shared:], right.frames[:shared])
            assert equal == (case in ("D1", "D2", "D5", "D6", "D7"))


@pytest.mark.parametrize("case", CASES)
def test_severity_scales_the_fault(drawing: Drawing, case: str) -> None:
    sizes = [float(off(inject(drawing, 0, case, severity), drawing).square().mean()) ** 0.5
             for severity in ("low", "mid", "high")]  # fmt: skip
    assert sizes[0] < 0.75 * sizes[1]
    assert sizes[1] < sizes[2] < 1.8 * sizes[1]


def test_d1_is_one_gain_and_three_offsets_a_frame(drawing: Drawing) -> None:
    added = off(inject(drawing, 0, "D1"), drawing)
    clean = drawing.clean - drawing.clean.mean(dim=(2, 3), keepdim=True)
    gain = (added * clean).sum(dim=(1, 2, 3)) / clean.square().sum(dim=(1, 2, 3))
    assert 0.04 < gain.std() < 0.08
    rest = added - gain.view(-1, 1, 1, 1) * drawing.clean
    offset = rest.mean(dim=(2, 3), keepdim=True)
    assert 0.02 < offset.std() < 0.04
    assert (rest - offset).abs().max() < 1.5 * LEVEL


def test_d2_is_a_smooth_field_another_one_each_frame(drawing: Drawing) -> None:
    added = off(inject(drawing, 0, "D2"), drawing)
    assert 0.03 < added.std() < 0.06
    assert added[..., 0, 0].std() == pytest.approx(0.05, rel=0.25)  # bicubic keeps corners as they were drawn
    assert detail(added).std() < 0.15 * added.std()
    assert torch.corrcoef(added.flatten(1)).fill_diagonal_(0).abs().max() < 0.6


def test_d3_is_one_affine_colour_a_chunk(drawing: Drawing) -> None:
    clean = drawing.clean[0]
    for part in inject(drawing, 0, "D3").parts:
        assert (part.frames - part.frames[0]).abs().max() == 0
        for channel in range(3):
            x, y = clean[channel].flatten(), part.frames[0, channel].flatten()
            inside = (y > 0) & (y < 1)
            a, b = x[inside] - x[inside].mean(), y[inside] - y[inside].mean()
            assert (b - (a * b).sum() / a.square().sum() * a).abs().max() < 1.5 * LEVEL


def test_d4_gives_each_chunk_a_texture_that_is_one_of_the_answers(drawing: Drawing) -> None:
    trial = inject(drawing, 0, "D4")
    assert len(trial.answers) == len(trial.parts) == 4
    for part, answer in zip(trial.parts, trial.answers, strict=True):
        assert torch.equal(part.frames, answer[part.start : part.start + len(part.frames)])
    assert not torch.allclose(trial.answers[0], trial.answers[1], atol=0.02)


def test_d5_changes_texture_every_frame_and_the_clean_one_is_right(drawing: Drawing) -> None:
    trial = inject(drawing, 0, "D5")
    assert torch.equal(trial.answers[0], drawing.clean)
    expected = drawing.base - 0.2 * drawing.fine + 0.6 * drawing.restless  # 1 - 0.2 is the root of 1 - 0.36
    assert torch.allclose(trial.flickering, expected, atol=0.51 * LEVEL)


def test_d6_moves_the_picture_and_keeps_its_detail(drawing: Drawing) -> None:
    made = inject(drawing, 0, "D6").flickering
    energy = detail(made).square().mean() / detail(drawing.clean).square().mean()
    assert energy == pytest.approx(1, abs=0.05)
    frame = drawing.clean[0]
    assert torch.allclose(shifted(frame, torch.tensor([2.0, 1.0]))[:, 5:-5, 5:-5], frame[:, 4:-6, 3:-7], atol=1e-4)


def test_d7_sticks_to_the_screen(drawing: Drawing) -> None:
    added = off(inject(drawing, 0, "D7"), drawing)
    assert added.std() == pytest.approx(0.04, rel=0.1)
    assert (added - added[0]).abs().max() < 1.5 * LEVEL
    assert not happens(Kind.STILL, "D7")
    assert happens(Kind.PAN, "D7")


def test_d8_goes_further_off_from_chunk_to_chunk(drawing: Drawing) -> None:
    trial = inject(drawing, 0, "D8")
    ratio = trial.flickering.mean(dim=(1, 2, 3)) / drawing.clean.mean(dim=(1, 2, 3)) - 1
    assert (ratio.abs().diff() > -0.3 * LEVEL).all()
    assert ratio[-1].abs() == pytest.approx(0.12, abs=0.01)
    steps = ratio.diff().abs()
    assert {int(frame) + 1 for frame in steps.topk(3).indices} == {seam.start for seam in trial.seams}


def test_d9_is_d2_d3_and_d4_at_once(drawing: Drawing) -> None:
    trial = inject(drawing, 0, "D9")
    assert len(trial.answers) == 4
    sizes = {case: float((inject(drawing, 0, case).flickering - drawing.clean).square().mean())
             for case in ("D2", "D3", "D4", "D9")}  # fmt: skip
    assert sizes["D9"] > 0.7 * (sizes["D2"] + sizes["D3"] + sizes["D4"])


def test_more_chunks_than_textures_are_refused(drawing: Drawing) -> None:
    with pytest.raises(ValueError, match="chunks"):
        inject(drawing, 0, "D4", overlap=12)
