"""Cosmos-Transfer2.5 (arXiv 2511.00062), from a folder in diffusers' layout, behind our protocol.

The folder holds `transformer`, `vae`, `text_encoder`, `tokenizer`, `scheduler`, and for each control a
`controlnet_<control>`; several add up, each by its weight. Chunks are chained in latents: what is carried is held at
every level, and as much of it as the model has learned to go on from is told as known, without noise, as NVIDIA does.
NVIDIA's guardrail stays on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import torch
from diffusers import CosmosControlNetModel, CosmosTransformer3DModel
from torch import Tensor

from engine.diffusion import cosmos_padding, qwen
from engine.diffusion.checkpoint import Checkpoint
from engine.diffusion.controls import Nets
from engine.diffusion.flow_sampling import begin, levels_of, load_flow_scheduler
from engine.diffusion.guardrail import Guardrail
from engine.diffusion.row import Row
from engine.diffusion.setup import Setup
from engine.diffusion.stylizer import Capabilities, Chunk, Request, Styled
from engine.diffusion.video_autoencoder import KINDS, VideoAutoencoder
from engine.diffusion.video_model import VideoModel, asked_controls, guided
from engine.errors import ModelError, SettingsError

KNOWN = 2
"""Latents, five frames, that it goes on from at most: it was trained on none, one and two."""
KNOWN_LEVEL = 0.1
"""The level at which it expects what it is told as known."""


@dataclass(frozen=True)
class Told:
    """What a run tells the nets beside the latents.

    known: `[L, c, h, w]`, of which the first `count` are told as they are. controls: nets with what they look at
    `[L, c, h, w]` and their weights at each step. words: with and, where it is guided, without the prompt.
    """

    known: Tensor
    count: int
    controls: list[tuple[Any, Tensor, tuple[float, ...]]]
    words: list[Tensor]
    guidance: float


@dataclass
class CosmosTransfer(VideoModel):
    """A loaded model."""

    TAKES: ClassVar[Capabilities] = Capabilities(
        frozenset({"blur", "canny", "depth", "seg"}), negative_prompt=True, masks=True
    )

    net: Any
    controls: Nets[Any]
    guardrail: Guardrail

    @property
    def capabilities(self) -> Capabilities:
        """Every control that has a ControlNet here."""
        return replace(self.TAKES, controls=frozenset(self.controls))

    @property
    def patch(self) -> int:
        """Two."""
        size: int = self.net.config.patch_size[1]
        return size

    @property
    def nets(self) -> Sequence[Any]:
        """The transformer, and those ControlNets that a job has asked for."""
        return [self.net, *self.controls.loaded.values()]

    def check(self, request: Request) -> None:
        """This refuses what the guardrail refuses, too. ControlNets are loaded, so that a broken one is found now."""
        super().check(request)
        self.guardrail.check(request.prompt)
        for control in request.active_controls:
            self.controls[control]

    def noise_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """See `VideoModel`; pictures that are larger than what the model has places for are refused."""
        most = max(
            size // part for size, part in zip(self.net.config.max_size, self.net.config.patch_size, strict=True)
        )
        if max(height, width) > most * self.rule.multiple:
            raise SettingsError(
                f"{self.name} makes pictures of at most {most * self.rule.multiple} pixels a side, not "
                f"{width}x{height}. Ask for a smaller --size."
            )
        return super().noise_shape(height, width)

    def peak_bytes(self, frames: int, height: int, width: int) -> int:
        """See `VideoModel`. Within 10 % of what was measured, real widths on a CPU: 0.97 GB for 3072 tokens."""
        channels, rows, columns = self.noise_shape(height, width)
        config, size = self.net.config, self.net.proj_out.weight.element_size()
        inner = config.num_attention_heads * config.attention_head_dim
        tokens = self.rule.latents(min(frames, self.window)) * rows * columns / self.patch**2
        added = inner * size * max((len(net.control_blocks) for net in self.controls.loaded.values()), default=4)
        work = int(tokens * (inner * 36 * size + 2 * added))
        latents = 4 * self.rule.latents(frames) * rows * columns * channels * (6 + len(self.controls.loaded))
        held = 4 * height * width * frames * 18
        return int(self.weight_bytes + latents + held + max(work, self.autoencoder.peak_bytes(frames, height, width)))

    def restyle(self, chunk: Chunk, request: Request) -> Styled:
        """See `VideoModel`; frames come out as the guardrail lets them through."""
        styled = super().restyle(chunk, request)
        return replace(styled, frames=self.guardrail.passed(styled.frames))

    def _denoise(self, chunk: Chunk, request: Request) -> Tensor:
        with self.memory.present(self.autoencoder.net):
            clean = self.autoencoder.encode(chunk.frames)
            kept = self.begun(chunk, clean)
            told = self._tell(chunk, request, clean, kept)
        begin(self.scheduler, request.steps, request.strength, self.memory.device)
        return self.denoised(partial(self._velocity, told), levels_of(self.scheduler), chunk, clean, kept)

    def _tell(self, chunk: Chunk, request: Request, clean: Tensor, kept: Tensor | None) -> Told:
        """This encodes all that stays the same over a run."""
        known, count = torch.zeros_like(clean), 0
        if kept is not None:
            count = min(KNOWN, len(kept))
            known[:count] = kept[:count]
        controls = [
            (self.controls[name], self.autoencoder.encode(shown), weights)
            for name, shown, weights in asked_controls(chunk, request)
        ]
        return Told(known, count, controls, self._embed(request), request.guidance)

    def _velocity(self, told: Told, step: int, timestep: Tensor, latents: Tensor, part: slice) -> Tensor:
        """This asks the model about one window, with and without words."""
        known = (torch.arange(part.start, part.stop, device=latents.device) < told.count).to(latents).view(-1, 1, 1, 1)
        seen = torch.lerp(latents, told.known[part], known)
        level = torch.lerp(
            self.scheduler.sigmas[step].to(latents).expand_as(known), known.new_tensor(KNOWN_LEVEL), known
        )
        controls = [(net, shown[part], weights[step]) for net, shown, weights in told.controls if weights[step]]
        answers = [self._ask(seen, level, known, words, controls) for words in told.words]
        return guided(answers, told.guidance)

    def _ask(
        self, latents: Tensor, level: Tensor, known: Tensor, words: Tensor, controls: list[tuple[Any, Tensor, float]]
    ) -> Tensor:
        dtype, device, (height, width) = self.net.proj_out.weight.dtype, self.memory.device, latents.shape[-2:]
        common = {
            "timestep": _video(level).to(device, dtype),
            "encoder_hidden_states": self._with_picture(words.to(device, dtype)),
            "condition_mask": _video(known.expand(-1, -1, height, width)).to(device, dtype),
            "padding_mask": torch.zeros(1, 1, height, width, device=device, dtype=dtype),
            "return_dict": False,
        }
        seen, added = _video(latents).to(device, dtype), None
        for net, shown, weight in controls:
            look = {"controls_latents": _video(shown).to(device, dtype), "conditioning_scale": weight}
            blocks = net(latents=seen, **look, **common)[0]
            added = blocks if added is None else [one + other for one, other in zip(added, blocks, strict=True)]
        answer: Tensor = self.net(seen, block_controlnet_hidden_states=added, **common)[0]
        return answer[0].transpose(0, 1).to(latents)

    def _with_picture(self, words: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """This puts an empty picture beside the words where the model has room for one."""
        config = self.net.config
        if not config.img_context_dim_in:
            return words
        return words, words.new_zeros(1, config.img_context_num_tokens, config.img_context_dim_in)


def _video(latents: Tensor) -> Tensor:
    return latents.transpose(0, 1)[None]


def load(checkpoint: Checkpoint, row: Row, setup: Setup, loras: Mapping[str, float]) -> CosmosTransfer:
    """This loads a model, the autoencoder always in float32, ControlNets when they are asked for.

    What is missing or does not fit is refused by name, the guardrail first of all.
    """
    if loras:
        raise ModelError(f"The model {row.name} takes no LoRAs. Leave --lora out.")
    if not checkpoint.controls():
        raise ModelError(f"{checkpoint.name} is no Cosmos-Transfer: it has no ControlNet, say controlnet_depth.")
    guardrail = Guardrail.load(row.name, setup.device)
    cosmos_padding.stand_in()
    home = setup.memory.home
    net = checkpoint.weights("transformer", CosmosTransformer3DModel, setup.dtype, home)
    autoencoder = VideoAutoencoder(checkpoint.weights("vae", checkpoint.pick("vae", KINDS), torch.float32, home))
    _check_transformer(checkpoint, net, autoencoder)

    def controlnet(control: str) -> Any:  # noqa: ANN401
        loaded = checkpoint.weights(f"controlnet_{control}", CosmosControlNetModel, setup.dtype, home)
        _check_controlnet(f"The ControlNet for {control} of {checkpoint.name}", loaded, net)
        return loaded

    controls = Nets(checkpoint.controls(), controlnet)
    words, scheduler = qwen.load(checkpoint, setup), load_flow_scheduler(checkpoint, row)
    defaults = replace(row.defaults, controls={n: w for n, w in row.defaults.controls.items() if n in controls})
    rest = (autoencoder, words, scheduler, setup.memory, net, controls, guardrail)
    return CosmosTransfer(row.name, row.window, defaults, checkpoint, *rest)


def _check_transformer(checkpoint: Checkpoint, net: Any, autoencoder: VideoAutoencoder) -> None:  # noqa: ANN401
    time, *space = net.config.patch_size
    if time != 1 or len(set(space)) != 1:
        raise ModelError(f"{checkpoint.name}: patches of {time} x {space} do not work here; 1 x 2 x 2 do.")
    if (net.config.in_channels, net.config.out_channels) != (autoencoder.channels + 1, autoencoder.channels):
        raise ModelError(
            f"{checkpoint.name} is no Cosmos-Transfer2.5: its transformer takes {net.config.in_channels} channels, not "
            f"{autoencoder.channels + 1}."
        )


def _check_controlnet(name: str, controlnet: Any, net: Any) -> None:  # noqa: ANN401
    """This refuses one that adds to more or fewer blocks than the library asks it for."""
    every, blocks = net.config.controlnet_block_every_n, len(net.transformer_blocks)
    wanted = len(range(0, blocks, every)) if every else 0
    if len(controlnet.control_blocks) != wanted:
        raise ModelError(f"{name} adds to {len(controlnet.control_blocks)} blocks; the transformer expects {wanted}.")
