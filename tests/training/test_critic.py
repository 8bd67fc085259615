"""A critic and a decoder learn against each other, each from its own loss alone."""

from __future__ import annotations

import torch

from training.critic import Critic, learning, verdict
from training.loop import seeded

VERSIONS = torch.tensor([0, 1, 2, 1])


def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    """Soft ones, as a decoder makes them, and crisp ones: stripes."""
    rng = torch.Generator().manual_seed(0)
    stripes = torch.sign(torch.sin(torch.arange(32) * 0.9 + 6 * torch.rand(4, 1, 32, 1, generator=rng)))
    return (0.2 * stripes).expand(4, 3, 32, 32).clone(), stripes.expand(4, 3, 32, 32).clone()


def test_each_loss_reaches_its_own_side_alone() -> None:
    critic = seeded(0, lambda: Critic(3))
    soft, crisp = pictures()
    soft.requires_grad_()
    learning(critic, soft, crisp, VERSIONS).backward()
    assert soft.grad is None
    assert all(part.grad is not None for part in critic.parameters())
    assert sum(float(part.grad.abs().sum()) for part in critic.parameters() if part.grad is not None) > 0
    critic.zero_grad()
    torch.stack(verdict(critic, soft, crisp, VERSIONS)).sum().backward()
    assert soft.grad is not None
    assert soft.grad.abs().sum() > 0
    assert all(part.grad is None for part in critic.parameters())


def test_a_critic_learns_to_tell_soft_from_crisp_and_shows_the_way() -> None:
    critic = seeded(0, lambda: Critic(3))
    soft, crisp = pictures()
    optimiser = torch.optim.AdamW(critic.parameters(), lr=1e-2)
    for _ in range(60):
        optimiser.zero_grad()
        learning(critic, soft, crisp, VERSIONS).backward()
        optimiser.step()
    worst, apart = verdict(critic, soft, crisp, VERSIONS)
    best, nothing = verdict(critic, crisp, crisp, VERSIONS)
    assert best < worst - 0.5
    assert nothing < 1e-5 < apart
    made = soft.clone().requires_grad_()
    verdict(critic, made, crisp, VERSIONS)[0].backward()
    assert made.grad is not None
    assert ((made - 0.1 * made.grad / made.grad.abs().max()).abs().mean() > soft.abs().mean()).item()
