"""Results are brought to their size with the source's contours, and with nothing else of it."""

from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from consistency.structure import edge_f1
from engine import pipeline
from engine.media import TensorReader, scaled
from engine.settings import Settings
from engine.sizes import choose_sizes
from engine.upsampling import upsampled
from preprocessors.edges import Canny
from samples.scenes import draw_scene

SMALL, LARGE = (54, 96), (216, 384)
GENTLE = Settings(look="comic", strength=0.3, controls={}, cuts="none", steady=0)


@pytest.fixture(scope="module")
def source() -> Tensor:
    return draw_scene(5, 2, *LARGE).frames


def off(one: Tensor, other: Tensor) -> float:
    return float((one - other).square().mean().sqrt())


def test_what_has_its_size_comes_back_as_it_is(source):
    assert upsampled(source, source.flip(-1)) is source


@pytest.mark.parametrize("look", [lambda x: 0.1 + 0.8 * x, lambda x: 1 - x, lambda x: x * x])
def test_contours_are_those_of_the_source(source, look):
    """Looks that are a curve of the brightness: what they would be at full size is known."""
    grey = source.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    wanted, small = look(grey), look(scaled(grey, SMALL))
    made, plain = upsampled(small, source), scaled(small, LARGE)
    assert off(made, wanted) < 0.6 * off(plain, wanted)
    edges = Canny(100, 200)
    before, after = (edge_f1(edges(one), edges(wanted)).mean() for one in (plain, made))
    assert after > before + 0.15


def test_what_has_nothing_to_do_with_the_source_is_scaled_up_as_it_is(source):
    flat = torch.full((2, 3, *SMALL), 0.4)
    assert off(upsampled(flat, source), torch.full_like(source, 0.4)) < 1e-4
    noise = torch.rand(2, 3, *SMALL, generator=torch.Generator().manual_seed(1)) * 0.4 + 0.3
    assert off(upsampled(noise, torch.full_like(source, 0.5)), scaled(noise, LARGE)) < 1e-6


def test_a_contour_gets_no_halo():
    """A step a pixel wide, between two areas; no pixel leaves what the two span by more than scaling up alone does."""
    wall = torch.where(torch.arange(384) < 190, 0.2, 0.8).expand(1, 3, 216, 384)
    small = scaled(1 - wall, SMALL)
    made, plain = upsampled(small, wall), scaled(small, LARGE)
    assert made.max() <= plain.max() + 0.005
    assert made.min() >= plain.min() - 0.005
    steps = made[0, 0, 100].diff().abs()
    assert steps.argmax() == 189
    assert steps.max() > 3 * plain[0, 0, 100].diff().abs().max()


def test_seen_from_afar_it_is_what_was_made(source):
    small = 0.2 + 0.6 * scaled(source, SMALL).flip(1)
    assert off(scaled(upsampled(small, source), SMALL), small) < 0.01


def test_frames_do_not_depend_on_each_other(source):
    small = scaled(source, SMALL).flip(1)
    assert torch.equal(upsampled(small, source)[1:], upsampled(small[1:], source[1:]))


@pytest.mark.parametrize("small", [(1, 96), (3, 2), (54, 95)])
def test_any_shape_works(source, small):
    assert upsampled(torch.rand(2, 3, *small), source).shape == source.shape


@pytest.fixture
def small_model(model, monkeypatch) -> int:
    """A model whose side is 48 pixels, so that nothing large has to be drawn."""
    monkeypatch.setattr(pipeline, "choose_sizes", lambda settings, info, side: choose_sizes(settings, info, 48))
    return 48


@pytest.mark.parametrize("size", [(192, 320), (320, 192), (192, 192), (193, 331)])
def test_a_job_gives_large_pictures_their_contours(small_model, size):
    """Landscape, portrait, square and odd."""
    source = draw_scene(5, 3, *size).frames
    sizes = choose_sizes(GENTLE, TensorReader(source, Fraction(24)).info, small_model)
    assert min(sizes.work) == small_model
    made = torch.cat(list(pipeline.restyle_frames(source, GENTLE)))
    assert made.shape == source.shape
    plain = scaled(scaled(made, sizes.work), size)
    with_contours, without = (edge_f1(Canny()(one), Canny()(source)).mean() for one in (made, plain))
    assert 1 - with_contours < 0.6 * (1 - without)


@pytest.mark.parametrize("size", [(720, 1280), (1280, 720), (720, 720), (1080, 1920)])
@pytest.mark.parametrize("side", [256, 288, 512, 720])
def test_the_side_that_is_worked_on_can_be_chosen(size, side):
    info = TensorReader(torch.zeros(1, 1, 1, 1).expand(1, 3, *size), Fraction(24)).info
    sizes = choose_sizes(replace(GENTLE, side=side), info, 288)
    assert sizes.output == size
    assert min(sizes.work) == side
    assert abs(max(sizes.work) - side * max(size) / min(size)) <= 0.5


def test_nothing_is_made_larger_than_the_result_for_a_side():
    info = TensorReader(torch.zeros(1, 3, 200, 300), Fraction(24)).info
    assert choose_sizes(replace(GENTLE, side=512), info, 288).work == (200, 300)
    assert choose_sizes(replace(GENTLE, side=512, width=450, height=300), info, 288).work == (300, 450)


def test_a_job_asked_for_at_another_size_sees_the_source_at_that_size(small_model):
    source = draw_scene(5, 2, 96, 96).frames
    large = torch.cat(list(pipeline.restyle_frames(source, replace(GENTLE, width=192, height=192))))
    own = torch.cat(list(pipeline.restyle_frames(source, GENTLE)))
    assert large.shape[-2:] == (192, 192)
    assert off(scaled(large, (96, 96)), own) < 0.02
