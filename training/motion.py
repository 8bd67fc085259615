"""The motion modules: trained on moving scenes, everything else held still."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from diffusers import MotionAdapter, UNetMotionModel
from safetensors.torch import load_file
from torch import Tensor, nn

from consistency.warp import warp
from training import loop
from training.critic import Critic
from training.diffusion import (
    CONTROLS,
    ROLLED,
    WEIGHTS,
    WIDTHS,
    Denoiser,
    Learner,
    before_critic,
    build_scheduler,
    steer,
)
from training.loop import Stage, seeded
from training.moving import ClipBatch, ClipPool, clips
from training.noising import noised_clip, rolled_out
from training.words import say

LONGEST = 32  # frames that the modules can number
STEADY = 3.0  # weight of what the error changes by along the motion, beside the error itself


class Moving(nn.Module):
    """A trained denoiser whose UNet has got motion modules: only they learn, and the critic that it has."""

    def __init__(self, still: Denoiser, critic: Critic, start: Path | None = None) -> None:
        super().__init__()
        self.still = still.requires_grad_(False).eval()
        self.critic = critic
        self.unet = add_motion(still.unet)
        if start is not None:
            trained = load_file(start / "unet" / WEIGHTS)
            modules = {name: part for name, part in trained.items() if "motion_modules" in name}
            self.unet.load_state_dict({**self.unet.state_dict(), **modules})
        self.unet.requires_grad_(False)
        for name, parameter in self.unet.named_parameters():
            parameter.requires_grad_("motion_modules" in name)

    def forward(self, noised: Tensor, time: Tensor, words: Tensor, hints: dict[str, Tensor]) -> Tensor:
        """This predicts v `[T, c, h, w]` of one clip. time: `[1]`. words: `[77, d]`. hints: `[T, 64, h, w]` each."""
        text = words.expand(len(noised), -1, -1)
        with torch.no_grad():
            weighed = {name: (features, torch.ones(len(noised))) for name, features in hints.items()}
            nets = {name: self.still.controlnets[name] for name in hints}
            downs, middle = steer(nets, noised, time.expand(len(noised)), text, weighed)
        answer: Tensor = self.unet(
            noised.permute(1, 0, 2, 3)[None],
            time,
            text,
            down_block_additional_residuals=downs,
            mid_block_additional_residual=middle,
        ).sample
        return answer[0].permute(1, 0, 2, 3)


def add_motion(unet: Any) -> Any:  # noqa: ANN401 - diffusers' classes are untyped
    """This gives a `UNetMotionModel` whose motion modules change nothing yet: their last layers are zero."""
    adapter = MotionAdapter(
        block_out_channels=WIDTHS,
        motion_layers_per_block=1,
        motion_mid_block_layers_per_block=1,
        motion_num_attention_heads=4,
        motion_norm_num_groups=16,
        motion_max_seq_length=LONGEST,
        use_motion_mid_block=False,
    )
    for name, parameter in adapter.named_parameters():
        if ".proj_out." in name:
            nn.init.zeros_(parameter)
    with torch.no_grad():
        return UNetMotionModel.from_unet2d(unet, adapter)


def loss_of(model: Moving, batch: ClipBatch, alphas: Tensor, rng: torch.Generator) -> Tensor:
    """This is the error of the clean estimate over a clip at one noise level, mostly where own first steps led.

    How the error changes along the motion counts beside it: a texture that is not the target's but stays where it is
    on what moves is a texture, one that is made anew in every frame is flicker. Of that alone the mean of textures is
    the steadiest, so where own steps led the frames must pass before the critic, as the denoiser's did.
    """
    with torch.no_grad():
        words = model.still.embed([say(((batch.look,), 0), rng)])[0]
    hints = {name: batch.hints[name] for name in CONTROLS}
    rolled = bool(torch.rand(1, generator=rng) < ROLLED)
    if rolled:

        def predict(latents: Tensor, times: Tensor) -> Tensor:
            answer: Tensor = model(latents, times[:1], words, hints)
            return answer

        noised, times, wanted, sigma = rolled_out(batch.source, batch.target, alphas, rng, predict, batch.noise)
    else:
        noised, times, wanted, sigma = noised_clip(batch.source, batch.target, batch.noise, alphas, rng)
    error = sigma[0] * (model(noised, times[:1], words, hints) - wanted)
    moved, inside = warp(error[:-1], batch.flow[1:])
    flicker = ((error[1:] - moved).square() * inside).mean()
    total: Tensor = error.square().mean() + STEADY * flicker
    if rolled:
        versions = torch.full((len(error),), 1 + batch.look)
        total = total + before_critic(model.critic, error, batch.source, batch.target, versions)
    return total


def train(
    learner: Learner, pool: Callable[[], ClipPool], run: Path, steps: int, seed: int, start: Path | None = None
) -> Moving:
    """This trains motion modules, going on from `run/motion.pt`; gives the denoiser with them, averaged."""
    alphas = build_scheduler().alphas_cumprod
    stage = Stage(run / "motion.pt", steps, rate=1e-3, warm_up=50, averaging=0.995, seed=seed)
    model = seeded(seed, lambda: Moving(learner.denoiser, learner.critic, start))
    trained = loop.train(
        stage,
        model,
        lambda rng: clips(pool(), rng),
        lambda batch, rng: loss_of(model, batch, alphas, rng).mean(),
    )
    return cast(Moving, trained)
