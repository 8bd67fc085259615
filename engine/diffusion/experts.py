"""One transformer for all noise levels, or two that share them: the second takes over below a boundary."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from torch import Tensor

from engine.diffusion.checkpoint import Checkpoint
from engine.diffusion.setup import Setup
from engine.errors import ModelError

TRAINED = 1000
"""Timesteps from noise to picture."""


@dataclass(frozen=True)
class Experts:
    """The transformers of a model with a VACE branch, and the timestep below which the second of them is asked."""

    nets: tuple[Any, ...]
    boundary: float = 0.0

    @classmethod
    def load(cls, checkpoint: Checkpoint, kind: Any, setup: Setup) -> Self:  # noqa: ANN401
        """This loads `transformer` and, where there is one, `transformer_2`."""
        names = [name for name in ("transformer", "transformer_2") if name == "transformer" or checkpoint.has(name)]
        nets = [checkpoint.weights(name, kind, setup.dtype, setup.device) for name in names]
        time, *space = nets[0].config.patch_size
        if time != 1 or len(set(space)) != 1:
            raise ModelError(f"{checkpoint.name}: patches of {time} x {space} do not work here; 1 x 2 x 2 do.")
        return cls(tuple(nets), _boundary(checkpoint) * TRAINED if len(nets) > 1 else 0.0)

    @property
    def patch(self) -> int:
        """The side of a patch, in latents."""
        return int(self.nets[0].config.patch_size[1])

    @property
    def channels(self) -> int:
        """Channels of a latent."""
        return int(self.nets[0].config.in_channels)

    @property
    def told(self) -> int:
        """Channels of the context."""
        return int(self.nets[0].config.vace_in_channels)

    def __call__(self, timestep: Tensor, latents: Tensor, words: Tensor, context: Tensor, scale: Tensor) -> Tensor:
        """This asks the expert for a level about latents `[L, c, h, w]`, told `context` of just that length and size.

        scale: `[L, 1, h, w]` of patches, how much of what the context adds is added there.
        """
        if len(context) != len(latents) or context.shape[-2:] != latents.shape[-2:]:
            raise ValueError(f"context of {list(context.shape)} does not fit latents of {list(latents.shape)}")
        net = self.nets[1] if len(self.nets) > 1 and timestep < self.boundary else self.nets[0]
        dtype, device = net.patch_embedding.weight.dtype, latents.device
        tokens = scale.flatten().view(1, -1, 1).to(device, dtype)
        answer: Tensor = net(
            hidden_states=_video(latents).to(device, dtype),
            timestep=timestep.to(device).expand(1),
            encoder_hidden_states=words.to(device, dtype),
            control_hidden_states=_video(context).to(device, dtype),
            control_hidden_states_scale=tokens.expand(len(net.config.vace_layers), -1, -1, -1),
            return_dict=False,
        )[0]
        return answer[0].transpose(0, 1).to(latents)

    def peak_bytes(self, latents: int) -> int:
        """This estimates what one call takes at most beside the weights, for so many latents (of one channel).

        Within 5 % of what was measured with the small Wan's widths, on a CPU: 0.57 GB for 17 frames of 384x384.
        """
        config, net = self.nets[0].config, self.nets[0]
        tokens, size = latents / self.patch**2, net.patch_embedding.weight.element_size()
        inner = config.num_attention_heads * config.attention_head_dim
        hints = len(config.vace_layers) * inner * size  # all are made before the first is used
        block = inner * (10 * size + 24) + config.ffn_dim * 2 * size
        return int(tokens * (hints + block)) + 50_000_000


def _video(latents: Tensor) -> Tensor:
    return latents.transpose(0, 1)[None]


def _boundary(checkpoint: Checkpoint) -> float:
    """The share of all levels that the second transformer takes: the index says it, beside the components."""
    index = Path(checkpoint.place("transformer")).parent / "model_index.json"
    try:
        share = json.loads(index.read_text(encoding="utf-8")).get("boundary_ratio")
    except (OSError, json.JSONDecodeError, UnicodeDecodeError, AttributeError) as error:
        raise ModelError(f"{index} cannot be read; it says where the second transformer takes over: {error}") from error
    if not isinstance(share, float) or not 0 < share < 1:
        raise ModelError(f"{index} has no boundary_ratio between 0 and 1: where does the second transformer take over?")
    return share
