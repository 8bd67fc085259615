"""The loop over noise levels that all video transformers share, with frames that are held to what is already there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

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
) -> Tensor:
    """This denoises `[L, c, h, w]` over the timesteps that a scheduler is set to.

    kept: `[K, c, h, w]`, what the first latents are held to at each level under their own noise, so that those beside
    them are denoised against what is already there.
    """
    latents = noised(clean, noise, 0)
    for step, timestep in enumerate(scheduler.timesteps):
        if kept is not None:
            latents[: len(kept)] = noised(kept, noise[: len(kept)], step)
        # In float32: some samplers give their result in the precision of what they are told.
        answer = predict(step, timestep, latents).float()
        latents = scheduler.step(answer, timestep, latents, return_dict=False)[0]
    if kept is not None:
        latents[: len(kept)] = kept
    return latents
