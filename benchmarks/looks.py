"""Is a look recognised, and is it applied? Judged by the recipe's targets alone.

    python -m benchmarks.looks ../shared/photos

A linear classifier learns the looks from what the recipe paints of training photos, as it is and roughened, never from
a model's results; then it names the looks of results on held-out photos. Distances are between the same statistics of a
photo's result (or the photo itself) and of its target: palette (mean, spread and correlation of colours) and texture
(in octaves of size the logarithm of contrast, of brightness and of colour, and the skewness and kurtosis of brightness:
lines are dark and sparse, dabs are neither), each in units of its spread over all targets. Contrast of less than a
hundredth counts as none: nobody sees it, and a picture whose greys are off by so little is still black and white.

How rightly the judge names targets that it has not seen is printed first: more than that can be asked of no result. So
it is with the blur SSIM to the photo, printed last: of results, and of targets.
"""

from __future__ import annotations

import argparse
import zlib
from pathlib import Path

import numpy as np
import torch
from kornia.filters import gaussian_blur2d
from torch import Tensor, nn
from torch.nn import functional as F

import restyle
from consistency.structure import blur_ssim
from engine.settings import look_names
from training.pairs import SIDE, styled
from training.photos import Photo, load, read_index, to_tensor
from training.styles import STYLES

OCTAVES = 4
FAINT = 1e-2  # of full brightness: less contrast than that is not seen
FLAT = 0.1  # kurtosis below which it does not matter how little there is
PULL = 1e-3  # on the weights of the regression
ROUGHENED = 4  # times that each target is seen so


def statistics(frames: Tensor) -> Tensor:
    """This describes palette and texture of frames `[T, 3, H, W]`: `[T, 29]`."""
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
        contrast = fine.square().mean(dim=(2, 3)).sqrt() + FAINT
        sparse = (fine[:, :1] / contrast[:, :1, None, None]).flatten(1)
        bands += [contrast.log(), sparse.pow(3).mean(1, True), (sparse.pow(4).mean(1, True) + FLAT).log()]
        rest = coarse
    return torch.cat([mean, spread, pairs, *bands], dim=1)


def roughened(frame: Tensor, rng: torch.Generator) -> Tensor:
    """This softens a frame `[1, 3, H, W]` a little, adds noise, and changes contrast, light and saturation.

    A judge that has only seen flawless targets goes by what no eye sees: a tenth of a percent of colour in a grey.
    """
    soft, noise, colour, contrast, light = torch.rand(5, generator=rng).tolist()
    sigma = 0.2 + 1.3 * soft
    frame = gaussian_blur2d(frame, (9, 9), (sigma, sigma))
    frame = frame + 0.03 * noise * torch.randn(frame.shape, generator=rng)
    grey = frame.mean(dim=1, keepdim=True)
    frame = grey + (frame - grey) * (0.8 + 0.4 * colour)
    changed: Tensor = ((frame - 0.5) * (0.85 + 0.3 * contrast) + 0.45 + 0.1 * light).clamp(0, 1)
    return changed


class Judge:
    """A logistic regression on descriptions `[N, d]` of targets, as they are and roughened. looks: `[N]`, numbers.

    targets: `[M, d]`, those that are flawless, in whose spreads distances are given.
    """

    def __init__(self, targets: Tensor, described: Tensor, looks: Tensor) -> None:
        self.centre, self.scale = targets.mean(0), targets.std(0)
        self.net = nn.Linear(described.shape[1], int(looks.max()) + 1)
        nn.init.zeros_(self.net.weight)
        nn.init.zeros_(self.net.bias)
        optimiser = torch.optim.LBFGS(self.net.parameters(), max_iter=300)

        def loss() -> Tensor:
            optimiser.zero_grad()
            error = F.cross_entropy(self.net(self._of(described)), looks) + PULL * self.net.weight.square().sum()
            error.backward()  # type: ignore[no-untyped-call]
            return error

        optimiser.step(loss)  # type: ignore[no-untyped-call]

    def _of(self, described: Tensor) -> Tensor:
        return (described - self.centre) / self.scale

    @torch.inference_mode()
    def names(self, described: Tensor) -> Tensor:
        """This gives the number of the likeliest look for each of `[N, d]`."""
        guessed: Tensor = self.net(self._of(described))
        return guessed.argmax(dim=1)

    def distance(self, one: Tensor, other: Tensor) -> Tensor:
        """This is how far apart descriptions `[N, d]` are, in spreads of the targets: `[N]`."""
        return (self._of(one) - self._of(other)).square().mean(dim=1).sqrt()


def learned(photos: list[Photo]) -> Judge:
    """This teaches a judge what the recipe makes of photos, as it is and roughened."""
    rng = torch.Generator().manual_seed(0)
    flawless, rough = [], []
    for photo in photos:
        versions = painted(photo)[1:]
        flawless.append(statistics(versions))
        for _ in range(ROUGHENED):
            rough.append(statistics(torch.cat([roughened(one[None], rng) for one in versions])))
    described = torch.cat([*flawless, *rough])
    looks = torch.arange(len(flawless[0])).repeat(len(flawless) + len(rough))
    return Judge(torch.cat(flawless), described, looks)


def painted(photo: Photo) -> Tensor:
    """This gives the middle of a photo and what the recipe makes of it in each look: `[1 + looks, 3, S, S]`."""
    whole = load(photo)
    top, left = (whole.shape[0] - SIDE) // 2, (whole.shape[1] - SIDE) // 2
    versions = styled(whole[top : top + SIDE, left : left + SIDE], photo.original)
    order = [0, *(1 + list(STYLES).index(name) for name in look_names())]
    return to_tensor([versions[i] for i in order])


def chosen(photos: list[Photo], count: int) -> list[Photo]:
    """This chooses `count` photos by the hash of their names: of all sources, the same ones every time."""
    return sorted(photos, key=lambda photo: zlib.crc32(photo.original.encode()))[:count]


def main() -> None:
    """This prints how often looks are recognised, what they are taken for, and how much nearer results are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--learn", type=int, default=240, help="training photos that the classifier sees")
    parser.add_argument("--judge", type=int, default=12, help="held-out photos that are restyled")
    given = parser.parse_args()
    index = read_index(given.photos)
    judge = learned(chosen([photo for photo in index if not photo.held_out], given.learn))
    unseen = torch.stack([painted(photo) for photo in chosen([p for p in index if p.held_out], given.judge)])
    sources = unseen[:, 0]
    targets = torch.stack([statistics(versions[1:]) for versions in unseen])
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
        kept, could = (float(blur_ssim(one, sources).mean()) for one in (torch.cat(results), unseen[:, 1 + number]))
        named = " ".join(f"{n:3}" for n in table[number])
        print(f"{name:<11} {named}  distance {far:.2f} -> {near:.2f}, kept {kept:.2f} of {could:.2f}", flush=True)
    print(f"named rightly: {np.trace(table)} of {table.sum()}")


def _share(guesses: Tensor, looks: int) -> str:
    right = guesses.view(-1, looks) == torch.arange(looks)
    return f"{int(right.sum())} of {right.numel()}"


if __name__ == "__main__":
    main()
