"""ControlNets for depth and flow: trained on moving scenes beside a finished denoiser."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from training import loop
from training.diffusion import WEIGHTS, Batch, Denoiser, Hints, build_scheduler, steer
from training.loop import Stage
from training.moving import ClipPool
from training.noising import noised_pair
from training.words import say

NEW = ("depth", "flow")


class MoreControls(nn.Module):
    """A finished denoiser and new ControlNets, which begin as copies of the one for colour: only these learn."""

    def __init__(self, finished: Denoiser, start: Path | None = None) -> None:
        super().__init__()
        self.finished = finished.requires_grad_(False).eval()
        colour = finished.controlnets["colour"]
        self.nets = nn.ModuleDict({name: copy.deepcopy(colour).requires_grad_(True) for name in NEW})
        if start is not None:
            for name, net in self.nets.items():
                trained = load_file(start / f"controlnet_{name}" / WEIGHTS)
                net.load_state_dict({part: trained[part] for part in net.state_dict()})

    def forward(self, noised: Tensor, times: Tensor, words: Tensor, hints: Hints) -> Tensor:
        """This predicts v as `Denoiser.forward` does, for any of all controls."""
        nets = {name: self.nets[name] if name in NEW else self.finished.controlnets[name] for name in hints}
        downs, middle = steer(nets, noised, times, words, hints)
        return self.finished.unet(  # type: ignore[no-any-return]
            noised, times, words, down_block_additional_residuals=downs, mid_block_additional_residual=middle
        ).sample


def frames_of(pool: ClipPool, size: int, rng: torch.Generator) -> Iterator[Batch]:
    """This draws batches of single frames of clips for ever."""
    count, versions, frames = pool.latents.shape[:3]
    while True:
        which = torch.randint(0, count, (size,), generator=rng)
        when = torch.randint(1, frames, (size,), generator=rng)  # a first frame has no flow
        look = torch.randint(0, versions - 1, (size,), generator=rng)
        said = [say(((int(one),), 0), rng) for one in look]
        yield Batch(
            pool.latents[which, 0, when].float(),
            pool.latents[which, 1 + look, when].float(),
            said,
            {name: hint[which, when].float() for name, hint in pool.hints.items()},
            1 + look,
        )


def loss_of(model: MoreControls, batch: Batch, alphas: Tensor, rng: torch.Generator) -> Tensor:
    """This is the denoiser's loss, with the finished controls in a third of the steps and the new ones by chance."""
    count = len(batch.target)
    noised, times, wanted, sigma = noised_pair(batch.source, batch.target, alphas, rng)
    with torch.no_grad():
        words = model.finished.embed(batch.said)
    old = batch.hints if torch.rand(1, generator=rng) < 0.34 else {name: batch.hints[name] for name in NEW}
    hints = {name: (read, _weights(name, count, rng)) for name, read in old.items()}
    error: Tensor = (model(noised, times, words, hints) - wanted).square().mean(dim=(1, 2, 3))
    return (error * sigma**2).mean()


def _weights(name: str, count: int, rng: torch.Generator) -> Tensor:
    """Half of the time 1; a new control is else anything from 0 to 1, a finished one is absent."""
    whole = torch.rand(count, generator=rng) < 0.5
    other = torch.rand(count, generator=rng) if name in NEW else torch.zeros(count)
    return torch.where(whole, 1.0, other)


def train(
    finished: Denoiser, pool: Callable[[], ClipPool], run: Path, steps: int, seed: int, start: Path | None = None
) -> Any:  # noqa: ANN401 - diffusers' classes are untyped
    """This trains ControlNets of NEW, going on from `run/controls.pt`; gives them by name, with averaged weights."""
    alphas = build_scheduler().alphas_cumprod
    model = MoreControls(finished, start)
    stage = Stage(run / "controls.pt", steps, rate=7e-4, warm_up=50, averaging=0.99, seed=seed)
    trained = loop.train(
        stage,
        model,
        lambda rng: frames_of(pool(), 16, rng),
        lambda batch, rng: loss_of(model, batch, alphas, rng),
    )
    return trained.nets
