"""Ways found in small pictures fit the contours of finer ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.ways import alike, larger, settled, sought

HEIGHT, WIDTH, UNIT = 48, 64, 2
EDGE = 31
"""The first column of the thing on the right; one pixel of the small picture shows both."""


def grain(seed: int, height: int, width: int) -> Tensor:
    rough = torch.rand(1, 3, height // 3 + 1, width // 3 + 1, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(rough, (height, width), mode="bicubic", align_corners=False).clamp(0, 1)


def moved(shift: int) -> tuple[Tensor, Tensor, Tensor]:
    """A thing before a background, now and when it was `shift` pixels farther right; and the way there, as it is."""
    behind, thing = grain(1, HEIGHT, WIDTH), grain(2, HEIGHT, WIDTH + 32)
    now, then = behind.clone(), behind.clone()
    now[..., EDGE:] = thing[..., EDGE:WIDTH]
    then[..., EDGE + shift :] = thing[..., EDGE : WIDTH - shift]
    way = torch.zeros(1, 2, HEIGHT, WIDTH)
    way[:, 0, :, EDGE:] = shift
    return now, then, way


def small(maps: Tensor) -> Tensor:
    return F.interpolate(maps, scale_factor=1 / UNIT, mode="area")


def seen(way: Tensor) -> Tensor:
    """Pixels whose way ends within the picture, without a few at its edge."""
    return torch.arange(WIDTH)[None] + way[0, 0] < WIDTH - 6


@pytest.mark.parametrize("shift", [3, 6])
def test_at_a_border_each_side_keeps_its_own_way(shift: int) -> None:
    now, then, true = moved(shift)
    blurred = larger(small(true) / UNIT, (HEIGHT, WIDTH))
    assert float((blurred - true)[..., EDGE - 3 : EDGE + 3].abs().max()) > 0.7
    way, trust = settled(blurred, torch.ones(1, 1, HEIGHT // UNIT, WIDTH // UNIT), now, then)
    assert float(((way - true).abs().amax(dim=1)[0] < 0.01)[seen(true)].float().mean()) > 0.99
    assert torch.equal(trust, torch.ones_like(trust))


def test_where_all_moves_alike_nothing_is_changed() -> None:
    picture = grain(3, HEIGHT, WIDTH)
    way = torch.full((1, 2, HEIGHT, WIDTH), 1.5) + torch.linspace(0, 0.5, WIDTH)
    known = torch.rand(1, 1, HEIGHT // UNIT, WIDTH // UNIT, generator=torch.Generator().manual_seed(0))
    assert torch.equal(settled(way, known, picture, picture.flip(-1))[0], way)


@pytest.mark.parametrize("off", [0.6, -1.2])
def test_a_way_that_is_a_little_off_is_found(off: float) -> None:
    now, then, true = moved(4)
    inner = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    inner[6:-6, EDGE + 6 : WIDTH - 14] = True
    found = sought(true + off, now, then)
    assert float((found - true)[0, :, inner].abs().median()) < 0.15


def test_a_way_that_is_right_is_kept_though_there_is_grain() -> None:
    now, then, true = moved(4)
    noise = 0.01 * torch.randn(2, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
    found = sought(true, now + noise[:1], then + noise[1:])
    inner = seen(true)
    inner[:, EDGE - 8 : EDGE + 8] = False
    assert float(((found - true).abs().amax(dim=1)[0] == 0)[inner].float().mean()) > 0.9


def test_pictures_are_alike_where_a_way_is_right_and_not_where_it_is_off() -> None:
    now, then, true = moved(4)
    inner = seen(true)
    inner[:, EDGE - 4 : EDGE + 4] = False
    noise = 0.01 * torch.randn(2, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
    right, off = (alike(way, now + noise[:1], then + noise[1:])[0, 0, inner] for way in (true, true + 3))
    assert float((right > 0.5).float().mean()) > 0.98
    assert float((off > 0.25).float().mean()) < 0.1


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (3, 5)])
def test_any_size_will_do(size: tuple[int, int]) -> None:
    now, then = (grain(seed, *size) for seed in (1, 2))
    way = sought(torch.zeros(1, 2, *size), now, then)
    way, trust = settled(way, torch.ones(1, 1, *(-(-side // 2) for side in size)), now, then)
    assert way.shape == (1, 2, *size)
    assert trust.shape == (1, 1, *size)
    assert way.isfinite().all()
    assert torch.equal(alike(torch.zeros_like(way), now, now), torch.ones(1, 1, *size))
