"""What is said of some pixels is said of those nearby that look like them."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.filling import said_of_alike

SAID = torch.tensor([0.3, -0.2, 0.1])


def halves(height: int = 64, width: int = 96) -> tuple[Tensor, Tensor]:
    """A picture, grey at the left and green at the right, and what is said of each half."""
    picture, said = torch.full((1, 3, height, width), 0.5), SAID.view(1, 3, 1, 1).expand(1, 3, height, width).clone()
    picture[..., width // 2 :] = torch.tensor([0.1, 0.6, 0.2]).view(3, 1, 1)
    said[..., width // 2 :] *= -1
    return picture, said


def test_hidden_pixels_are_told_what_those_of_their_colour_nearby_are() -> None:
    picture, said = halves()
    known = torch.ones(1, 1, 64, 96)
    known[..., 24:40, 40:56] = 0  # across the border
    told = said_of_alike(said * known, known, picture)
    hidden = (known == 0).expand_as(said).clone()
    hidden[..., 46:50] = False  # there colours are mixed
    assert (told - said)[hidden].abs().max() < 0.03
    assert not told[:, :, known[0, 0] == 1].any()


def test_what_looks_like_nothing_around_is_told_nothing() -> None:
    picture, said = halves()
    known = torch.ones(1, 1, 64, 96)
    known[..., 24:40, 60:76] = 0
    picture[..., 24:40, 60:76] = torch.tensor([0.9, 0.1, 0.9]).view(3, 1, 1)
    assert said_of_alike(said, known, picture)[..., 27:37, 63:73].abs().max() < 1e-3
    assert not said_of_alike(said, 0 * known, picture).any()
