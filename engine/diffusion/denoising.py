"""The loop over noise levels that all video transformers share, with frames that are held to what is already there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from engine.diffusion.inpainting import all_but, held

Predict = Callable[[int, Tensor, Tensor], Tensor]
"""What a model answers: of the step's number, the timestep, and latents `[L, c, h, w]` to what its sampler expects."""

Noised = Callable[[Tensor, Tensor, int], Tensor]
"""What brings clean latents under noise to the level before a step; after the last step there is no noise."""


def denoise(
    predict: Predict,
    scheduler: Any,  # noqa: ANN401 - schedulers share no typed base
    noised: Noised,
    clean: Tensor,
    noise: Tensor,
    kept: Tensor | None = None,
    made: Tensor | None = None,
) -> Tensor:
    """This denoises `[L, c, h, w]` over the timesteps that a scheduler is set to.

    kept: `[K, c, h, w]`, what the first latents are held to at each level under their own noise, so that those beside
    them are denoised against what is already there. made: `[L, 1, h, w]`, in which share of the
    steps latents are made, all if None; before that they are held so to the clean ones. Where none is made, nothing is
    asked.
    """
    still = clean if kept is None else torch.cat([kept.to(clean), clean[len(kept) :]])
    made = all_but(0 if kept is None else len(kept), made, clean)
    if made is not None and not made.any():
        return still
    latents = noised(clean, noise, 0)
    for step, timestep in enumerate(scheduler.timesteps):
        if made is not None:
            latents = held(noised(still, noise, step), latents, made, step / len(scheduler.timesteps))
        # In float32: some samplers give their result in the precision of what they are told.
        answer = predict(step, timestep, latents).float()
        latents = scheduler.step(answer, timestep, latents, return_dict=False)[0]
    return latents if made is None else held(still, latents, made, 1.0)
