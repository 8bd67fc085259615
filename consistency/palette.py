"""Give pictures other colours: those of another picture, as they spread and go together, or all those between two."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from consistency.structure import LUMA

LEAST = 1e-4
"""Variance that every direction of colour is taken to have: a grey picture has none, and nothing is divided by that."""


@dataclass(frozen=True)
class Palette:
    """How the colours of some pictures are spread: `mean` `[3]` and `spread` `[3, 3]`, their covariance."""

    mean: Tensor
    spread: Tensor

    @classmethod
    def of(cls, pictures: Iterable[Tensor]) -> Palette:
        """This counts the colours of pictures `[..., 3, H, W]`, streamed; at least one."""
        count, total, square = 0, torch.zeros(3, dtype=torch.float64), torch.zeros(3, 3, dtype=torch.float64)
        for picture in pictures:
            colours = picture.movedim(-3, -1).reshape(-1, 3).double()
            count, total, square = count + len(colours), total + colours.sum(dim=0), square + colours.T @ colours
        mean = total / count
        return cls(mean, square / count - mean.outer(mean) + LEAST * torch.eye(3, dtype=torch.float64))

    def onto(self, other: Palette) -> Recolour:
        """This finds the linear change that makes these colours the other's, and moves them least on the way.

        The Monge-Kantorovich map between two Gaussians (Pitie and Kokaram, CVMP 2007).
        """
        root = _power(self.spread, 0.5)
        back = _power(self.spread, -0.5)
        matrix = back @ _power(root @ other.spread @ root, 0.5) @ back
        return Recolour(matrix.float(), (other.mean - matrix @ self.mean).float())


@dataclass(frozen=True)
class Recolour:
    """A change of colour, the same everywhere and always: `matrix` `[3, 3]` and `offset` `[3]`."""

    matrix: Tensor
    offset: Tensor

    def __call__(self, frames: Tensor) -> Tensor:
        """This changes frames `[T, 3, H, W]`; what leaves 0 to 1 is held there."""
        moved = torch.einsum("ij,tjhw->tihw", self.matrix, frames)
        return moved.add_(self.offset.view(3, 1, 1)).clamp_(0, 1)


@dataclass(frozen=True)
class Duotone:
    """A print in two colours, red, green and blue from 0 to 1: what is as dark as the first or darker has that one.

    Raises:
        ValueError: the second colour is no lighter than the first.
    """

    dark: tuple[float, float, float]
    light: tuple[float, float, float]

    def __post_init__(self) -> None:
        if self._brightness(self.dark) >= self._brightness(self.light):
            raise ValueError(f"{self.light} is no lighter than {self.dark}")

    def __call__(self, frames: Tensor) -> Tensor:
        """This prints frames `[T, 3, H, W]`; they stay as light as they are, from the one colour to the other."""
        first, last = self._brightness(self.dark), self._brightness(self.light)
        bright = torch.einsum("c,tchw->thw", frames.new_tensor(LUMA), frames)[:, None]
        share = ((bright - first) / (last - first)).clamp_(0, 1)
        dark, light = (frames.new_tensor(colour).view(3, 1, 1) for colour in (self.dark, self.light))
        return torch.lerp(dark, light, share)

    @staticmethod
    def _brightness(colour: tuple[float, float, float]) -> float:
        return sum(weight * channel for weight, channel in zip(LUMA, colour, strict=True))


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """This is a power of a symmetric matrix without negative directions."""
    values, vectors = torch.linalg.eigh(matrix)
    power: Tensor = vectors @ torch.diag(values.clamp(min=1e-9) ** exponent) @ vectors.T
    return power
