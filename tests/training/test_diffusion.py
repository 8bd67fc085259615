"""The denoiser learns from its error, and where its own steps led also before a critic that knows the source."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from training import diffusion
from training.critic import Critic, learning
from training.diffusion import Batch, Denoiser, Learner, ReadAlready, build_scheduler, loss_of
from training.hints import CHANNELS
from training.loop import seeded

ALPHAS = build_scheduler().alphas_cumprod
LATENTS = 2


@pytest.fixture(scope="module")
def learner() -> Learner:
    learner = seeded(0, lambda: Learner(Denoiser(LATENTS), LATENTS))
    colour: Any = learner.denoiser.controlnets["colour"]
    colour.controlnet_cond_embedding = ReadAlready(colour.controlnet_cond_embedding)
    return learner.eval()  # the norms of the critic then do not move from one look to the next


def batch(*versions: int) -> Batch:
    rng = torch.Generator().manual_seed(0)
    source, target = torch.randn(2, len(versions), LATENTS, 8, 8, generator=rng)
    hints = {"colour": torch.randn(len(versions), CHANNELS[-1], 8, 8, generator=rng)}
    return Batch(source, target, ["ink drawing"] * len(versions), hints, torch.tensor(versions))


def gradients(learner: Learner, asked: Batch, strict: float) -> tuple[float, Tensor, Tensor]:
    """The loss, and the gradients of the critic's first layer and of the denoiser's."""
    learner.zero_grad()
    parts = [next(learner.critic.layers.parameters()), learner.denoiser.unet.conv_out.weight]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diffusion, "STRICT", strict)
        loss = loss_of(learner, asked, ALPHAS, torch.Generator().manual_seed(3))
        loss.backward()
    critic, last = (torch.zeros_like(part) if part.grad is None else part.grad for part in parts)
    return loss.item(), critic, last


def test_the_critics_word_reaches_the_denoiser_where_its_own_steps_led(learner, monkeypatch):
    monkeypatch.setattr(diffusion, "ROLLED", 1.0)
    _, critic, last = gradients(learner, batch(1, 2, 3), 0.0)
    assert critic.abs().sum() > 0
    _, same, moved = gradients(learner, batch(1, 2, 3), 1.0)
    assert torch.allclose(same, critic, atol=1e-6)  # how strict it is taken is nothing to the critic
    assert (moved - last).abs().sum() > 1e-3 * last.abs().sum()


def test_elsewhere_it_is_not_asked(learner, monkeypatch):
    monkeypatch.setattr(diffusion, "ROLLED", 0.0)
    loss, critic, last = gradients(learner, batch(1, 2, 3), 0.0)
    assert critic.abs().sum() == 0
    assert last.abs().sum() > 0
    assert gradients(learner, batch(1, 2, 3), 1.0)[0] == loss


def test_a_mixture_is_not_shown_to_it(learner, monkeypatch):
    monkeypatch.setattr(diffusion, "ROLLED", 1.0)
    shown: list[Tensor] = []

    def seen(critic: Critic, made: Tensor, painted: Tensor, versions: Tensor) -> Tensor:
        shown.append(versions)
        return learning(critic, made, painted, versions)

    monkeypatch.setattr(diffusion, "learning", seen)
    gradients(learner, batch(1, 0, 3), 1.0)
    assert [versions.tolist() for versions in shown] == [[1, 3]]
    loss, critic, last = gradients(learner, batch(0, 0), 1.0)
    assert 0 < loss < float("inf")
    assert critic.abs().sum() == 0 < last.abs().sum()
    assert len(shown) == 1
