"""A critic that tells what a network made from what the recipe painted: where it can, the network is not crisp enough.

The decoder learns before one that sees pictures, the denoiser before one that sees latents.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

WIDTHS = (24, 48, 96)


class Critic(nn.Module):
    """It looks at patches and knows which version each is to be (a projection, Miyato and Koyama 2018).

    A patch is as wide as three layers of four see, the first two of which go `stride` at a time: 22 pixels at a stride
    of 2, 10 latents at one of 1.
    """

    def __init__(
        self, versions: int, channels: int = 3, widths: tuple[int, int, int] = WIDTHS, stride: int = 2
    ) -> None:
        super().__init__()
        sizes = zip((channels, *widths[:2]), widths, (stride, stride, 1), strict=True)
        self.layers = nn.ModuleList([spectral_norm(nn.Conv2d(a, b, 4, step, 1)) for a, b, step in sizes])
        self.all = spectral_norm(nn.Conv2d(widths[-1], 1, 1))
        self.each = spectral_norm(nn.Embedding(versions, widths[-1]))

    def forward(self, pictures: Tensor, versions: Tensor) -> tuple[Tensor, list[Tensor]]:
        """This judges pictures or latents `[B, channels, H, W]`: `[B, 1, h, w]`, higher is likelier; and by what."""
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
