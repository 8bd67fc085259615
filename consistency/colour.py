"""One colour for a whole shot: each chunk is matched where it overlaps, and held to the shot's first chunk."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

CELLS = 48
"""Cells along the longer side that colours are compared in: smaller things are texture and may differ."""

OUTLYING = 4.5
"""Median deviations from the median, three standard deviations of a normal distribution: further off is no drift."""

ROUNDS = 8
"""Rounds of reweighting; the weights no longer move after about five."""


@dataclass(frozen=True)
class ColourChange:
    """A gain and an offset a channel, `[3]` each: `x * gain + offset`, in sRGB values as they are.

    Models drift by exposure, contrast and tint, which is what these six numbers say; more of them would follow the
    content of the overlap instead.
    """

    gain: Tensor
    offset: Tensor

    def __call__(self, frames: Tensor) -> Tensor:
        """This changes frames `[T, 3, H, W]`; the result may leave 0 to 1."""
        return torch.addcmul(self.offset.view(3, 1, 1), frames, self.gain.view(3, 1, 1))


def fit_colour(frames: Tensor, reference: Tensor, weight: Tensor | None = None) -> ColourChange:
    """This finds the change that makes `frames` look like `reference`, both `[T, 3, H, W]` of the same moments.

    weight: `[T, 1, H, W]`, how much each pixel counts. What disagrees with the rest (an object that one version lacks)
    and what is clipped is left out by reweighting. Both versions carry errors, so the gain is the ratio of spreads: a
    least-squares gain would shrink with every fit. Where there is no contrast to measure the gain stays 1.
    """
    x, y = _cells(frames), _cells(reference)
    trust = torch.ones_like(x) if weight is None else _cells(weight).expand_as(x)
    trust = trust * _unclipped(x) * _unclipped(y) + 1e-6
    scale = torch.ones(3, 1)
    gain, offset, weights = torch.ones(3, 1), torch.zeros(3, 1), trust
    for _ in range(ROUNDS):
        gain, offset = _fit(x, y, weights)
        miss = (x * gain + offset - y).abs()
        scale = 1.5 * miss.median(dim=1, keepdim=True).values + 1e-4
        weights = trust / (1 + (miss / (2 * scale)).square()).square()
    return ColourChange(gain[:, 0], offset[:, 0])


def _fit(x: Tensor, y: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    total = weight.sum(dim=1, keepdim=True)
    mean_x, mean_y = ((values * weight).sum(dim=1, keepdim=True) / total for values in (x, y))
    spread_x, spread_y = (
        ((values - mean).square() * weight).sum(dim=1, keepdim=True) / total + 1e-5
        for values, mean in ((x, mean_x), (y, mean_y))
    )
    gain = (spread_y / spread_x).sqrt().clamp(0.5, 2)
    return gain, mean_y - gain * mean_x


def _cells(frames: Tensor) -> Tensor:
    """This averages `[T, C, H, W]` over cells: `[C, N]`."""
    height, width = frames.shape[-2:]
    share = max(1.0, max(height, width) / CELLS)
    size = (max(1, round(height / share)), max(1, round(width / share)))
    return F.adaptive_avg_pool2d(frames, size).transpose(0, 1).flatten(1)


def _unclipped(values: Tensor) -> Tensor:
    return ((values > 0.02) & (values < 0.98)).to(values.dtype)


class ColourAnchor:
    """The colour of one shot, as its first chunk has it.

    Matching overlaps alone is a random walk: each fit's small error stays for good. So the first chunk also says how
    the look turns the source's colours into its own, and later chunks are drawn back to that: `hold` (0 to 1) is the
    share of what they are off that goes within one chunk. It compares with the source, so that a change of light in
    the source stays what it is.
    """

    def __init__(self, frames: Tensor, source: Tensor | None, hold: float = 1.0, fastest: float = 0.015) -> None:
        """This learns the look's colours from the shot's first chunk: frames and source, `[T, 3, H, W]` both.

        source: None holds later chunks by their overlaps only. fastest: the most that the pull may change a value
        within one chunk, on the scale of the frames.
        """
        self._hold, self._fastest = hold, fastest
        self._look: Tensor | None = None
        if source is not None:
            given, made = _with_one(_cells(source)), _cells(frames)
            ridge = 1e-3 * len(given[0]) * torch.eye(4)
            self._look = torch.linalg.solve(given @ given.T + ridge, given @ made.T).T

    def match(self, frames: Tensor, reference: Tensor, source: Tensor | None) -> Tensor:
        """This gives a later chunk `[T, 3, H, W]` the shot's colour.

        reference: `[K, 3, H, W]`, what the shot already has for the chunk's first K frames, K >= 1. source: the chunk's
        source frames `[T, 3, H, W]`; None matches the overlap only.
        """
        overlap = len(reference)
        matched = fit_colour(frames[:overlap], reference)(frames)
        if source is None or self._look is None:
            return matched.clamp_(0, 1)
        off = _usual(_cells(matched) - self._look @ _with_one(_cells(source)))
        pull = (-self._hold * off).clamp(-self._fastest, self._fastest)
        ease = torch.linspace(0, 1, len(frames) - overlap + 1)[1:]  # nothing in the overlap, all at the chunk's end
        ramp = torch.cat([torch.zeros(overlap), ease]).view(-1, 1, 1, 1)
        return matched.add_(ramp * pull.view(3, 1, 1)).clamp_(0, 1)


def _usual(values: Tensor) -> Tensor:
    """This is the mean of each row of `[C, N]` when outliers are drawn in.

    A look is no affine map, so its misses lean to one side, and a median would go with the commonest colour: of a scene
    that moves, the mean stays where it was.
    """
    middle = values.median(dim=1, keepdim=True).values
    reach = OUTLYING * (values - middle).abs().median(dim=1, keepdim=True).values
    return values.clamp(middle - reach, middle + reach).mean(dim=1)


def _with_one(values: Tensor) -> Tensor:
    return torch.cat([values, torch.ones_like(values[:1])])
