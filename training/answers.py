"""What a finished denoiser answers, crop by crop: what the decoder gets to see in a job."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.diffusion import CONTROLS, CROP, Denoiser, Pool, build_scheduler
from training.hints import FACTOR
from training.motion import Moving
from training.moving import ClipPool, clips
from training.noising import answered
from training.words import say

BATCH = 16


@dataclass(frozen=True)
class Answers:
    """Crops in one version each: 0 the source, then the looks.

    answers: `[N, c, h, w]` half, where a job led; of a source its own latents. latents: `[N, c, h, w]` half, those of
    the target. pictures: `[N, 3, 8h, 8w]` uint8, the target. versions: `[N]`.
    """

    answers: Tensor
    latents: Tensor
    pictures: Tensor
    versions: Tensor


@torch.inference_mode()
def draw_answers(pool: Pool, pictures: NDArray[np.uint8], denoiser: Denoiser, count: int, seed: int) -> Answers:
    """This restyles random crops of `pictures` `[N, 1 + looks, S, S, 3]`, whose latents lead the pool."""
    rng = torch.Generator().manual_seed(seed)
    alphas = build_scheduler().alphas_cumprod
    _, versions, _, height, width = pool.latents.shape
    highs = (len(pictures), versions, height - CROP + 1, width - CROP + 1)
    made: list[list[Tensor]] = [[], [], [], []]
    for _ in range(max(1, count // BATCH)):
        places = torch.stack([torch.randint(0, high, (BATCH,), generator=rng) for high in highs], dim=1)
        cuts = [(n, v, slice(y, y + CROP), slice(x, x + CROP)) for n, v, y, x in places.tolist()]
        source = torch.stack([pool.latents[n, 0, :, y, x] for n, _, y, x in cuts]).float()
        target = torch.stack([pool.latents[n, v, :, y, x] for n, v, y, x in cuts])
        words = denoiser.embed([say(((max(v, 1) - 1,), 0), rng) for _, v, _, _ in cuts])
        hints = {
            name: (torch.stack([read[n, :, y, x] for n, _, y, x in cuts]).float(), torch.ones(BATCH))
            for name, read in pool.hints.items()
        }
        led = answered(
            source,
            alphas,
            rng,
            lambda noised, times, words=words, hints=hints: denoiser(noised, times, words, hints),  # type: ignore[misc]
        )
        plain = (places[:, 1] == 0).view(-1, 1, 1, 1)
        made[0].append(torch.where(plain, target, led.half()))
        made[1].append(target)
        painted = [pictures[n, v, pixels(y), pixels(x)] for n, v, y, x in cuts]
        made[2].append(torch.from_numpy(np.stack(painted)).permute(0, 3, 1, 2))
        made[3].append(places[:, 1])
    return Answers(*(torch.cat(part) for part in made))


@dataclass(frozen=True)
class Neighbours:
    """What a finished model answers for a frame and the one before it, in moving scenes.

    before, after: `[N, c, h, w]` half. flow: `[N, 2, h, w]`, from `after` to `before`, in latents.
    """

    before: Tensor
    after: Tensor
    flow: Tensor


@torch.inference_mode()
def draw_neighbours(pool: ClipPool, model: Moving, count: int, seed: int) -> Neighbours:
    """This restyles `count` moving clips as jobs do, under noise that moves with them."""
    rng = torch.Generator().manual_seed(seed)
    alphas = build_scheduler().alphas_cumprod
    made: list[list[Tensor]] = [[], [], []]
    for clip in islice(clips(pool, rng), count):
        words = model.still.embed([say(((clip.look,), 0), rng)])[0]
        hints = {name: clip.hints[name] for name in CONTROLS}

        def predict(latents: Tensor, times: Tensor, words: Tensor = words, hints: dict[str, Tensor] = hints) -> Tensor:
            answer: Tensor = model(latents, times[:1], words, hints)
            return answer

        led = answered(clip.source, alphas, rng, predict, clip.noise).half()
        for part, frames in zip(made, (led[:-1], led[1:], clip.flow[1:].half()), strict=True):
            part.append(frames)
    return Neighbours(*(torch.cat(part) for part in made))


def pixels(latents: slice) -> slice:
    """This says which pixels latents stand for."""
    return slice(latents.start * FACTOR, latents.stop * FACTOR)
