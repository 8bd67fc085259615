"""A stage that trains for a while, keeps what it has, and goes on from there."""

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


@dataclass(frozen=True)
class Stage:
    """How one stage trains: for how long, how fast, and where it keeps its checkpoint.

    The learning rate rises over `warm_up` steps and falls along a cosine to a twentieth at the end of `seconds`;
    `averaging` is the share of the running average of the weights that each step keeps.
    """

    checkpoint: Path
    seconds: float
    rate: float
    warm_up: int
    averaging: float

    def rate_at(self, step: int, used: float) -> float:
        """This is the learning rate of a step, `used` seconds after the start."""
        falling = 0.5 + 0.5 * math.cos(math.pi * min(1.0, used / self.seconds))
        return self.rate * min(1.0, (step + 1) / self.warm_up) * max(0.05, falling)


def train(
    stage: Stage,
    model: nn.Module,
    batches: Iterator[Batch],
    loss_of: Callable[[Batch], Tensor],
    report: Callable[[nn.Module], str],
) -> Any:  # noqa: ANN401 - the module that came in, averaged
    """This trains `model`, going on from the checkpoint where there is one, and gives its averaged weights."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=stage.rate, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(stage.averaging))  # type: ignore[no-untyped-call]
    parts: dict[str, Any] = {"model": model, "average": average, "optimiser": optimiser}
    done = _resume(stage.checkpoint, parts)
    start = saved = time.monotonic()
    running = 0.0
    for batch in batches:
        used = time.monotonic() - start
        loss = _step(model, optimiser, stage.rate_at(done, used), lambda b=batch: loss_of(b))  # type: ignore[misc]
        average.update_parameters(model)
        done += 1
        running = loss if running == 0 else 0.98 * running + 0.02 * loss
        if time.monotonic() - saved > EVERY or used > stage.seconds:
            saved = time.monotonic()
            _keep(stage.checkpoint, parts, done)
            print(f"step {done} {used:.0f}s loss {running:.4f} {report(average.module)}", flush=True)
        if used > stage.seconds:
            return average.module
    raise ValueError("the stream of batches ended before the stage did")


def _step(model: nn.Module, optimiser: torch.optim.Optimizer, rate: float, loss_of: Callable[[], Tensor]) -> float:
    for group in optimiser.param_groups:
        group["lr"] = rate
    with torch.autocast("cpu", torch.bfloat16):
        loss = loss_of()
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    return loss.item()


def _resume(path: Path, parts: dict[str, Any]) -> int:
    if not path.exists():
        return 0
    state = torch.load(path)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return int(state["done"])


def _keep(path: Path, parts: dict[str, Any], done: int) -> None:
    partial = path.with_suffix(".partial")
    torch.save({name: part.state_dict() for name, part in parts.items()} | {"done": done}, partial)
    partial.replace(path)
