"""A network's scale and shift, other in every frame, are made one for the shot: depth neither breathes nor jumps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from preprocessors.aligned_depth import AlignedDepth
from preprocessors.depth_anything import DepthAnything
from samples.scenes import draw_scene
from tests.preprocessors.tiny_detectors import depth_anything

FRAMES = 48


def scene(seed: int = 4) -> Tensor:
    return draw_scene(seed, 1, 54, 96).frames


def noisy(frames: int = FRAMES) -> Tensor:
    """A static scene with grain, and a glint that is elsewhere in every frame: its brightness stands for depth."""
    chance = torch.Generator().manual_seed(1)
    seen = scene().expand(frames, -1, -1, -1) + 0.03 * torch.randn(frames, 3, 54, 96, generator=chance)
    for frame, (y, x) in zip(seen, torch.randint(0, 48, (frames, 2), generator=chance).tolist(), strict=True):
        frame[:, y : y + 6, x : x + 6] = 1
    return seen.clamp(0, 1)


def unsteady(seed: int) -> Callable[[Tensor], Tensor]:
    """A network that sees brightness, not grain, each picture on a scale of its own, which the grain decides."""

    def guess(frames: Tensor) -> Tensor:
        chance = torch.frac(frames.double().sum(dim=(1, 2, 3)) * (97 + seed)).float().view(-1, 1, 1, 1)
        seen = F.avg_pool2d(frames.mean(dim=1, keepdim=True), 9, 1, 4, count_include_pad=False)
        return 5 + (0.7 + 0.6 * chance) * 10 * seen + 4 * torch.frac(chance * 7)

    return guess


def per_frame(guess: Tensor) -> Tensor:
    low, high = guess.amin(dim=(1, 2, 3), keepdim=True), guess.amax(dim=(1, 2, 3), keepdim=True)
    return (guess - low) / (high - low)


def flicker(maps: Tensor) -> float:
    return float((maps[1:] - maps[:-1]).abs().mean())


def by_window(fitted: AlignedDepth, frames: Tensor, size: int) -> Tensor:
    """Each window with the frames before it that it looks back on."""
    spans = [(max(0, start - fitted.lookbehind), start) for start in range(0, len(frames), size)]
    return torch.cat([fitted(frames[early : start + size], early)[start - early :] for early, start in spans])


def test_a_static_scene_flickers_at_most_half_as_much_as_scaled_frame_by_frame() -> None:
    frames, network = noisy(), unsteady(0)
    aligned = AlignedDepth(network).fit([frames])(frames)
    plain = per_frame(network(frames))
    contrast = [float(maps.mean(dim=0).std()) for maps in (aligned, plain)]
    assert flicker(aligned) / contrast[0] <= 0.5 * flicker(plain) / contrast[1]


def test_there_is_no_step_where_windows_meet() -> None:
    frames = noisy()
    maps = by_window(AlignedDepth(unsteady(0)).fit(frames.split(8)), frames, 8)
    steps = (maps[1:] - maps[:-1]).abs().mean(dim=(1, 2, 3))
    inner = torch.ones(FRAMES - 1, dtype=torch.bool)
    inner[7::8] = False
    assert steps[~inner].mean() / steps[inner].mean() <= 1.05


@pytest.mark.parametrize("seed", [1, 7])
def test_so_does_what_comes_along_and_windows_do_not_show(seed: int) -> None:
    from engine.controls import DEPTH, load_depth

    still, chance = draw_scene(seed, 1, 108, 192).frames, torch.Generator().manual_seed(1)
    frames = (still + 0.03 * torch.randn(12, 3, 108, 192, generator=chance)).clamp(0, 1)
    network = load_depth(DEPTH)
    fitted = AlignedDepth(network).fit(frames.split(5))
    maps = fitted(frames)
    assert torch.equal(by_window(fitted, frames, 4), maps)
    with torch.no_grad():
        plain = per_frame(network(frames))
    assert flicker(maps) / maps.mean(dim=0).std() <= 0.5 * flicker(plain) / plain.mean(dim=0).std()


def test_what_moves_does_not_lag() -> None:
    """Only what differs by less than noise does is averaged with the frame before."""
    frames = torch.full((6, 3, 54, 96), 0.2)
    for number, frame in enumerate(frames):
        frame[:, 20:40, 10 * number + 5 : 10 * number + 25] = 0.8
    maps = AlignedDepth(lambda seen: seen.mean(dim=1, keepdim=True)).fit([frames])(frames)
    edges = maps[3, 0, 30]
    assert edges[31:34].max() < 0.05  # it has just left
    assert edges[56:].max() < 0.05
    assert edges[36:54].min() > 0.95


def test_scale_and_shift_of_the_guesses_do_not_matter() -> None:
    frames = noisy(12)
    steady = AlignedDepth(unsteady(5)).fit([frames])(frames)
    other = AlignedDepth(unsteady(3)).fit([frames])(frames)
    assert (steady - other).abs().mean() < 0.02
    assert (steady - other).abs().mean(dim=(1, 2, 3)).max() < 0.04


def test_what_comes_nearer_for_long_is_seen_to_by_part_at_least() -> None:
    """One picture at a time cannot tell all of it: what is large and nearest takes some of the scale with it."""
    ramp = torch.linspace(0.3, 0.9, 200).view(-1, 1, 1, 1)
    frames = scene().expand(200, -1, -1, -1).clone() * 0.3
    frames[:, :, 20:40, 30:60] = ramp  # a block over a scene that stands
    maps = AlignedDepth(unsteady(0)).fit(frames.split(16))(frames)
    block, rest = maps[:, :, 20:40, 30:60].mean(dim=(1, 2, 3)), maps[:, :, :, 70:].mean(dim=(1, 2, 3))
    assert block[-1] - block[0] > 0.1
    assert (rest - rest[0]).abs().max() < 0.5 * (block[-1] - block[0])


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Depth Anything of the real classes, with random weights."""
    folder = tmp_path_factory.mktemp("depth-anything")
    depth_anything().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def network(checkpoint: Path) -> DepthAnything:
    return DepthAnything.load(checkpoint)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (33, 47), (54, 96), (8, 7680), (200, 30)], ids=str)
def test_a_tiny_checkpoint_gives_maps_of_any_size(network: DepthAnything, size: tuple[int, int]) -> None:
    frames = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    maps = AlignedDepth(network).fit([frames])(frames)
    assert maps.shape == (2, 1, *size)
    assert 0 <= maps.min() <= maps.max() <= 1


def test_a_batch_equals_one_by_one_and_again(network: DepthAnything) -> None:
    frames = draw_scene(4, 5, 54, 96).frames
    fitted = AlignedDepth(network).fit([frames])
    maps = fitted(frames)
    assert torch.equal(maps, by_window(fitted, frames, 1))
    assert torch.equal(maps, AlignedDepth(network).fit(frames.split(2))(frames))


def test_what_it_sees_is_not_rounded_to_eight_bits(network: DepthAnything) -> None:
    frames = draw_scene(4, 1, 54, 96).frames
    assert not torch.equal(network(frames), network((frames * 255).round() / 255))


def test_a_checkpoint_is_loaded_whole_or_not_at_all(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"safetensors|config"):
        DepthAnything.load(tmp_path)
