"""CogVideoX-Fun Control, from a folder in diffusers' layout, behind our protocol.

The folder holds `transformer`, `vae`, `text_encoder`, `tokenizer` and `scheduler`. The control video stands beside the
noise, channel by channel. The model knows neither masks nor kept frames: what is carried is held at every level.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from diffusers import CogVideoXDDIMScheduler, CogVideoXFunControlPipeline, CogVideoXTransformer3DModel
from torch import Tensor
from transformers import T5EncoderModel

from engine.diffusion import t5
from engine.diffusion.checkpoint import Checkpoint
from engine.diffusion.cogvideox_autoencoder import KINDS, CogVideoXAutoencoder
from engine.diffusion.denoising import Noised, denoise
from engine.diffusion.loras import add_loras
from engine.diffusion.memory import Ladder
from engine.diffusion.quiet import quiet
from engine.diffusion.rolling import roll
from engine.diffusion.row import Row
from engine.diffusion.sampling import Strided, check_scheduler, levels
from engine.diffusion.setup import Setup
from engine.diffusion.stylizer import Capabilities, Chunk, Defaults, Request, Styled, check_fit, check_request
from engine.errors import ModelError
from engine.windows import FrameRule

DDIM: Any = CogVideoXDDIMScheduler  # a type checker sees the dummies that the library shows where torch is missing
Pipeline: Any = CogVideoXFunControlPipeline
TAKES = Capabilities(frozenset({"canny", "depth"}), negative_prompt=True, several=False)
LOOKBACK = 4
"""Latents of the chunk before that a chunk's first ones are decoded behind: sixteen frames."""


class StridedVideoDDIM(Strided, DDIM):  # type: ignore[misc]
    """CogVideoX's DDIM over levels of our choice."""


@dataclass(frozen=True)
class Told:
    """What a run tells the model beside the latents: the control's, or None, its weight a step, words, guidance."""

    control: Tensor | None
    weights: tuple[float, ...]
    words: list[Tensor]
    guidance: float


@dataclass
class CogVideoXFun:
    """A loaded model. Nothing of it changes from call to call but cached words."""

    name: str
    window: int
    defaults: Defaults
    checkpoint: Checkpoint
    autoencoder: CogVideoXAutoencoder
    words: t5.Words
    net: Any
    scheduler: Any
    memory: Ladder

    @property
    def rule(self) -> FrameRule:
        """4k + 1 frames; sides in whole patches of latents (the library says eights, and breaks on them)."""
        return FrameRule(self.autoencoder.factor * self.net.config.patch_size, self.autoencoder.rule.stride, offset=1)

    @property
    def lookback(self) -> int:
        """See `LOOKBACK`."""
        return LOOKBACK

    @property
    def capabilities(self) -> Capabilities:
        """The maps that it was trained on and that can be drawn here; one video shows one of them."""
        return TAKES

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the folder's configs and weights."""
        return self.checkpoint.fingerprint()

    def check(self, request: Request) -> None:
        """This refuses unknown controls, several at once, prompts that would be cut off, and steps that do not fit."""
        check_request(request, self.capabilities, self.name)
        levels(self.scheduler, request.steps, request.strength)
        for words in (request.prompt, request.negative_prompt):
            self.words.check(words)

    def noise_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """This gives `(c, h, w)` of one latent."""
        return self.autoencoder.channels, height // self.autoencoder.factor, width // self.autoencoder.factor

    def peak_bytes(self, frames: int, height: int, width: int) -> int:
        """This estimates the peak of model and chunk: weights, pictures, and the larger of denoising and decoding."""
        channels, rows, columns = self.noise_shape(height, width)
        parts = [self.autoencoder.net, self.words.encoder, self.net]
        weights = sum(p.numel() * p.element_size() for part in parts for p in part.parameters())
        config, size = self.net.config, self.net.patch_embed.proj.weight.element_size()
        inner = config.num_attention_heads * config.attention_head_dim
        seen = self.rule.latents(min(frames, self.window)) * rows * columns / config.patch_size**2 + self.words.most
        work = max(int(seen * inner * 26 * size), self.autoencoder.peak_bytes(frames, height, width))
        latents = 4 * self.rule.latents(frames) * rows * columns * channels * 6
        return int(weights + latents + 4 * height * width * frames * 12 + work)

    @quiet()
    @torch.no_grad()
    def restyle(self, chunk: Chunk, request: Request) -> Styled:
        """This denoises one chunk jointly, window by window. A broken answer is a `ModelError`."""
        self.check(request)
        check_fit(chunk, self)
        self.memory.settle([self.autoencoder.net], [self.net])
        latents = self._denoise(chunk, request)
        with self.memory.present(self.autoencoder.net):
            frames = self.autoencoder.decode(latents, chunk.before)
        if not (latents.isfinite().all() and frames.isfinite().all()):
            raise ModelError(f"The model {self.name} gave values that are not numbers: its weights are broken.")
        return Styled(frames, latents.cpu())

    def _denoise(self, chunk: Chunk, request: Request) -> Tensor:
        timesteps = levels(self.scheduler, request.steps, request.strength)
        self.scheduler.set_timesteps(timesteps=timesteps, device=self.memory.device)
        with self.memory.present(self.autoencoder.net):
            told, clean = self._tell(chunk, request), self.autoencoder.encode(chunk.frames)
            kept = None if chunk.carried is None else self._kept(chunk.carried.to(clean), chunk.before)

        def predict(step: int, timestep: Tensor, latents: Tensor) -> Tensor:
            answer = torch.empty_like(latents)
            for span in roll(len(latents), self.rule.latents(self.window), step):
                part = slice(span.start, span.stop)
                answer[part] = self._predict(told, step, timestep, latents[part], part)
            return answer

        with self.memory.present(self.net):
            latents = denoise(predict, self.scheduler, self._noised(timesteps), clean, chunk.noise.to(clean), kept)
        if chunk.carried is not None:
            latents[: len(chunk.carried)] = chunk.carried.to(latents)
        return latents

    def _kept(self, carried: Tensor, before: Tensor | None) -> Tensor:
        """This makes carried latents such as a video begins with.

        The first stands for four frames, where the model expects a first frame by itself: the last of them.
        """
        first = self.autoencoder.encode(self.autoencoder.decode(carried[:1], before)[-1:])
        return torch.cat([first, carried[1:]])

    def _noised(self, timesteps: list[int]) -> Noised:
        def noised(clean: Tensor, noise: Tensor, step: int) -> Tensor:
            level = torch.tensor([timesteps[step]], device=clean.device)
            result: Tensor = self.scheduler.add_noise(clean, noise, level)
            return result

        return noised

    def _predict(self, told: Told, step: int, timestep: Tensor, latents: Tensor, part: slice) -> Tensor:
        """This asks the model about one window, with and without words."""
        control = None if told.control is None else told.control[part]
        answers = [self._steered(control, told.weights[step], timestep, latents, words) for words in told.words]
        if len(answers) == 1:
            return answers[0]
        asked, unasked = answers
        return unasked + told.guidance * (asked - unasked)

    def _steered(
        self, control: Tensor | None, weight: float, timestep: Tensor, latents: Tensor, words: Tensor
    ) -> Tensor:
        """This goes from the answer without the control towards the one with it: the model itself knows no weights."""
        if control is None or weight == 0:
            return self._ask(torch.zeros_like(latents), timestep, latents, words)
        steered = self._ask(control, timestep, latents, words)
        if weight == 1:
            return steered
        return torch.lerp(self._ask(torch.zeros_like(latents), timestep, latents, words), steered, weight)

    def _ask(self, control: Tensor, timestep: Tensor, latents: Tensor, words: Tensor) -> Tensor:
        dtype, device, (height, width) = self.net.patch_embed.proj.weight.dtype, self.memory.device, latents.shape[-2:]
        places = None
        if self.net.config.use_rotary_positional_embeddings:
            sides = (height * self.autoencoder.factor, width * self.autoencoder.factor)
            places = self._pipeline._prepare_rotary_positional_embeddings(*sides, len(latents), device)
        answer: Tensor = self.net(
            hidden_states=torch.cat([latents, control.to(latents)], dim=1)[None].to(device, dtype),
            encoder_hidden_states=words.to(device, dtype),
            timestep=timestep.to(device).expand(1),
            image_rotary_emb=places,
            return_dict=False,
        )[0][0]
        return answer.to(latents)

    @cached_property
    def _pipeline(self) -> Any:  # noqa: ANN401
        """The library's, for the places of patches alone."""
        return Pipeline(None, None, self.autoencoder.net, self.net, self.scheduler)

    def _tell(self, chunk: Chunk, request: Request) -> Told:
        """This encodes all that stays the same over a run."""
        words = [request.prompt, request.negative_prompt] if request.guidance > 1 else [request.prompt]
        control, weights = None, (0.0,) * request.steps
        for name, weight in request.active_controls.items():
            if name not in chunk.controls:
                raise ValueError(f"no control map for {name}; there are maps for {', '.join(chunk.controls) or 'none'}")
            control = self.autoencoder.encode(chunk.controls[name].expand(-1, 3, -1, -1))
            weights = weight.over(request.steps)
        return Told(control, weights, [self.words.embed(text) for text in words], request.guidance)


def load(checkpoint: Checkpoint, row: Row, setup: Setup, loras: Mapping[str, float]) -> CogVideoXFun:
    """This loads a model, the autoencoder always in float32, and works `loras` into it, by component with weights.

    What is missing or does not fit is refused by name.
    """
    net = checkpoint.weights("transformer", CogVideoXTransformer3DModel, setup.dtype, setup.memory.home)
    add_loras(Pipeline(None, None, None, net, None), [net], {checkpoint.place(name): w for name, w in loras.items()})
    autoencoder = CogVideoXAutoencoder(
        checkpoint.weights("vae", checkpoint.pick("vae", KINDS), torch.float32, setup.memory.home)
    )
    if net.config.in_channels != 2 * autoencoder.channels or net.config.patch_size_t is not None:
        raise ModelError(
            f"{checkpoint.name} is no CogVideoX-Fun Control 1.1: its transformer takes {net.config.in_channels} "
            f"channels, not {2 * autoencoder.channels}, or patches in time."
        )
    config = row.scheduler or checkpoint.config("scheduler", "scheduler_config.json")
    if config.get("_class_name") != "CogVideoXDDIMScheduler":
        raise ModelError(
            f"The scheduler of {checkpoint.name} is of class {config.get('_class_name')}. What works: "
            "CogVideoXDDIMScheduler."
        )
    scheduler = StridedVideoDDIM.from_config({key: value for key, value in config.items() if not key.startswith("_")})
    check_scheduler(scheduler)
    words = t5.load(checkpoint, setup, T5EncoderModel, most=net.config.max_text_seq_length)
    return CogVideoXFun(
        row.name, row.window, row.defaults, checkpoint, autoencoder, words, net, scheduler, setup.memory
    )
