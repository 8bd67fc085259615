"""A stage that trains step by step, keeps what it has, and goes on from there to the same end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

EVERY = 60.0  # seconds between checkpoints

Batch = TypeVar("Batch")
Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True)
class Stage:
    """How one stage trains: for how many steps, how fast, and where it keeps its checkpoint.

    The learning rate rises over `warm_up` steps and falls along a cosine to a twentieth at the last of `steps`;
    `averaging` is the share of the running average of the weights that each step keeps. `seed` is where the chance of
    the stage begins.
    """

    checkpoint: Path
    steps: int
    rate: float
    warm_up: int
    averaging: float
    seed: int = 0

    def rate_at(self, step: int) -> float:
        """This is the learning rate of a step."""
        falling = 0.5 + 0.5 * math.cos(math.pi * min(1.0, step / self.steps))
        return self.rate * min(1.0, (step + 1) / self.warm_up) * max(0.05, falling)


def train(
    stage: Stage,
    model: nn.Module,
    batches: Callable[[torch.Generator], Iterator[Batch]],
    loss_of: Callable[[Batch, torch.Generator], Tensor],
    report: Callable[[nn.Module], str] = lambda average: "",
) -> Any:  # noqa: ANN401 - the module that came in, averaged
    """This trains `model`, going on from the checkpoint where there is one, and gives its averaged weights.

    All chance comes from the one generator that `batches` and `loss_of` are given. Its state is in the checkpoint, so a
    run that was stopped ends with the weights of one that was not.
    """
    rng = torch.Generator().manual_seed(stage.seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=stage.rate, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(stage.averaging))  # type: ignore[no-untyped-call]
    parts: dict[str, Any] = {"model": model, "average": average, "optimiser": optimiser}
    done, running = _resume(stage.checkpoint, parts, rng)
    start = saved = time.monotonic()
    stream = batches(rng)
    while done < stage.steps:
        batch = next(stream)
        loss = _step(model, optimiser, stage.rate_at(done), lambda b=batch: loss_of(b, rng))  # type: ignore[misc]
        average.update_parameters(model)
        done += 1
        running = loss if running == 0 else 0.98 * running + 0.02 * loss
        if time.monotonic() - saved > EVERY or done == stage.steps:
            saved = time.monotonic()
            _keep(stage.checkpoint, parts, {"done": done, "loss": running, "chance": rng.get_state()})
            took, words = saved - start, report(average.module)
            print(f"{stage.checkpoint.stem}: step {done} of {stage.steps}, {took:.0f} s, loss {running:.4f} {words}")
    return average.module


def seeded(seed: int, build: Callable[[], Module]) -> Module:
    """This builds a network whose first weights come from a seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build()


def _step(model: nn.Module, optimiser: torch.optim.Optimizer, rate: float, loss_of: Callable[[], Tensor]) -> float:
    for group in optimiser.param_groups:
        group["lr"] = rate
    with torch.autocast("cpu", torch.bfloat16, enabled=_halves()):
        loss = loss_of()
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    return loss.item()


def _halves() -> bool:
    """Whether this processor is fast in bfloat16: without AVX-512 a convolution takes nine times as long in it."""
    return torch.backends.cpu.get_cpu_capability() == "AVX512"


def _resume(path: Path, parts: dict[str, Any], rng: torch.Generator) -> tuple[int, float]:
    if not path.exists():
        return 0, 0.0
    state = torch.load(path)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    rng.set_state(state["chance"])
    return int(state["done"]), float(state["loss"])


def _keep(path: Path, parts: dict[str, Any], facts: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save({name: part.state_dict() for name, part in parts.items()} | facts, partial)
    partial.replace(path)
