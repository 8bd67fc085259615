"""Depth is one scale for a whole shot, right way round, and each frame's own whatever stands beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from preprocessors.depth import FLATTEST, Depth
from preprocessors.depth_network import DepthNet, working_size
from preprocessors.spread import Spread
from samples.scenes import draw_scene
from samples.textures import draw_texture
from training.views import draw_view

SIZES = [(1, 1), (1, 7), (2, 3), (33, 47), (160, 160), (72, 128), (300, 100)]


@pytest.fixture(scope="module")
def net() -> DepthNet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return DepthNet((8, 8, 16, 16), (1, 1, 1)).eval()


@pytest.fixture(scope="module")
def clip() -> Tensor:
    return draw_scene(4, 6, 54, 96).frames


def brightness(frames: Tensor) -> Tensor:
    """A network whose answer is known: bright is near."""
    return frames.mean(dim=1, keepdim=True)


def shades(*levels: float) -> Tensor:
    return torch.tensor(levels).view(-1, 1, 1, 1).expand(-1, 3, 10, 20).contiguous()


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_any_size_gives_a_map_of_that_size(net: DepthNet, size: tuple[int, int]) -> None:
    frames = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(size[0]))
    drawn = Depth(net).fit([frames])(frames)
    assert drawn.shape == (2, 1, *size)
    assert drawn.dtype == torch.float32
    assert 0 <= drawn.min() <= drawn.max() <= 1


def test_a_batch_equals_one_by_one_to_the_last_bit(net: DepthNet, clip: Tensor) -> None:
    draw = Depth(net)
    assert torch.equal(draw(clip), torch.cat([draw(frame[None]) for frame in clip]))
    assert torch.equal(draw(clip), draw(clip))


def test_windows_do_not_change_the_scale(net: DepthNet, clip: Tensor) -> None:
    whole = Depth(net).fit([clip])
    for windows in ([*clip.split(1)], [clip[:5], clip[5:]], [clip[:2], clip[2:]]):
        assert Depth(net).fit(windows) == whole


def test_the_scale_is_the_shots_not_the_frames() -> None:
    draw = Depth(brightness).fit([shades(0.2), shades(0.4, 0.6)])
    levels = draw(shades(0.2, 0.4, 0.6))[:, 0, 0, 0]
    torch.testing.assert_close(levels, torch.tensor([0.0, 0.5, 1.0]), atol=2e-3, rtol=0)
    assert torch.equal(draw(shades(0.4))[0, 0, 0, 0], levels[1])


def test_scale_and_shift_of_the_network_do_not_matter() -> None:
    ramp = torch.linspace(0, 1, 1000).expand(1, 3, 5, 1000)
    plain = Depth(brightness).fit([ramp])(ramp)
    other = Depth(lambda frames: 0.3 + 0.5 * brightness(frames)).fit([ramp])(ramp)
    torch.testing.assert_close(plain, other, atol=2e-3, rtol=0)


def test_few_outliers_do_not_set_the_scale() -> None:
    frames = torch.linspace(0.4, 0.6, 1000).expand(1, 3, 5, 1000).clone()
    plain = Depth(brightness).fit([frames])
    frames[..., :4] = 0
    frames[..., -4:] = 1
    broken = Depth(brightness).fit([frames])
    assert broken.far == pytest.approx(plain.far, abs=0.005)
    assert broken.near == pytest.approx(plain.near, abs=0.005)


def test_a_flat_shot_is_not_stretched_until_its_noise_shows() -> None:
    frames = 0.5 + 0.001 * torch.rand(2, 3, 20, 30, generator=torch.Generator().manual_seed(0))
    drawn = Depth(brightness).fit([frames])(frames)
    assert drawn.max() - drawn.min() <= 0.002 / FLATTEST


def test_nothing_seen_changes_nothing(net: DepthNet) -> None:
    assert Depth(net).fit([]) == Depth(net)


def test_the_network_is_small_and_keeps_the_aspect() -> None:
    assert sum(weight.numel() for weight in DepthNet().parameters()) <= 800_000
    assert working_size(1080, 1920) == (96, 160)
    assert working_size(1920, 1080) == (160, 96)
    assert working_size(1, 1) == (96, 96)


def test_spread_finds_shares_to_a_level() -> None:
    spread = Spread(2.0)
    values = torch.linspace(0, 2, 10_001)
    for part in values[torch.randperm(10_001, generator=torch.Generator().manual_seed(0))].split(777):
        spread.add(part)
    assert spread.total == 10_001
    for share in (0.01, 0.5, 0.98):
        assert spread.below(share) == pytest.approx(2 * share, abs=1e-3)
    spread.add(torch.tensor([-5.0, 9.0]))
    assert spread.total == 10_003


BUNDLED = Path(__file__).resolve().parents[2] / "engine" / "starter" / "depth"


@pytest.mark.skipif(not BUNDLED.is_dir(), reason="the depth network is not bundled yet")
def test_the_bundled_network_says_near_where_it_is_near() -> None:
    from engine.controls import load_depth

    rng = np.random.default_rng(2_000_000)
    textures = [draw_texture(rng, 96) for _ in range(12)]
    found, by_height = [], []
    for _ in range(16):
        picture, near = (torch.from_numpy(part) for part in draw_view(rng, 96, 160, textures))
        frames = picture.permute(2, 0, 1)[None]
        found.append(rank_correlation(Depth(load_depth(BUNDLED)).fit([frames])(frames), near))
        by_height.append(rank_correlation(torch.linspace(0, 1, 96)[:, None].expand(96, 160), near))
    assert np.mean(found) > 0.6
    assert np.mean(found) > np.mean(by_height) + 0.05  # knows more than that what is low is near


def rank_correlation(a: Tensor, b: Tensor) -> float:
    """Spearman's: 1 where both put all pixels in the same order, 0 where they know nothing of each other."""
    ranks = [one.flatten().argsort().argsort().double() for one in (a, b)]
    return float(torch.corrcoef(torch.stack(ranks))[0, 1])
