"""Depth by a network that looks at single pictures: its scale and shift, which differ from frame to frame, made one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

SIDE = 64
"""Pixels: the longer side at which neighbouring guesses are compared."""
ALIKE = 0.5
"""The share of pixels that neighbours are compared at: those where they differ least, so not where things move."""
FLAT = 0.01
"""Of a frame's own spread: those pixels are flat if they have less, and are not compared."""
ROUNDS = 6
"""How often those pixels are chosen, each time by the frames as they were brought together before."""
PULL = 1e-6
"""How strongly a frame's own spread holds its scale, over how strongly its neighbours do: changes that take more than
about `1 / sqrt(PULL)` frames are let through."""
ENDS = (0.01, 0.99)
"""The shares of a shot's pixels below which all is far (0) and above which all is near (1)."""
SHARES = 33
"""Quantiles that are remembered of each frame."""

NOISE = 0.05
"""Of the scale: what differs from a frame before by less is mostly noise, by more mostly motion."""
BEFORE = 2
"""How many frames before are averaged with each: noise changes a third as much from frame to frame."""

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class AlignedDepth:
    """Relative inverse depth in one channel: 1 is near, 0 is far.

    network: frames `[T, 3, H, W]` to inverse depth `[T, 1, H, W]` of any scale and shift, each frame by itself.
    weights: a mark by which it is known. scales: for each frame of the shot what its guess is multiplied by, and what
    is added then. Something large that comes nearer over hundreds of frames takes some of the scale with it. Noise
    changes a third as much from frame to frame: where a frame differs little from the two before, all are averaged.
    """

    network: Callable[[Tensor], Tensor]
    weights: str = ""
    scales: tuple[tuple[float, float], ...] = ()
    name: str = "depth"
    lookbehind: int = BEFORE

    @property
    def key(self) -> str:
        """The network's weights, and how many frames are averaged."""
        return f"{self.weights} {BEFORE}"

    def fit(self, frames: Iterable[Tensor]) -> Self:
        """This finds scale and shift of all frames of a shot together, so that neighbours agree and none drifts away.

        Least squares: `s g + b` of a frame is to be that of the frame before, weakly the guess over its own spread.
        """
        pairs: list[Matrix] = []
        own: list[tuple[Matrix, Matrix]] = []
        quantiles: list[Matrix] = []
        before: Matrix | None = None
        for window in frames:
            for guess in self._guess(window):
                small = _small(guess)
                shares = np.quantile(small, np.linspace(0, 1, SHARES))
                if before is not None:
                    pairs.append(_moments(small, before))
                own.append((PULL * _products(small, np.ones_like(small)), _alone(shares)))
                quantiles.append(shares)
                before = small
        return replace(self, scales=_stretched(_solve(own, pairs), quantiles)) if own else self

    def __call__(self, frames: Tensor, number: int = 0) -> Tensor:
        """This draws depth `[T, 1, H, W]` of frames `[T, 3, H, W]`, the first of which is the shot's frame `number`."""
        wanted = self.scales[number : number + len(frames)] or ((1.0, 0.0),) * len(frames)
        scale, shift = torch.tensor(wanted, dtype=torch.float32).view(-1, 2, 1, 1, 1).unbind(1)
        aligned = (self._guess(frames) * scale + shift).clamp(0, 1)
        total, count = aligned.clone(), torch.ones_like(aligned)
        for back in range(1, min(BEFORE, len(aligned) - 1) + 1):
            now, then = aligned[back:], aligned[:-back]
            alike = 1 / (1 + ((now - then) / NOISE).square())
            total[back:] += alike * then
            count[back:] += alike
        return total / count

    def _guess(self, frames: Tensor) -> Tensor:
        with torch.no_grad():
            return self.network(frames)


def _small(guess: Tensor) -> Matrix:
    height, width = guess.shape[-2:]
    shrink = min(1.0, SIDE / max(height, width))
    size = (max(1, round(height * shrink)), max(1, round(width * shrink)))
    return np.asarray(F.interpolate(guess[None], size, mode="area").double().flatten().cpu().numpy())


def _alone(shares: Matrix) -> Matrix:
    """Scale and shift that bring a frame's middle to 0 and its spread to 1; what is flat is not stretched."""
    low, middle, high = shares[3], shares[SHARES // 2], shares[-4]
    spread = max(high - low, 0.05 * abs(middle), 1e-6)
    return np.array([1 / spread, -middle / spread])


def _products(*columns: Matrix) -> Matrix:
    stacked = np.stack(columns)
    return np.asarray(stacked @ stacked.T / stacked.shape[1], np.float64)


def _moments(now: Matrix, before: Matrix) -> Matrix:
    """The 4 x 4 form in `(s, b)` of two frames that says how much their means and spreads differ where they are alike.

    Not pixel from pixel: noise would count as a difference, and the least of it has whoever makes his scale small.
    """
    alike = np.ones(now.shape, bool)
    for _ in range(ROUNDS):
        spread = max(float(now[alike].std()), 1e-9)
        if spread < FLAT * float(now.std()):  # a background without depth says nothing of scale: ask the whole frame
            alike = np.ones(now.shape, bool)
            break
        brought = (now - now[alike].mean()) * (before[alike].std() / spread) + before[alike].mean()
        apart = np.abs(brought - before)
        alike = apart <= np.quantile(apart, ALIKE)
    here, there = (np.array([one.mean() - one.std(), one.mean() + one.std()]) for one in (now[alike], before[alike]))
    return _products(there, np.ones(2), -here, -np.ones(2))


def _solve(own: list[tuple[Matrix, Matrix]], pairs: list[Matrix]) -> list[Matrix]:
    """This minimises all forms together: 2 x 2 blocks on and beside the diagonal, eliminated one after another."""
    blocks = [form + 1e-12 * np.eye(2) for form, _ in own]
    sides = [form @ alone for form, alone in own]
    for number, form in enumerate(pairs):
        blocks[number] = blocks[number] + form[:2, :2]
        blocks[number + 1] = blocks[number + 1] + form[2:, 2:]
    for number, form in enumerate(pairs):
        factor = np.linalg.solve(blocks[number], form[:2, 2:]).T
        blocks[number + 1] = blocks[number + 1] - factor @ form[:2, 2:]
        sides[number + 1] = sides[number + 1] - factor @ sides[number]
    found = [np.linalg.solve(blocks[-1], sides[-1])]
    for number in range(len(pairs) - 1, -1, -1):
        found.append(np.linalg.solve(blocks[number], sides[number] - pairs[number][:2, 2:] @ found[-1]))
    return [np.asarray(one, np.float64) for one in reversed(found)]


def _stretched(solved: list[Matrix], quantiles: list[Matrix]) -> tuple[tuple[float, float], ...]:
    """This puts 0 and 1 at the ends of all aligned guesses."""
    aligned = np.concatenate([scale * shares + shift for (scale, shift), shares in zip(solved, quantiles, strict=True)])
    far, near = np.quantile(aligned, ENDS)
    span = max(near - far, 0.1)
    return tuple((float(scale / span), float((shift - far) / span)) for scale, shift in solved)
