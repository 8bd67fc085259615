"""Reading control maps: the first layers of each ControlNet, trained alone and then kept as they are.

These layers see maps at full resolution and cost more than the rest of a ControlNet. Trained first, on nothing but
what the maps say of the latents to come, they need to read each training picture only once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import torch
from diffusers import ControlNetModel
from diffusers.models.controlnets.controlnet import ControlNetConditioningEmbedding
from torch import Tensor, nn
from torch.nn import functional as F

from training import loop
from training.loop import Stage, seeded

CHANNELS = (8, 16, 32, 64)
FACTOR = 8  # pixels a latent
SIDE = 128  # pixels of a training crop

Maps = dict[str, Tensor]
"""Per control its maps `[N, C, 8h, 8w]`, 0 to 1."""


class Readers(nn.Module):
    """One reader per control, and a head that guesses latents from what all of them read; the head is thrown away."""

    def __init__(self, controls: tuple[str, ...], outputs: int) -> None:
        super().__init__()
        self.readers = nn.ModuleDict({name: ControlNetConditioningEmbedding(1, 3, CHANNELS) for name in controls})
        self.before = nn.ModuleDict({name: nn.Conv2d(CHANNELS[-1], 128, 3, padding=1) for name in controls})
        self.after = nn.Conv2d(128, outputs, 3, padding=1)

    def read(self, name: str, maps: Tensor) -> Tensor:
        """This reads maps `[B, 3, 8h, 8w]` as features `[B, 64, h, w]`."""
        reader: Any = self.readers[name]
        features = F.silu(reader.conv_in(maps))
        for block in reader.blocks:
            features = F.silu(block(features))
        return features

    @torch.inference_mode()
    def read_all(self, maps: Maps) -> Maps:
        """This reads many maps: per control features `[N, 64, h, w]`, half precision."""
        return {
            name: torch.cat([self.read(name, few.float().expand(-1, 3, -1, -1)).half() for few in torch.split(one, 8)])
            for name, one in maps.items()
        }

    def forward(self, maps: Maps) -> Tensor:
        """This guesses latents `[B, outputs, h, w]`."""
        read = [self.before[name](self.read(name, one)) for name, one in maps.items()]
        return self.after(F.silu(torch.stack(read).sum(0)))  # type: ignore[no-any-return]


def crops(latents: Tensor, maps: Maps, size: int, rng: torch.Generator) -> Iterator[tuple[Tensor, Maps]]:
    """This draws batches of crops of latents `[N, looks, c, h, w]` and their maps for ever; looks become channels."""
    count, side = len(latents), SIDE // FACTOR
    while True:
        places = torch.stack(
            [
                torch.randint(0, high, (size,), generator=rng)
                for high in (count, latents.shape[-2] - side + 1, latents.shape[-1] - side + 1)
            ],
            dim=1,
        ).tolist()
        yield (
            torch.stack([latents[n, :, :, y : y + side, x : x + side].flatten(0, 1) for n, y, x in places]).float(),
            {name: torch.stack([_cut(one, place) for place in places]) for name, one in maps.items()},
        )


def _cut(maps: Tensor, place: list[int]) -> Tensor:
    n, y, x = place[0], place[1] * FACTOR, place[2] * FACTOR
    return maps[n, :, y : y + SIDE, x : x + SIDE].float().expand(3, -1, -1)


def train(latents: Tensor, maps: Maps, run: Path, steps: int, seed: int) -> Readers:
    """This trains a reader per control of `maps`, going on from `run/hints.pt`."""
    model = seeded(seed, lambda: Readers(tuple(maps), latents.shape[1] * latents.shape[2]))
    stage = Stage(run / "hints.pt", steps, rate=2e-3, warm_up=50, averaging=0.99, seed=seed)
    trained = loop.train(
        stage,
        model,
        lambda rng: crops(latents, maps, 16, rng),
        lambda batch, rng: F.mse_loss(model(batch[1]).float(), batch[0]),
    )
    return cast(Readers, trained.eval())


def start_from(folder: Path, controls: tuple[str, ...]) -> Readers:
    """This takes readers from finished ControlNets, in a folder as `export.py` writes it."""
    readers = Readers(controls, 1)
    for name in controls:
        net: Any = ControlNetModel.from_pretrained(folder / f"controlnet_{name}")
        readers.readers[name] = net.controlnet_cond_embedding.float()
    return readers.requires_grad_(False).eval()
