"""One noise per shot that moves with the picture, while every single frame of it stays white and Gaussian.

Noise that stays put on the screen looks like a dirty window, fresh noise boils; noise that sticks to what it was drawn
on does neither. The idea is Go-with-the-Flow's (arXiv 2501.08331); the transport here is another: samples are
particles. A grid finer than the latents holds one sample a cell, each with its exact place within the cell, so that
motion far below a cell adds up. From frame to frame a cell takes over the sample that the flow brings into it, every
sample is taken at most once, and a cell that gets none draws a fresh one. So the samples of one frame are independent
and unit Gaussian by construction, whatever the flow, and so are their block sums, the noise of the latents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.diffusion.seeds import seed_at

CELLS = 4
"""Cells along a latent's side: with an 8x autoencoder a cell is 2 pixels wide. More is smoother motion, and slower."""

_AROUND = [
    *((0.0, 0.0), (1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)),
    *((1.0, 1.0), (-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0)),
]


@dataclass
class ShotNoise:
    """The noise of one shot, frame after frame; the same seed, shot (its first frame) and flows give the same noise.

    `shape` is `(c, h, w)` of a frame's latents. `carried` (0 to 1) is the share of the variance that moves with the
    picture, the rest is fresh in each frame: `sqrt(carried) * moved + sqrt(1 - carried) * fresh`. 1 holds texture
    stillest and suits a model that has learned from moving noise; one that has only seen fresh noise takes noise that
    agrees between frames for picture, and wants less.
    """

    seed: int
    shot: int
    shape: tuple[int, int, int]
    carried: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.carried <= 1:
            raise ValueError(f"carried must be between 0 and 1, is {self.carried}")
        channels, height, width = self.shape
        self._frame = 0
        self._grid = (height * CELLS, width * CELLS)
        cells = self._grid[0] * self._grid[1]
        self._samples = torch.zeros(cells, channels)
        self._places = torch.zeros(cells, 2)  # of each sample, (x, y) from its cell's centre, in cells

    def advance(self, flow_to_previous: Tensor | None, valid: Tensor | None = None) -> Tensor:
        """This gives the noise `[c, h, w]` of the next frame.

        flow_to_previous: `[2, H, W]` in pixels, with H and W whole multiples of h and w; None (as for the first frame)
        draws all of it afresh. valid: `[H, W]` or `[1, H, W]`, 1 where the flow holds; elsewhere noise is fresh. What
        has just come into view must not be valid, or it takes away the noise of what hid it.
        """
        generator = torch.Generator().manual_seed(seed_at(self.seed, self.shot, self._frame))
        if flow_to_previous is None or self._frame == 0:
            self._places.zero_()
            self._samples = torch.randn(self._samples.shape, generator=generator)
        else:
            self._move(*self._to_cells(flow_to_previous, valid), generator)
        self._frame += 1
        channels, height, width = self.shape
        cells = self._samples.view(height, CELLS, width, CELLS, channels)
        moved = cells.sum(dim=3).sum(dim=1).permute(2, 0, 1) / CELLS  # both at once: the same bits, eight times as slow
        if self.carried == 1:
            return moved.contiguous()
        fresh = torch.randn(self.shape, generator=generator)
        return moved.mul(self.carried**0.5).add(fresh, alpha=(1 - self.carried) ** 0.5)

    def _to_cells(self, flow: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
        """This averages the flow over cells, in cells, `[cells, 2]`, and says which cells can trust it."""
        (_, height, width), (_, pixels_high, pixels_wide) = self.shape, flow.shape
        if pixels_high % height or pixels_wide % width:
            raise ValueError(f"flow of {pixels_high} x {pixels_wide} does not fit latents of {height} x {width}")
        unit = torch.tensor([self._grid[1] / pixels_wide, self._grid[0] / pixels_high]).view(2, 1, 1)
        mask = torch.ones(1, pixels_high, pixels_wide) if valid is None else valid.reshape(1, pixels_high, pixels_wide)
        cells = F.adaptive_avg_pool2d(torch.cat([flow * unit, mask.float()])[None], self._grid)[0].flatten(1)
        trusted = (cells[2] >= 0.5) & cells.isfinite().all(dim=0)
        return torch.where(trusted, cells[:2], 0).T, trusted

    def _move(self, flow: Tensor, trusted: Tensor, generator: torch.Generator) -> None:
        sources = _centres(self._grid) + flow
        cell, place = self._nearest(sources)
        inside = trusted & _inside(sources.round(), self._grid)
        kept = inside & (place.abs().amax(dim=1) <= 1) & _first_claim(cell, place, inside, len(cell))
        self._fill_gaps(sources, cell, place, kept, inside)
        self._samples = self._samples[cell]
        self._samples[~kept] = torch.randn(int((~kept).sum()), self.shape[0], generator=generator)
        self._places = torch.where(kept[:, None], place, place - place.round())  # a gap fits in with its neighbours

    def _nearest(self, sources: Tensor) -> tuple[Tensor, Tensor]:
        """This finds which sample the flow brings to each cell: the cell it comes from, its place in the new one.

        The sample of the nearest cell may lie so far off that centre that its neighbour's is the nearer one.
        """
        nearest = sources.round()
        place = nearest + self._places.index_select(0, _index(nearest, self._grid)) - sources
        second = nearest - place.round()
        second_place = second + self._places.index_select(0, _index(second, self._grid)) - sources
        better = _inside(second, self._grid) & (second_place.abs().amax(dim=1) < place.abs().amax(dim=1))
        chosen = torch.where(better[:, None], second, nearest)
        return _index(chosen, self._grid), torch.where(better[:, None], second_place, place)

    def _fill_gaps(self, sources: Tensor, cell: Tensor, place: Tensor, kept: Tensor, inside: Tensor) -> None:
        """This gives empty cells, in place, the samples beside their source that no cell has claimed.

        Without it two samples that drift into one cell cost a sample and leave a gap next door: a quarter of all
        noise would be lost per frame of any rotation or zoom.
        """
        claimed = torch.zeros(len(cell), dtype=torch.bool)
        claimed[cell[kept]] = True
        for step in _AROUND:
            empty = (inside & ~kept).nonzero()[:, 0]
            source = sources.index_select(0, empty)
            beside = source.round() + torch.tensor(step)
            free = _index(beside, self._grid)
            offset = beside + self._places.index_select(0, free) - source
            won = _first_claim(free, offset, _inside(beside, self._grid) & ~claimed[free], len(cell))
            cell[empty[won]], place[empty[won]] = free[won], offset[won].clamp(-0.5, 0.5)
            kept[empty[won]] = claimed[free[won]] = True

    def state(self) -> dict[str, Tensor]:
        """This gives all that the next frame depends on, as tensors, ready for a safetensors file."""
        counts = torch.tensor([self.seed, self.shot, self._frame, *self.shape])
        share = torch.tensor(self.carried, dtype=torch.float64)
        return {"counts": counts, "carried": share, "samples": self._samples.clone(), "places": self._places.clone()}

    @staticmethod
    def state_bytes(shape: tuple[int, int, int]) -> int:
        """This gives the bytes of a state's samples and places; the rest of it is a few numbers."""
        channels, height, width = shape
        return 4 * (channels + 2) * height * CELLS * width * CELLS

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> Self:
        """This goes on where `state` was taken."""
        seed, shot, frame, channels, height, width = (int(count) for count in state["counts"])
        noise = cls(seed, shot, (channels, height, width), float(state["carried"]))
        noise._frame, noise._samples, noise._places = frame, state["samples"].clone(), state["places"].clone()
        return noise


def _first_claim(cell: Tensor, place: Tensor, claiming: Tensor, cells: int) -> Tensor:
    """This says who of the claiming keeps the sample of `cell`: of several, the one in which it lies most central."""
    count, never = len(cell), torch.iinfo(torch.int64).max
    x, y = place.unbind(dim=1)
    order = ((x.square() + y.square()) * 2**20).long() * count + torch.arange(count)
    order = torch.where(claiming, order, never)
    winner = torch.full((cells,), never).scatter_reduce_(0, cell, order, "amin")
    return claiming & (winner[cell] == order)


def _centres(grid: tuple[int, int]) -> Tensor:
    rows, columns = torch.meshgrid(torch.arange(grid[0]), torch.arange(grid[1]), indexing="ij")
    return torch.stack([columns, rows], dim=-1).reshape(-1, 2).float()


def _index(position: Tensor, grid: tuple[int, int]) -> Tensor:
    x, y = position.unbind(dim=1)
    return (y.clamp(0, grid[0] - 1) * grid[1] + x.clamp(0, grid[1] - 1)).long()


def _inside(position: Tensor, grid: tuple[int, int]) -> Tensor:
    x, y = position.unbind(dim=1)
    return (x >= 0) & (x < grid[1]) & (y >= 0) & (y < grid[0])
