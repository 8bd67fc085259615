"""A stylizer for tests of everything around one: the real interface, no diffusers, deterministic and cheap.

Its latents are the styled picture in blocks of 8 by 8 pixels (warm tint, controls, noise); its frames are the source's
detail over them. So carried latents, noise, prompt, strength and controls all show in the frames. With a rule that
has a stride, a latent is the picture of its last frame.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.diffusion.memory import Ladder
from engine.diffusion.stylizer import Capabilities, Chunk, Defaults, Request, Styled, check_request
from engine.windows import FrameRule

FACTOR = 8
RULE = FrameRule(multiple=FACTOR)
CAPABILITIES = Capabilities(frozenset({"depth", "edges", "flow", "colour"}), negative_prompt=True, times=True)
DEFAULTS = Defaults(steps=2, guidance=1.0, noise_carried=0.9)


@dataclass
class FakeStylizer:
    """`calls` lists the number of frames of each chunk that was restyled. `drift` reddens each chunk by its seed."""

    name: str = "fake"
    rule: FrameRule = RULE
    window: int = 8
    lookback: int = 0
    capabilities: Capabilities = CAPABILITIES
    defaults: Defaults = DEFAULTS
    fingerprint: str = "fake-1"
    drift: float = 0.0
    calls: list[int] = field(default_factory=list)
    memory: Ladder = field(default_factory=Ladder)

    def check(self, request: Request) -> None:
        check_request(request, self.capabilities, self.name)

    def noise_shape(self, height: int, width: int) -> tuple[int, int, int]:
        return 4, height // FACTOR, width // FACTOR

    def peak_bytes(self, frames: int, height: int, width: int) -> int:
        return 16 * frames * 3 * height * width

    def restyle(self, chunk: Chunk, request: Request) -> Styled:
        self.calls.append(len(chunk.frames))
        last = slice(self.rule.first - 1, None, self.rule.stride)
        latent_of = (torch.arange(len(chunk.frames)) + self.rule.stride - self.rule.first) // self.rule.stride
        source = F.avg_pool2d(chunk.frames[last], FACTOR)
        styled = _tint(source, request) + 0.05 * request.strength * chunk.noise[:, :3]
        styled[:, 0] += self.drift * (chunk.seed % 7) / 7
        for name, weights in chunk.weights(request).items():
            mean = torch.tensor(weights, dtype=torch.float32).mean(dim=0)[last].view(-1, 1, 1, 1)
            styled += 0.05 * mean * F.avg_pool2d(chunk.controls[name][last], FACTOR)
        latents = torch.cat([styled, chunk.noise[:, 3:]], dim=1)
        if chunk.carried is not None:
            latents[: len(chunk.carried)] = chunk.carried
        for step in range(request.steps):
            chunk.told((step + 1) / request.steps)
        change = F.interpolate(latents[:, :3] - source, scale_factor=float(FACTOR), mode="nearest")
        return Styled((chunk.frames + change[latent_of]).clamp(0, 1), latents)


def _tint(source: Tensor, request: Request) -> Tensor:
    digest = hashlib.sha256(f"{request.prompt}|{request.negative_prompt}|{request.guidance}".encode()).digest()
    colour = torch.tensor([byte / 255 for byte in digest[:3]]).view(1, 3, 1, 1)
    share = request.strength * 0.5
    return source * (1 - share) + colour * share


def slow_layers() -> None:
    """This is the work of a model of very many quick layers: minutes."""
    layer, picture = torch.nn.Identity(), torch.zeros(1)
    for _ in range(200_000):
        time.sleep(0.001)
        layer(picture)
