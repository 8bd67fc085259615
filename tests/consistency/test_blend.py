"""Along a mask: the outside untouched, the light agrees at the border, and nothing overshoots."""

from functools import lru_cache

import pytest
import torch
from torch import Tensor

from consistency.blend import blend, feathered, grown, wrap
from consistency.blur import blur
from samples.scenes import draw_scene

kept_scene = lru_cache(maxsize=6)(draw_scene)
"""Drawn once for the tests that look at it in turn."""


def disc(radius: float) -> Tensor:
    y, x = torch.meshgrid(torch.arange(72.0), torch.arange(128.0), indexing="ij")
    return (torch.hypot(x - 64, y - 36) < radius).float()[None, None]


def test_growing_and_shrinking_move_the_border_by_so_many_pixels():
    assert grown(disc(20), 5).sum(dim=-1).max() == disc(20).sum(dim=-1).max() + 10
    assert grown(disc(20), -5).sum(dim=-1).max() == disc(20).sum(dim=-1).max() - 10
    assert torch.equal(grown(disc(20), 0), disc(20))


@pytest.mark.parametrize("pixels", [1, 6, 20])
def test_a_feather_lies_inside_and_ends_whole(pixels):
    soft = feathered(disc(30), pixels)
    assert torch.equal(soft > 0, (soft > 0) & (disc(30) > 0))
    assert float(soft[disc(30 - 2 * pixels) > 0].min() if pixels < 15 else 1) > 0.99
    assert torch.equal(feathered(disc(30), 0), disc(30))


def test_outside_of_the_mask_every_bit_is_kept():
    scene = draw_scene(3, 2, 72, 128)
    mask = feathered(disc(20).expand(2, -1, -1, -1), 6)
    blended = blend(1 - scene.frames, scene.frames, mask)
    outside = (mask == 0).expand_as(blended)
    assert torch.equal(blended[outside], scene.frames[outside])
    assert not torch.equal(blended, scene.frames)


def steps(picture: Tensor, mask: Tensor) -> Tensor:
    """This gives the steps from one pixel to its neighbour across the mask's border, both ways, `[N, 3]`."""
    across, down = mask.diff(dim=-1)[:, 0] != 0, mask.diff(dim=-2)[:, 0] != 0
    return torch.cat([picture.diff(dim=axis).movedim(1, -1)[where] for axis, where in ((-1, across), (-2, down))])


def tinted(frames: Tensor) -> Tensor:
    """A look that changes light and colour."""
    return (frames * torch.tensor([0.9, 0.7, 0.6]).view(1, 3, 1, 1) + 0.02).clamp(0, 1)


def inked(frames: Tensor) -> Tensor:
    """A look that keeps no colour: dark on paper."""
    ink, paper = (torch.tensor(colour).view(1, 3, 1, 1) for colour in ((0.13, 0.13, 0.14), (0.96, 0.96, 0.8)))
    return torch.lerp(ink, paper, (1.6 * frames.mean(dim=1, keepdim=True) - 0.2).clamp(0, 1))


@pytest.mark.parametrize("look", [tinted, inked])
@pytest.mark.parametrize("seed", range(1, 11))
def test_at_the_border_of_a_thing_there_is_no_halo(seed, look):
    """A look leaves a step at a hard border, which the source does not have."""
    scene = kept_scene(seed, 3, 144, 256)
    styled, thing = look(scene.frames), (scene.layers >= scene.layers.max() - 1).float()
    own = steps(scene.frames, thing)
    for mask, most in ((thing, 0.06), (1 - thing, 0.1)):
        hard = torch.where(mask == 0, scene.frames, styled)
        soft = blend(styled, scene.frames, feathered(mask, 6))
        assert (steps(soft, mask) - own).abs().mean() < most * (steps(hard, mask) - own).abs().mean()
        low, high = torch.minimum(styled, scene.frames), torch.maximum(styled, scene.frames)
        assert float(torch.maximum(low - soft, soft - high).max()) < 1e-6


def test_far_from_the_border_the_look_is_as_it_was_made():
    scene = draw_scene(3, 1, 144, 256)
    mask = torch.zeros(1, 1, 144, 256)
    mask[..., :200] = 1
    blended = blend(1 - scene.frames, scene.frames, feathered(mask, 6))
    assert torch.allclose(blended[..., :150], (1 - scene.frames)[..., :150], atol=1e-5)


def test_before_a_background_every_bit_outside_is_the_backgrounds():
    scene, behind = draw_scene(3, 2, 72, 128), draw_scene(8, 2, 72, 128).frames
    mask = feathered(disc(20).expand(2, -1, -1, -1), 6)
    made, outside = wrap(scene.frames, behind, mask), (mask == 0).expand_as(behind)
    assert torch.equal(made[outside], behind[outside])
    assert not torch.equal(made, behind)


@pytest.mark.parametrize("seed", [1, 3, 8])
@pytest.mark.parametrize("light", [0.2, 1.0])
def test_before_a_background_a_thing_has_no_halo(seed, light):
    """Whatever stood behind the thing before, nothing near the border is brighter or darker than the two."""
    scene, behind = kept_scene(seed, 2, 144, 256), light * kept_scene(seed + 20, 2, 144, 256).frames
    mask = (scene.layers >= scene.layers.max() - 1).float()
    hard = torch.where(mask == 0, behind, scene.frames)
    soft = wrap(scene.frames, behind, feathered(mask, 6))
    around = torch.stack([scene.frames, behind, blur(behind, 6.4)])
    beyond = torch.maximum(around.amin(dim=0) - soft, soft - around.amax(dim=0)).clamp(min=0)
    assert float(beyond.max()) < 0.03
    assert float(beyond.mean()) < 0.0002
    assert steps(soft, mask).abs().mean() < 0.3 * steps(hard, mask).abs().mean()
    assert torch.equal(
        wrap(scene.frames, behind, mask), wrap(scene.frames.where(mask > 0, 1 - scene.frames), behind, mask)
    )


def test_far_inside_a_thing_is_as_it_was_made():
    scene, behind = draw_scene(3, 1, 144, 256).frames, draw_scene(8, 1, 144, 256).frames
    mask = torch.zeros(1, 1, 144, 256)
    mask[..., :200] = 1
    assert torch.allclose(wrap(scene, behind, feathered(mask, 6))[..., :150], scene[..., :150], atol=1e-5)
