"""Frames that are gone over: surfaces are flat, contours black, strokes along the forms, borders steady."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from consistency.drawing import blur, flatten
from consistency.finish import Finish, along_forms, bent, brushed, calmed, glowing, layered, printed

SIDE = 96
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE].astype(np.float32)


def noisy(plain: np.ndarray, much: float = 0.04) -> np.ndarray:
    grain = np.random.default_rng(0).normal(0, much, plain.shape)
    return np.clip(plain + grain, 0, 1).astype(np.float32)


def grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[..., None], 3, axis=2).astype(np.float32)


def random_frames(count: int = 3) -> Tensor:
    return torch.rand(count, 3, 40, 56, generator=torch.Generator().manual_seed(0))


def over(finish: Finish, picture: np.ndarray) -> Tensor:
    """The red of a picture that is gone over, as if the source were the same."""
    frames = torch.from_numpy(picture).permute(2, 0, 1)[None]
    return finish(frames, frames)[0, 0]


@pytest.mark.parametrize(
    "finish",
    [
        Finish(calm=1.0),
        Finish(forms=1.0),
        Finish(strokes=9),
        Finish(tones=5, lines=0.5),
        Finish(sheets=6),
        Finish(lines=1.0),
        Finish(flat=2),
        Finish(rich=0.5),
        Finish(tubes=1.0),
        Finish(glow=1.0),
    ],
)
def test_each_frame_is_gone_over_by_itself_and_stays_in_range(finish: Finish) -> None:
    frames = random_frames()
    source = torch.linspace(0.02, 1, 56) * frames.flip(0)  # nearly nothing is to be seen on the left
    done = finish(frames, source)
    assert done.shape == frames.shape
    assert done.min() >= 0
    assert done.max() <= 1
    assert not torch.equal(done, frames)
    assert torch.equal(
        torch.cat([finish(*(one[None] for one in pair)) for pair in zip(frames, source, strict=True)]), done
    )


def test_no_finish_is_none() -> None:
    frames = random_frames()
    assert torch.equal(Finish()(frames, frames), frames)


def test_a_print_has_few_tones() -> None:
    ramp = noisy(grey(COLUMNS / SIDE), 0.02)
    done = printed(flatten(ramp, 2, 0.1, 4), 5)[:, 2:-2].mean(axis=2)
    on_a_tone = np.abs(done * 5 - np.round(done * 5)) < 0.1
    assert on_a_tone.mean() > 0.6
    assert (np.abs(ramp * 5 - np.round(ramp * 5)) < 0.1).mean() < 0.3
    assert len({round(float(tone) * 5) for tone in done[on_a_tone]}) == 6  # black and white among them


def test_a_print_crackles_no_more_than_what_it_is_made_of() -> None:
    """Two frames that differ by a flicker of light: a border between tones moves a little, and no surface jumps."""
    ramp = grey(0.1 + 0.8 * COLUMNS / SIDE)
    change = np.abs(printed(ramp, 5) - printed(np.clip(ramp * 1.01, 0, 1).astype(np.float32), 5))
    given = np.abs(ramp - np.clip(ramp * 1.01, 0, 1))
    assert change.mean() < 1.5 * given.mean()
    assert change.max() < 6 * given.max()


def test_lines_are_drawn_at_contours_alone() -> None:
    step = grey(np.where(COLUMNS < SIDE // 2, 0.3, 0.7))
    done = over(Finish(lines=1.0), step)
    border = SIDE // 2
    assert done[:, border - 2 : border].min() < 0.05
    assert torch.equal(done[:, : border - 8], torch.full_like(done[:, : border - 8], 0.3))
    assert torch.equal(done[:, border + 8 :], torch.full_like(done[:, border + 8 :], 0.7))


@pytest.mark.parametrize(("usual", "sign"), [(Finish(lines=1.0), -1), (Finish(tubes=0.3), 1)], ids=["lines", "tubes"])
def test_thick_ones_are_wider_and_as_black_or_bright(usual: Finish, sign: int) -> None:
    step = grey(np.where(COLUMNS < SIDE // 2, 0.3, 0.7))
    plain = torch.from_numpy(step[..., 0])
    thin, middle, wide = (sign * (over(replace(usual, thick=by), step) - plain) for by in (0.5, 1.0, 3.0))
    assert wide.sum() > 2 * middle.sum() > 2.5 * thin.sum()
    assert wide.max() == pytest.approx(float(middle.max()), abs=0.03)


def test_lines_are_those_of_the_source_where_the_picture_has_lost_them() -> None:
    step = torch.from_numpy(grey(np.where(COLUMNS < SIDE // 2, 0.3, 0.7))).permute(2, 0, 1)[None]
    (done,) = Finish(lines=0.5)(torch.full_like(step, 0.8), step)
    border = SIDE // 2
    assert done[0, :, border - 3 : border].amin(dim=1).max() < 0.45
    assert torch.equal(done[..., border + 8 :], torch.full_like(done[..., border + 8 :], 0.8))


def test_what_runs_over_a_form_ends_where_the_form_does() -> None:
    """Paint ends a pixel beside the border and softly so, and is mottled; its two tones stay as they were."""
    border = SIDE // 2
    source = grey(np.where(border > COLUMNS, 0.7, 0.4))
    meant = grey(np.where(border > COLUMNS, 0.2, 0.9))
    painted = noisy(blur(grey(np.where(border - 1 > COLUMNS, 0.2, 0.9)), 2.0), 0.05)
    frames, forms = (torch.from_numpy(one).permute(2, 0, 1)[None] for one in (painted, source))
    done = Finish(forms=1.0)(frames, forms)[0].permute(1, 2, 0).numpy()
    near = slice(border - 6, border + 6)
    assert np.abs(done - meant)[:, near].mean() < 0.65 * np.abs(painted - meant)[:, near].mean()
    assert done[:, border].mean() - done[:, border - 1].mean() > 0.45
    assert done[:, :20].std() < 0.25 * painted[:, :20].std()
    assert done[:, -20:].mean() == pytest.approx(0.9, abs=0.01)
    half = Finish(forms=0.5)(frames, forms)[0].permute(1, 2, 0).numpy()
    assert np.allclose(half, (painted + done) / 2, atol=1e-5)


def test_tubes_are_bent_along_contours_in_the_colours_that_are_there() -> None:
    border = SIDE // 2
    forms = grey(np.where(border > COLUMNS, 0.3, 0.7))
    violet = np.broadcast_to(np.array([0.2, 0.05, 0.4], np.float32), forms.shape).copy()
    lamps = bent(violet, forms)
    shining = lamps[:, border - 2 : border].max(axis=1)
    assert np.allclose(shining / shining[:, 2:], [0.5, 0.125, 1], atol=0.01)
    assert shining[:, 2].min() > 0.9
    assert lamps[:, border : border + 2, 2].max() == pytest.approx(lamps[:, :border, 2].max() / 2, abs=0.02)
    assert np.array_equal(lamps[:, : border - 8], np.zeros_like(lamps[:, : border - 8]))


def test_strokes_lie_along_the_forms() -> None:
    """Of grain on slanting stripes, what varies along them goes; they themselves stay as strong as they were."""
    across = (COLUMNS + ROWS) / np.sqrt(2)
    stripes = grey(0.5 + 0.25 * np.sin(across * 2 * np.pi / 16))
    done = brushed(noisy(stripes, 0.05), 9)[8:-8, 8:-8, 0]
    given = noisy(stripes, 0.05)[8:-8, 8:-8, 0]

    def along(picture: np.ndarray) -> float:
        return float(np.std(picture[2:, :-2] - picture[:-2, 2:]))

    assert along(done) < 0.4 * along(given)
    assert done.std() > 0.95 * stripes[8:-8, 8:-8, 0].std()


def test_sheets_of_paper_lie_one_upon_the_other() -> None:
    """The lighter one is on top: its shadow falls beyond its right and lower border, its upper and left rim is lit."""
    inside = (ROWS > 30) & (ROWS < 66) & (COLUMNS > 30) & (COLUMNS < 66)
    done = layered(flatten(noisy(grey(np.where(inside, 0.75, 0.4)), 0.02), 2, 0.1, 4), 6).mean(axis=2)
    ground, sheet = np.median(done[:20]), np.median(done[40:56, 40:56])
    assert sheet > ground + 0.2
    assert np.median(done[66:69, 40:60].min(axis=0)) < 0.8 * ground
    assert np.median(done[40:60, 66:69].min(axis=1)) < 0.8 * ground
    assert np.median(done[40:60, 29:33].max(axis=1)) > sheet + 0.05
    assert done[40:56, 40:56].std() < 0.005
    assert done[:20].std() < 0.005


def test_hatching_goes_where_the_source_is_even_and_stays_where_it_is_not() -> None:
    hatch = grey(0.3 + 0.2 * (np.sin((ROWS + COLUMNS) * (2 * np.pi / 6)) > 0))
    stage = np.where(COLUMNS < SIDE // 2, 0.0, 0.5)  # black and empty on the left, and something on the right
    source = noisy(grey(stage), 0.002) + grey(0.1 * np.sin(ROWS) * (stage > 0))
    done = calmed(hatch, np.clip(source, 0, 1).astype(np.float32), 1.0)
    assert done[:, : SIDE // 2 - 12].std() < 0.1 * hatch.std()
    assert done[:, : SIDE // 2 - 12].mean() == pytest.approx(hatch.mean(), abs=0.01)
    assert np.allclose(done[:, SIDE // 2 :], hatch[:, SIDE // 2 :], atol=1e-3)


def test_what_is_evened_keeps_its_own_brightness_beside_something_else() -> None:
    source = grey(np.where(COLUMNS < SIDE // 2, 0.02, 0.6))
    made = noisy(grey(np.where(COLUMNS < SIDE // 2, 0.2, 0.9)), 0.03)
    done = calmed(made, source, 1.0)
    assert done[:, : SIDE // 2 - 2].mean() == pytest.approx(0.2, abs=0.01)
    assert done[:, SIDE // 2 + 2 :].mean() == pytest.approx(0.9, abs=0.01)
    assert done[:, SIDE // 2].mean() - done[:, SIDE // 2 - 1].mean() > 0.6
    assert np.allclose(calmed(made, source, 0.5), (made + done) / 2, atol=1e-5)


def test_what_is_flat_keeps_its_contours() -> None:
    step = noisy(grey(np.where(COLUMNS < SIDE // 2, 0.3, 0.7)), 0.03)
    done = over(Finish(flat=2), step).numpy()
    border = SIDE // 2
    assert done[:, : border - 2].std() < 0.25 * step[:, : border - 2].std()
    assert done[:, border].mean() - done[:, border - 1].mean() > 0.36


def test_light_shines_about_what_is_bright_alone() -> None:
    tube = grey(np.where(np.abs(COLUMNS - 48) < 3, 0.95, 0.1))
    done = glowing(tube, 1.0)
    shine = done[48, :, 0] - tube[48, :, 0]
    assert shine[52] > 0.05
    assert shine[52] > shine[60] > shine[75] >= 0
    dark = grey(np.full((SIDE, SIDE), 0.55))
    assert np.array_equal(glowing(dark, 1.0), dark)


def test_grain_does_not_lead_the_strokes_astray() -> None:
    """On a slope with grain half as strong as its rise over the width of a stroke."""
    slope = 0.3 + 0.4 * (COLUMNS * np.cos(0.3) + ROWS * np.sin(0.3)) / SIDE
    grain = blur(np.random.default_rng(0).normal(0, 1, slope.shape).astype(np.float32), 1.5)
    angle = along_forms(grey(slope + 0.02 * grain / grain.std()))
    assert np.abs(np.sin(angle - 0.3 - np.pi / 2))[16:-16, 16:-16].mean() < 0.15
