"""A mask inside of a model: which latents are made and when, what VACE is told, and the border in a drawn scene."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import diffusers
import pytest
import torch
from torch import Tensor

from consistency.blend import blend, feathered
from engine.controls import load_drawers
from engine.diffusion import catalog
from engine.diffusion.inpainting import LEAST, shares_made
from engine.diffusion.sampling import hold
from engine.diffusion.stylizer import Chunk, Request
from engine.diffusion.vace import by_latents
from engine.diffusion.wan_vace import WanVace
from engine.settings import load_look
from engine.windows import FrameRule
from samples.scenes import draw_scene
from tests.consistency.test_blend import steps
from tests.engine.diffusion import tiny_wan
from tests.engine.diffusion.conformance import chunk

LIBRARY: Any = diffusers
PICTURES, VIDEO = FrameRule(8), FrameRule(8, stride=4, offset=1)


def test_a_latent_is_made_as_long_as_the_mask_covers_it_and_half_of_the_run_if_it_touches_it() -> None:
    mask = torch.zeros(1, 1, 16, 40)
    mask[..., :14] = 1  # a whole latent and six of eight columns
    mask[..., 3, 36] = 1  # and a point
    assert shares_made(mask, 8, PICTURES)[0, 0].tolist() == [[1, 0.75, 0, 0, LEAST], [1, 0.75, 0, 0, 0]]
    assert shares_made(torch.ones(3, 1, 16, 40), 8, PICTURES).eq(1).all()
    assert not shares_made(torch.full((3, 1, 16, 40), 0.02), 8, PICTURES).any()  # a video's black


@pytest.mark.parametrize(("frame", "latent"), [(0, 0), (1, 1), (4, 1), (5, 2), (8, 2)])
def test_a_latent_of_several_frames_is_made_where_any_of_them_is(frame: int, latent: int) -> None:
    mask = torch.zeros(9, 1, 8, 8)
    mask[frame] = 1
    assert shares_made(mask, 8, VIDEO).flatten().nonzero().flatten().tolist() == [latent]


@pytest.mark.parametrize(("frame", "latent"), [(0, 0), (1, 1), (2, 1), (4, 1), (5, 2), (8, 2)])
def test_vace_is_told_to_make_a_latent_where_any_of_its_frames_is_made(frame: int, latent: int) -> None:
    """The library asks one frame of four."""
    mask = torch.zeros(9, 1, 8, 16)
    mask[frame, :, 3, 5] = 1
    like: Any = SimpleNamespace(factor=8, rule=VIDEO)
    told = by_latents(mask, like)
    assert told.shape == (3, 64, 1, 2)
    assert told.nonzero().tolist() == [[latent, 3 * 8 + 5, 0, 0]]


def test_held_latents_are_the_sources_at_the_next_level_until_their_share_of_the_run_begins() -> None:
    sampler = LIBRARY.DDIMScheduler()
    clean, noise, other = torch.randn(3, 1, 4, 2, 2).unbind(0)
    made = torch.tensor([[1.0, 0.5], [0.25, 0.0]])[None, None]
    levels = [799, 599, 399, 199]
    after = hold(clean, noise, made, sampler, levels)
    free = []
    for step in range(4):
        kept = after(None, step, None, {"latents": other.transpose(0, 1)[None]})["latents"][0].transpose(0, 1)
        level = torch.tensor(levels[step + 1 : step + 2])
        still = sampler.add_noise(clean, noise, level) if len(level) else clean
        ours, theirs = ((kept == known).all(dim=1).flatten() for known in (other, still))
        assert torch.equal(ours, ~theirs)
        free.append(int(ours.sum()))
    assert free == [1, 1, 2, 3]


def test_vace_is_told_of_a_mask_as_the_library_tells_it(tmp_path: Path) -> None:
    """What stays and what is to be made in two videos, the mask beside them by its pixels."""
    model = catalog.load(str(tiny_wan.build(tmp_path)), "cpu")
    assert isinstance(model, WanVace)
    given = chunk(model, 9, (32, 48))
    mask = torch.zeros_like(given.frames[:, :1])
    mask[..., 5:20, 7:33] = 1
    request = Request("ink", strength=0.8, steps=2, controls={"depth": 1.0})
    told: Tensor = model._tell(replace(given, mask=mask), request).context.told
    plain = LIBRARY.WanVACEPipeline(
        model.words.tokenizer, model.words.encoder, model.autoencoder.net, tiny_wan.scheduler(), model.experts.nets[0]
    )
    shown = torch.where(mask > 0, given.controls["depth"], given.frames) * 2 - 1
    video, masks = shown.transpose(0, 1)[None], mask.expand(-1, 3, -1, -1).transpose(0, 1)[None]
    latents = plain.prepare_video_latents(video, masks, [[]], None, torch.device("cpu"))[0].transpose(0, 1)
    torch.testing.assert_close(told[:, : latents.shape[1]], latents, atol=1e-4, rtol=1e-4)
    assert torch.equal(told[:, latents.shape[1] :], plain.prepare_masks(masks, [[]])[0].transpose(0, 1))


@pytest.mark.parametrize(("seed", "look"), [(1, "comic"), (8, "watercolor")])
def test_the_border_is_no_more_of_a_step_than_by_blending_pixels_alone(seed: int, look: str) -> None:
    """The starter's own pictures in a scene with true masks."""
    scene, model = draw_scene(seed, 3, 144, 256), catalog.load("starter", "cpu")
    mask = (scene.layers >= scene.layers.max() - 1).float()
    chosen = load_look(look)
    request = Request(chosen.prompt, chosen.strength, steps=6, controls=chosen.controls)
    maps = {name: draw(scene.frames) for name, draw in load_drawers(set(request.active_controls), {}).items()}
    noise = torch.randn(3, *model.noise_shape(144, 256), generator=torch.Generator().manual_seed(seed))
    given = Chunk(scene.frames, noise, maps)
    own = steps(scene.frames, mask)
    left = []
    for asked in (given, replace(given, mask=mask)):
        result = blend(model.restyle(asked, request).frames, scene.frames, feathered(mask, 6))
        left.append(float((steps(result, mask) - own).abs().mean()))
    assert left[1] < left[0]
