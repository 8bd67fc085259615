"""Is a look recognised, and is it applied? Judged by the recipe's targets alone.

    python -m benchmarks.looks ../shared/photos

A linear classifier learns the looks from what the recipe paints of training photos, never from a model's results; then
it names the looks of results on held-out photos. Distances are between the same statistics of a photo's result (or the
photo itself) and of its target: palette (mean, spread and correlation of colours) and texture (the logarithm of
contrast in octaves of size, of brightness and of colour), each in units of its spread over all targets. Contrast of less
than a hundredth counts as none: nobody sees it, and a picture whose greys are off by so little is still black and white.
"""

from __future__ import annotations

import argparse
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

import restyle
from engine.settings import look_names
from training.pairs import SIDE, styled
from training.photos import Photo, load, read_index, to_tensor
from training.styles import STYLES

OCTAVES = 4
FAINT = 1e-2  # of full brightness: less contrast than that is not seen
RIDGE = 1e-2  # of the targets' mean variance


def statistics(frames: Tensor) -> Tensor:
    """This describes palette and texture of frames `[T, 3, H, W]`: `[T, 21]`."""
    luma = frames.mean(dim=1, keepdim=True)
    opponent = torch.cat([luma, frames[:, :1] - frames[:, 1:2], frames[:, 1:2] - frames[:, 2:]], dim=1)
    flat = opponent.flatten(2)
    mean, spread = flat.mean(dim=2), flat.std(dim=2)
    together = ((flat - mean[..., None]) / (spread[..., None] + FAINT)).unbind(dim=1)
    pairs = torch.stack([(together[i] * together[j]).mean(dim=1) for i, j in ((0, 1), (0, 2), (1, 2))], dim=1)
    bands, rest = [], opponent
    for _ in range(OCTAVES):
        coarse = F.avg_pool2d(rest, 2)
        fine = rest[..., : coarse.shape[-2] * 2, : coarse.shape[-1] * 2] - F.interpolate(coarse, scale_factor=2.0)
        bands.append((fine.square().mean(dim=(2, 3)).sqrt() + FAINT).log())
        rest = coarse
    return torch.cat([mean, spread, pairs, *bands], dim=1)


class Judge:
    """A linear discriminant: means of each look, one covariance for all, learned from targets `[N, looks, d]`."""

    def __init__(self, targets: Tensor) -> None:
        self.centre, self.scale = targets.flatten(0, 1).mean(0), targets.flatten(0, 1).std(0)
        whitened = self._of(targets)
        self.means = whitened.mean(dim=0)
        within = (whitened - self.means).flatten(0, 1)
        covariance = within.T @ within / len(within)
        self.precision = torch.linalg.inv(
            covariance + RIDGE * covariance.trace() / len(covariance) * torch.eye(len(covariance))
        )

    def _of(self, described: Tensor) -> Tensor:
        return (described - self.centre) / self.scale

    def names(self, described: Tensor) -> Tensor:
        """This gives the number of the likeliest look for each of `[N, d]`."""
        away = self._of(described)[:, None] - self.means
        return torch.einsum("nld,de,nle->nl", away, self.precision, away).argmin(dim=1)

    def distance(self, one: Tensor, other: Tensor) -> Tensor:
        """This is how far apart descriptions `[N, d]` are, in spreads of the targets: `[N]`."""
        return (self._of(one) - self._of(other)).square().mean(dim=1).sqrt()


def painted(photos: list[Photo]) -> tuple[Tensor, Tensor]:
    """This gives photos `[N, 3, S, S]` and statistics of what the recipe makes of them `[N, looks, d]`."""
    order = [1 + list(STYLES).index(name) for name in look_names()]
    sources, targets = [], []
    for photo in photos:
        whole = load(photo)
        top, left = (whole.shape[0] - SIDE) // 2, (whole.shape[1] - SIDE) // 2
        versions = styled(whole[top : top + SIDE, left : left + SIDE], photo.original)
        sources.append(to_tensor([versions[0]])[0])
        targets.append(statistics(to_tensor([versions[i] for i in order])))
    return torch.stack(sources), torch.stack(targets)


def chosen(photos: list[Photo], count: int) -> list[Photo]:
    """This chooses `count` photos by the hash of their names: of all sources, the same ones every time."""
    return sorted(photos, key=lambda photo: zlib.crc32(photo.original.encode()))[:count]


def main() -> None:
    """This prints how often looks are recognised, what they are taken for, and how much nearer results are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--learn", type=int, default=100, help="training photos that the classifier sees")
    parser.add_argument("--judge", type=int, default=12, help="held-out photos that are restyled")
    given = parser.parse_args()
    index = read_index(given.photos)
    judge = Judge(painted(chosen([photo for photo in index if not photo.held_out], given.learn))[1])
    sources, targets = painted(chosen([photo for photo in index if photo.held_out], given.judge))
    names = look_names()
    print(
        "targets of held-out photos named rightly:", _share(judge.names(targets.flatten(0, 1)), len(names)), flush=True
    )
    table, before = np.zeros((len(names), len(names)), int), statistics(sources)
    for number, name in enumerate(names):
        results = [torch.cat(list(restyle.frames(one[None], look=name, cuts="none"))) for one in sources]
        described = statistics(torch.cat(results))
        for guess in judge.names(described).tolist():
            table[number, guess] += 1
        near, far = (judge.distance(one, targets[:, number]).mean() for one in (described, before))
        print(f"{name:<11} {' '.join(f'{n:3}' for n in table[number])}  distance {far:.2f} -> {near:.2f}", flush=True)
    print(f"named rightly: {np.trace(table)} of {table.sum()}")


def _share(guesses: Tensor, looks: int) -> str:
    right = guesses.view(-1, looks) == torch.arange(looks)
    return f"{int(right.sum())} of {right.numel()}"


if __name__ == "__main__":
    main()
