"""Chunks take the shot's colour, exactly where they can, and keep it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from consistency.colour import ColourAnchor, fit_colour
from samples.scenes import draw_scene

GAIN, OFFSET = torch.tensor([1.1, 0.9, 1.05]), torch.tensor([-0.05, 0.04, 0.02])


@pytest.fixture(scope="module")
def clip() -> Tensor:
    """Frames with room for a change of colour, so that nothing is clipped."""
    return draw_scene(3, 8, 54, 96).frames * 0.6 + 0.2


def tinted(frames: Tensor, share: float = 1.0) -> Tensor:
    gain = 1 + share * (GAIN - 1)
    return frames * gain.view(3, 1, 1) + share * OFFSET.view(3, 1, 1)


def test_a_gain_and_an_offset_are_found_exactly(clip: Tensor) -> None:
    found = fit_colour(clip, tinted(clip))
    assert torch.allclose(found.gain, GAIN, atol=2e-3)
    assert torch.allclose(found(clip), tinted(clip), atol=1e-3)


def test_frames_that_are_alike_are_left_alone(clip: Tensor) -> None:
    assert torch.allclose(fit_colour(clip, clip)(clip), clip, atol=1e-5)


def test_an_object_that_one_version_lacks_does_not_pull(clip: Tensor) -> None:
    reference = tinted(clip)
    reference[:, :, 10:30, 20:50] = torch.tensor([0.9, 0.1, 0.1]).view(3, 1, 1)
    miss = (fit_colour(clip, reference)(clip) - tinted(clip)).abs().mean()
    plain = (tinted(clip).mean(dim=(0, 2, 3)) - reference.mean(dim=(0, 2, 3))).abs().mean()
    assert miss < 0.2 * plain


def test_other_texture_on_both_sides_does_not_shrink_the_contrast(clip: Tensor) -> None:
    generator = torch.Generator().manual_seed(0)
    noisy, other = (x + 0.04 * torch.randn(x.shape, generator=generator) for x in (clip, tinted(clip)))
    assert torch.allclose(fit_colour(noisy, other).gain, GAIN, atol=0.02)


def test_clipped_pixels_do_not_count(clip: Tensor) -> None:
    bright = (clip * 2.2 - 0.6).clamp(0, 1)
    assert ((bright == 0) | (bright == 1)).float().mean() > 0.05
    found = fit_colour(bright, tinted(bright).clamp(0, 1))
    assert torch.allclose(found.gain, GAIN, atol=0.03)


def test_weights_say_what_counts(clip: Tensor) -> None:
    reference = tinted(clip)
    reference[..., :60] = 1 - clip[..., :60]
    weight = torch.zeros(8, 1, 54, 96)
    weight[..., 62:] = 1
    assert torch.allclose(fit_colour(clip, reference, weight).gain, GAIN, atol=0.02)


def test_a_flat_picture_is_shifted_and_not_stretched() -> None:
    flat = torch.full((1, 3, 20, 20), 0.5)
    found = fit_colour(flat, flat + 0.1)
    assert torch.allclose(found.gain, torch.ones(3), atol=1e-4)
    assert torch.allclose(found(flat), flat + 0.1, atol=1e-4)


def test_a_chunk_takes_the_colour_of_its_overlap_throughout(clip: Tensor) -> None:
    anchor = ColourAnchor(clip[:5], source=None)
    matched = anchor.match(tinted(clip[3:]), clip[3:5], source=None)
    assert (matched - clip[3:]).abs().max() < 3e-3


def drifts(hold: float) -> tuple[float, Tensor]:
    """Twenty chunks whose overlaps are each misjudged by a level and a half, always to the same side."""
    scene = draw_scene(4, 24, 36, 64).frames * 0.5 + 0.2
    light = torch.linspace(0, 0.15, 24).view(-1, 1, 1, 1)  # the source brightens: that must survive
    source = scene + light
    look = tinted(source)
    anchor = ColourAnchor(look[:5], source[:5], hold=hold)
    held, made = look[4:5], [look[:4]]
    for start in range(4, 23):
        chunk = look[start : start + 2]
        matched = anchor.match(chunk, held + 1.5 / 255, source[start : start + 2])
        made.append(matched[:1])
        held = matched[1:]
    made.append(held)
    off = (torch.cat(made) - look).mean(dim=(1, 2, 3))
    levels = torch.cat(made).mean(dim=(1, 2, 3)), look.mean(dim=(1, 2, 3))
    return 255 * float(off.abs().max()), torch.corrcoef(torch.stack(levels))[0, 1]


def test_errors_of_many_seams_do_not_add_up_and_true_light_survives() -> None:
    walk, _ = drifts(hold=0.0)
    held, likeness = drifts(hold=0.3)
    assert walk > 20
    assert held < 7
    assert likeness > 0.99
