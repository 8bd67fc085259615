"""A critic that tells decoded pictures from painted ones: where it can, the decoder is not crisp enough."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

WIDTHS = (24, 48, 96)


class Critic(nn.Module):
    """It looks at patches of 22 pixels and knows which version each is to be (a projection, Miyato and Koyama 2018)."""

    def __init__(self, versions: int) -> None:
        super().__init__()
        first, second, third = WIDTHS
        self.layers = nn.ModuleList(
            [
                spectral_norm(nn.Conv2d(3, first, 4, 2, 1)),
                spectral_norm(nn.Conv2d(first, second, 4, 2, 1)),
                spectral_norm(nn.Conv2d(second, third, 4, 1, 1)),
            ]
        )
        self.all = spectral_norm(nn.Conv2d(third, 1, 1))
        self.each = spectral_norm(nn.Embedding(versions, third))

    def forward(self, pictures: Tensor, versions: Tensor) -> tuple[Tensor, list[Tensor]]:
        """This judges pictures `[B, 3, H, W]`, -1 to 1: `[B, 1, h, w]`, higher is more like paint; and by what."""
        seen = []
        for layer in self.layers:
            pictures = F.leaky_relu(layer(pictures), 0.2)
            seen.append(pictures)
        fitting = (pictures * self.each(versions)[..., None, None]).sum(dim=1, keepdim=True)
        return self.all(pictures) + fitting, seen


def learning(critic: Critic, made: Tensor, painted: Tensor, versions: Tensor) -> Tensor:
    """This is the critic's own loss (hinge): nothing of it reaches what `made` came from."""
    real, _ = critic(painted, versions)
    false, _ = critic(made.detach(), versions)
    return F.relu(1 - real).mean() + F.relu(1 + false).mean()


def verdict(critic: Critic, made: Tensor, painted: Tensor, versions: Tensor) -> tuple[Tensor, Tensor]:
    """How bad `made` looks to the critic, and how far from `painted` it is in what the critic goes by.

    Nothing of it reaches the critic.
    """
    still = {name: part.detach() for name, part in (*critic.named_parameters(), *critic.named_buffers())}
    score, seen = functional_call(critic, still, (made, versions))
    with torch.no_grad():
        _, wanted = functional_call(critic, still, (painted, versions))
    apart = torch.stack([F.l1_loss(one, other) for one, other in zip(seen, wanted, strict=True)]).mean()
    return -score.mean(), apart
