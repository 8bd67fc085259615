"""Laws of a training stage: stopped and gone on, it ends with the weights of one that was not stopped."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from training import loop
from training.loop import Stage, seeded


def build() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 16), nn.SiLU(), nn.Linear(16, 1))


def batches(rng: torch.Generator):
    while True:
        yield torch.randn(8, 4, generator=rng)


class StoppedError(Exception):
    """Stands for a machine that goes away."""


def run(folder: Path, steps: int, stop_after: int | None = None, seed: int = 0) -> nn.Module:
    model = seeded(seed, build)
    stage = Stage(folder / "stage.pt", steps, rate=1e-2, warm_up=3, averaging=0.9, seed=seed)
    seen = 0

    def loss(batch, rng):
        nonlocal seen
        seen += 1
        if stop_after is not None and seen > stop_after:
            raise StoppedError
        noise = 0.01 * torch.randn(8, 1, generator=rng)
        return F.mse_loss(model(batch).float(), batch.sum(dim=1, keepdim=True) + noise)

    trained: nn.Module = loop.train(stage, model, batches, loss)
    return trained


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_a_stopped_stage_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    whole = run(tmp_path / "whole", 30)
    monkeypatch.setattr(loop, "EVERY", -1.0)  # a checkpoint after every step
    for stop in (7, 11):
        with pytest.raises(StoppedError):
            run(tmp_path / "parts", 30, stop_after=stop)
    assert torch.equal(weights(run(tmp_path / "parts", 30)), weights(whole))


def test_a_finished_stage_is_not_trained_again(tmp_path):
    first = run(tmp_path, 5)
    assert torch.equal(weights(run(tmp_path, 5, stop_after=0)), weights(first))


def test_a_stage_learns(tmp_path):
    model = run(tmp_path, 400)
    batch = torch.randn(256, 4, generator=torch.Generator().manual_seed(9))
    assert F.mse_loss(model(batch), batch.sum(dim=1, keepdim=True)) < 0.4  # 4 without learning


def test_seeds_differ(tmp_path):
    assert not torch.equal(weights(run(tmp_path / "a", 2)), weights(run(tmp_path / "b", 2, seed=1)))


@pytest.mark.parametrize(("processor", "kind"), [("AVX2", torch.float32), ("AVX512", torch.bfloat16)])
def test_it_computes_in_what_the_processor_is_fast_in(tmp_path, monkeypatch, processor, kind):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: processor)
    model, seen = build(), []

    def loss(batch, rng):
        seen.append(model(batch))
        return seen[-1].float().square().mean()

    loop.train(Stage(tmp_path / "stage.pt", 1, rate=1e-2, warm_up=3, averaging=0.9), model, batches, loss)
    assert [made.dtype for made in seen] == [kind]
