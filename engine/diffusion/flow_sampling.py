"""Which levels a run visits of a model that was trained by flow matching.

Here a level is sigma, 0 to 1: the share of noise in `(1 - sigma) * picture + sigma * noise`; the model answers with the
direction from the picture to the noise.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UniPCMultistepScheduler
from torch import Tensor

from engine.diffusion.checkpoint import Checkpoint
from engine.diffusion.denoising import Noised
from engine.diffusion.row import Row
from engine.diffusion.sampling import check_scheduler
from engine.errors import ModelError

SCHEDULERS: dict[str, type] = {
    kind.__name__: kind for kind in (FlowMatchEulerDiscreteScheduler, UniPCMultistepScheduler)
}
"""Those that take levels of our choice and draw no noise as they go."""

_OTHER_LEVELS = ("use_dynamic_shifting", "use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas")


def load_flow_scheduler(checkpoint: Checkpoint, row: Row, dynamic: bool = False) -> Any:  # noqa: ANN401 - schedulers share no typed base
    """This makes the row's own scheduler, or the checkpoint's; one that is not for flow matching is refused.

    dynamic: whether its levels may depend on how much the model sees at once.
    """
    config = row.scheduler or checkpoint.config("scheduler", "scheduler_config.json")
    name = config.get("_class_name")
    if name not in SCHEDULERS:
        works = ", ".join(sorted(SCHEDULERS))
        raise ModelError(f"The scheduler of {checkpoint.name} is of class {name}. What works: {works}.")
    kind: Any = SCHEDULERS[name]
    scheduler = kind.from_config({key: value for key, value in config.items() if not key.startswith("_")})
    check_flow_scheduler(scheduler, dynamic)
    return scheduler


def check_flow_scheduler(scheduler: Any, dynamic: bool = False) -> None:  # noqa: ANN401
    """This refuses configurations that are not for flow matching: they would run, and give a wrong picture."""
    check_scheduler(scheduler)
    config = scheduler.config
    if isinstance(scheduler, UniPCMultistepScheduler):
        prediction = config.prediction_type
        if prediction != "flow_prediction" or not config.use_flow_sigmas:
            raise ModelError(f"The scheduler's config predicts {prediction}; this model needs flow_prediction.")
        if config.use_karras_sigmas and config.sigma_min and config.sigma_max:
            return
    wrong = [name for name in (*_OTHER_LEVELS, "stochastic_sampling", "invert_sigmas") if config.get(name)]
    wrong = [name for name in wrong if not (dynamic and name == "use_dynamic_shifting")]
    if wrong:
        raise ModelError(f"The scheduler's config has {wrong[0]} on, which does not work here. Set it to false.")


def begin(scheduler: Any, steps: int, strength: float, device: torch.device, tokens: int = 0) -> None:  # noqa: ANN401
    """This makes a scheduler visit `steps` levels, evenly in time from `strength` down, shifted as its config says.

    tokens: how many the model sees at once, for one whose shift depends on it.

    At a strength of 1 they are the library's own, but for Euler, whose last level the library puts next to the picture:
    of four steps, one would be lost.
    """
    if scheduler.config.get("use_karras_sigmas"):
        _space_karras(scheduler, steps, strength, device)
    elif scheduler.config.get("use_dynamic_shifting"):
        scheduler.set_timesteps(
            sigmas=strength * np.linspace(1, 0, steps + 1)[:-1], mu=_shift(scheduler, tokens), device=device
        )
    else:
        trained: int = scheduler.config.num_train_timesteps
        times = strength * np.linspace(1, 1 / trained, steps + 1)[:-1]
        scheduler.set_timesteps(sigmas=times, device=device)
    scheduler.set_begin_index(0)  # else a step is found by its rounded timestep, which may be another's, too


def _shift(scheduler: Any, tokens: int) -> float:  # noqa: ANN401
    """This gives the shift for so many tokens: on the line through the two that the config names."""
    config = scheduler.config
    few, many = config.base_image_seq_len, config.max_image_seq_len
    return float(config.base_shift + (config.max_shift - config.base_shift) * (tokens - few) / (many - few))


def _space_karras(scheduler: Any, steps: int, strength: float, device: torch.device) -> None:  # noqa: ANN401
    """This spaces levels as Karras et al. (arXiv 2206.00364), by noise over picture, from `strength` or the most down.

    The most of the scheduler's config stays in it, beside the one that a run begins with.
    """
    config = scheduler.config
    most = config.get("most") or config.sigma_max
    begun = most if strength == 1 else min(most, max(strength / (1 - strength), config.sigma_min))
    scheduler.register_to_config(most=most, sigma_max=begun)
    scheduler.set_timesteps(sigmas=np.ones(steps), device=device)  # of these, it takes their number alone


def levels_of(scheduler: Any) -> Noised:  # noqa: ANN401
    """This gives what brings latents to the levels of a scheduler that has begun."""

    def noised(clean: Tensor, noise: Tensor, step: int) -> Tensor:
        sigma: Tensor = scheduler.sigmas[step].to(clean)
        return (1 - sigma) * clean + sigma * noise

    return noised
