"""The depth network: trained on drawn pictures alone, whose depth is exact."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from preprocessors.depth_network import DepthNet
from samples.scenes import Paint, draw_scene
from samples.textures import draw_texture
from training import loop
from training.loop import Stage, seeded
from training.photos import crop, load, read_index
from training.views import Texture, draw_view

SHAPES = ((160, 288), (288, 160))
CUTS = ((96, 160), (96, 128), (96, 192))  # height and width of a batch; turned for upright pictures
HELD_OUT = 1_000_000  # seeds from here on are for looking at results
BATCH = 8  # pictures, each with grain of two kinds
STILL = 10.0
"""How much it counts that grain changes the guess: depth that flickers with a camera's noise is of no use."""
ORDER = 0.1
"""How much it counts that the farther of two points is guessed to be the nearer one."""
CLEAR, SHARP = 0.04, 0.05
"""Of the range of inverse depth: points that differ by less are not asked for; and by what a guess is clearly right."""
TEXTURES = 500  # at most: a few pictures need fewer


@dataclass(frozen=True)
class Pool:
    """Pictures of one shape `[N, 3, H, W]` and their inverse depth `[N, 1, H, W]`, both uint8."""

    pictures: Tensor
    near: Tensor


def draw_pool(shape: tuple[int, int], views: int, scenes: int, textures: list[Texture], seed: int) -> Pool:
    """This draws standing views and flying planes of one shape; half of the planes wear photographs."""
    rng = np.random.default_rng(seed)
    pictures, depths = [], []
    for _ in range(views):
        picture, near = draw_view(rng, *shape, textures)
        pictures.append(torch.from_numpy(picture).permute(2, 0, 1))
        depths.append(torch.from_numpy(near)[None])
    for number in range(scenes):
        paint = _wallpaper(rng, textures) if number % 2 else None
        scene = draw_scene(seed + number, 1, *shape, paint=paint, first=int(rng.integers(60)))
        pictures.append(scene.frames[0])
        depths.append(scene.depth[0])
    return Pool(_bytes(pictures), _bytes(depths))


def _bytes(maps: list[Tensor]) -> Tensor:
    return torch.stack([(one * 255).round().byte() for one in maps])


def _wallpaper(rng: np.random.Generator, textures: list[Texture]) -> Paint:
    def paint(texture: NDArray[np.float32], layer: int) -> NDArray[np.float32]:
        chosen = textures[int(rng.integers(len(textures)))]
        return np.asarray(cv2.resize(chosen, texture.shape[1::-1], interpolation=cv2.INTER_AREA), np.float32)

    return paint


def draw_textures(photos: Path, held_out: bool, count: int) -> list[Texture]:
    """This cuts textures out of photographs, mirrored so that they tile; one in five is drawn instead."""
    rng = np.random.default_rng(HELD_OUT if held_out else 0)
    chosen = [photo for photo in read_index(photos) if photo.held_out == held_out]
    textures = []
    for number in range(count):
        if number % 5 == 0:
            textures.append(draw_texture(rng, 128))
            continue
        whole = load(chosen[int(rng.integers(len(chosen)))])
        piece = crop(whole, int(rng.integers(48, min(whole.shape[:2]) // 2 + 1)), rng)
        small = cv2.resize(piece, (96, 96), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        textures.append(np.pad(small, ((0, 96), (0, 96), (0, 0)), mode="symmetric"))
    return textures


def load_pools(cache: Path, photos: Path, views: int, scenes: int, held_out: bool = False) -> list[Pool]:
    """This gives one pool a shape, the upright one half as large; drawn once, then read from `cache`."""
    if not cache.exists():
        textures = draw_textures(photos, held_out, min(TEXTURES, 16 * (views + scenes)))
        seed = HELD_OUT if held_out else 0
        pools = [
            draw_pool(shape, views // (1 + turned), scenes // (1 + turned), textures, seed + turned * 100_000)
            for turned, shape in enumerate(SHAPES)
        ]
        torch.save([(pool.pictures, pool.near) for pool in pools], cache)
    return [Pool(*pool) for pool in torch.load(cache)]


def batches(pools: list[Pool], rng: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """This draws pictures `[B, 3, h, w]`, made worse, and their inverse depth `[B, 1, h, w]`, for ever.

    The second half shows the pictures of the first, each with grain as strong as there, but another.
    """
    shares = torch.tensor([float(len(pool.near)) for pool in pools])
    while True:
        pool = pools[int(torch.multinomial(shares, 1, generator=rng))]
        which = torch.randint(len(pool.near), (BATCH,), generator=rng)
        both = torch.cat([pool.pictures[which], pool.near[which]], dim=1).float() / 255
        cut = _zoom(both, rng)
        plain = worsen(cut[:, :3], rng)
        strength = (-0.06 + 0.14 * torch.rand(BATCH, 1, 1, 1, generator=rng)).clamp(min=0)
        grained = [plain + strength * torch.randn(plain.shape, generator=rng) for _ in range(2)]
        yield torch.cat(grained).clamp(0, 1), cut[:, 3:].repeat(2, 1, 1, 1)


def _zoom(both: Tensor, rng: torch.Generator) -> Tensor:
    """A window of the pictures, brought to the size of a batch, mirrored half of the time."""
    height, width = both.shape[-2:]
    tall, wide = (round(side * (0.6 + 0.4 * _one(rng))) for side in (height, width))
    top, left = round(_one(rng) * (height - tall)), round(_one(rng) * (width - wide))
    size = CUTS[int(_one(rng) * len(CUTS))]
    size = size if width >= height else size[::-1]
    window = both[..., top : top + tall, left : left + wide]
    window = F.interpolate(window, size, mode="bilinear", antialias=True)
    mirrored = torch.rand(len(both), 1, 1, 1, generator=rng) < 0.5
    return torch.where(mirrored, window.flip(-1), window)


def _one(rng: torch.Generator) -> float:
    return float(torch.rand((), generator=rng))


def worsen(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """This changes colours, contrast and sharpness of pictures `[B, 3, H, W]`, each in its own way."""

    def some(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(len(pictures), 1, 1, 1, generator=rng)

    mixing = torch.eye(3) + 0.15 * torch.randn(len(pictures), 3, 3, generator=rng)
    mixing = torch.where(some(0, 1)[..., 0] < 0.15, torch.full((3, 3), 1 / 3), mixing)
    coloured = torch.einsum("bij,bjhw->bihw", mixing, pictures).clamp(0, 1)
    shaped = (coloured ** some(0.5, 2.0) - 0.5) * some(0.4, 1.3) + 0.5 + some(-0.25, 0.25)
    small = F.interpolate(shaped, scale_factor=0.35 + 0.6 * _one(rng), mode="bilinear", antialias=True)
    soft = F.interpolate(small, shaped.shape[-2:], mode="bilinear")
    return torch.where(some(0, 1) < 0.4, soft, shaped)


def loss_of(guess: Tensor, near: Tensor, rng: torch.Generator) -> Tensor:
    """This is the error of inverse depths `[B, 1, h, w]`: plain, of its steps at four sizes, blind to scale, of order.

    The third brings both to median 0 and mean deviation 1 and leaves out the worst tenth (Ranftl et al. 2020, MiDaS,
    eq. 5 to 7; the steps are their eq. 11). Alone it learned slowly, as most of a drawn picture is far and flat.
    """
    target = F.interpolate(near, guess.shape[-2:], mode="area")
    miss = guess - target
    ordered = (_aligned(guess) - _aligned(target)).abs().flatten(1).sort(dim=1).values
    blind = ordered[:, : int(0.9 * ordered.shape[1])].mean()
    steps = sum(_steps(F.avg_pool2d(miss, size)) for size in (1, 2, 4, 8))
    return 8 * miss.square().mean() + 2 * steps + 0.3 * blind + ORDER * _disorder(guess, target, rng)


def _disorder(guess: Tensor, target: Tensor, rng: torch.Generator) -> Tensor:
    """This is how far pairs of points, drawn at random, are from the right order (Chen et al. 2016, eq. 1)."""
    flat, truth = guess.flatten(1), target.flatten(1)
    other = torch.randperm(flat.shape[1], generator=rng)
    apart, wanted = flat[:, other] - flat, truth[:, other] - truth
    asked = (wanted.abs() > CLEAR).float()
    return (F.softplus(-wanted.sign() * apart / SHARP) * asked).sum() / asked.sum().clamp(min=1)


def _loss(guess: Tensor, near: Tensor, rng: torch.Generator) -> Tensor:
    """This is the error of both halves of a batch, and what they differ by, though they show the same."""
    one, other = guess.chunk(2)
    return loss_of(guess, near, rng) + STILL * (one - other).abs().mean()


def _aligned(near: Tensor) -> Tensor:
    flat = near.flatten(1)
    middle = flat.median(dim=1, keepdim=True).values
    spread = (flat - middle).abs().mean(dim=1, keepdim=True).clamp(min=0.1)
    return ((flat - middle) / spread).view_as(near)


def _steps(miss: Tensor) -> Tensor:
    return miss.diff(dim=-1).abs().mean() + miss.diff(dim=-2).abs().mean()


def aligned_error(guess: Tensor, near: Tensor) -> float:
    """This is the mean absolute error of maps `[B, 1, H, W]` after the best scale and shift for each; truth is 0 to 1.

    The least squares of one number are taken; a constant guess thereby becomes the truth's mean.
    """
    x, y = guess.flatten(1), near.flatten(1)
    x, mean = x - x.mean(dim=1, keepdim=True), y.mean(dim=1, keepdim=True)
    scale = (x * y).sum(dim=1, keepdim=True) / x.square().sum(dim=1, keepdim=True).clamp(min=1e-9)
    return float((scale * x + mean - y).abs().mean())


@torch.inference_mode()
def measure(model: DepthNet, pools: list[Pool]) -> dict[str, float]:
    """This gives the aligned error of the network, of a vertical gradient and of the mean on drawn pictures."""
    sums: dict[str, float] = {"network": 0, "gradient": 0, "mean": 0}
    for pool in pools:
        near = pool.near.float() / 255
        fall = torch.linspace(0, 1, near.shape[-2]).view(1, 1, -1, 1).expand_as(near)
        guesses = {"network": model(pool.pictures.float() / 255), "gradient": fall, "mean": torch.zeros_like(near)}
        for name, guess in guesses.items():
            sums[name] += aligned_error(guess, near) / len(pools)
    return sums


def train(pools: list[Pool], held_out: list[Pool], run: Path, steps: int, seed: int) -> DepthNet:
    """This trains the network, going on from `run/depth.pt`; gives the averaged weights."""
    model = seeded(seed, DepthNet).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a fifth faster
    stage = Stage(run / "depth.pt", steps, rate=3e-3, warm_up=50, averaging=0.99, seed=seed)
    trained = loop.train(
        stage,
        model,
        lambda rng: batches(pools, rng),
        lambda batch, rng: _loss(model.guess(batch[0]).float(), batch[1], rng),
        lambda average: f"held-out error {measure(cast(DepthNet, average), held_out)['network']:.4f}",
    )
    return cast(DepthNet, trained)


def export(model: DepthNet, target: Path) -> None:
    """This writes the network as half-precision safetensors with its widths and depths beside it."""
    target.mkdir(parents=True, exist_ok=True)
    weights = {name: weight.detach().half().contiguous() for name, weight in model.state_dict().items()}
    save_file(weights, target / "model.safetensors")
    config = {
        "_class_name": "DepthNet",
        "widths": list(model.widths),
        "depths": list(model.depths),
        "attention": len(model.attention),
    }
    (target / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
