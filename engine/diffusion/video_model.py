"""What all video transformers behind our protocol share: an autoencoder that compresses time, words by T5, and a loop.

A family adds its denoiser, in `_denoise`, and says of which nets it consists.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from statistics import fmean
from typing import Any, ClassVar

import torch
from torch import Tensor

from engine.diffusion import t5
from engine.diffusion.checkpoint import Checkpoint
from engine.diffusion.denoising import Noised, denoise
from engine.diffusion.inpainting import shares_made
from engine.diffusion.memory import Ladder
from engine.diffusion.quiet import quiet
from engine.diffusion.rolling import roll
from engine.diffusion.stylizer import Capabilities, Chunk, Defaults, Request, Styled, check_fit, check_request
from engine.errors import ModelError
from engine.windows import FrameRule

LOOKBACK = 4
"""Latents of the chunk before that a chunk's first ones are decoded behind: sixteen frames.

The decoder remembers more, but what it remembers fades; each of them costs the decoding of four frames a chunk.
"""


AskWindow = Callable[[int, Tensor, Tensor, slice], Tensor]
"""A step's number, its timestep, and latents of one window with their place in, what a sampler expects out."""


@dataclass
class VideoModel(ABC):
    """A loaded model. Nothing of it changes from call to call but cached words."""

    TAKES: ClassVar[Capabilities]

    name: str
    window: int
    defaults: Defaults
    checkpoint: Checkpoint
    autoencoder: Any
    words: t5.Words
    scheduler: Any
    memory: Ladder

    @property
    @abstractmethod
    def patch(self) -> int:
        """How many latents a side of the denoiser's patches has."""

    @property
    @abstractmethod
    def nets(self) -> Sequence[Any]:
        """The denoiser's nets, the large ones."""

    @property
    def rule(self) -> FrameRule:
        """The autoencoder's: `stride * k + 1` frames; sides in whole patches of latents."""
        rule: FrameRule = replace(self.autoencoder.rule, multiple=self.autoencoder.factor * self.patch)
        return rule

    @property
    def lookback(self) -> int:
        """See `LOOKBACK`."""
        return LOOKBACK

    @property
    def capabilities(self) -> Capabilities:
        """The maps that it was trained on; one video shows one of them."""
        return self.TAKES

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the folder's configs and weights."""
        return self.checkpoint.fingerprint()

    def check(self, request: Request) -> None:
        """This refuses unknown controls, several at once, and prompts that would be cut off."""
        check_request(request, self.capabilities, self.name)
        for words in (request.prompt, request.negative_prompt):
            self.words.check(words)

    def noise_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """This gives `(c, h, w)` of one latent."""
        return self.autoencoder.channels, height // self.autoencoder.factor, width // self.autoencoder.factor

    @property
    def weight_bytes(self) -> int:
        """The bytes of the weights that stay at the device by the plan for memory."""
        return self.memory.held_bytes([self.autoencoder.net, self.words.encoder], list(self.nets))

    @quiet()
    @torch.no_grad()
    def restyle(self, chunk: Chunk, request: Request) -> Styled:
        """This denoises one chunk jointly, window by window. A broken answer is a `ModelError`."""
        self.check(request)
        check_fit(chunk, self)
        self.memory.settle([self.autoencoder.net], list(self.nets))
        latents = self._denoise(chunk, request)
        if chunk.carried is not None:
            latents[: len(chunk.carried)] = chunk.carried.to(latents)
        with self.memory.present(self.autoencoder.net):
            frames = self.autoencoder.decode(latents, chunk.before)
        if not (latents.isfinite().all() and frames.isfinite().all()):
            raise ModelError(f"The model {self.name} gave values that are not numbers: its weights are broken.")
        return Styled(frames, latents.cpu())

    @abstractmethod
    def peak_bytes(self, frames: int, height: int, width: int) -> int:
        """This estimates the peak of model and chunk: weights, pictures, and the larger of denoising and decoding."""

    @abstractmethod
    def _denoise(self, chunk: Chunk, request: Request) -> Tensor:
        """This gives the clean latents `[L, c, h, w]` of a chunk."""

    def made(self, chunk: Chunk) -> Tensor | None:
        """This says in which share of a run each latent is made, `[L, 1, h, w]`, by the chunk's mask; None for all."""
        return None if chunk.mask is None else shares_made(chunk.mask, self.autoencoder.factor, self.rule)

    def denoised(self, ask: AskWindow, levels: Noised, chunk: Chunk, clean: Tensor, kept: Tensor | None) -> Tensor:
        """This denoises a chunk by what answers for one window; windows roll from step to step. See `denoise`."""

        def predict(step: int, timestep: Tensor, latents: Tensor) -> Tensor:
            answer = torch.empty_like(latents)
            for span in roll(len(latents), self.rule.latents(self.window), step):
                part = slice(span.start, span.stop)
                answer[part] = ask(step, timestep, latents[part], part)
                chunk.told((step + span.stop / len(latents)) / len(self.scheduler.timesteps))
            return answer

        with self.memory.present(*self.nets):
            noise = chunk.noise.to(clean)
            return denoise(predict, self.scheduler, levels, clean, noise, kept, self.made(chunk))

    def begun(self, chunk: Chunk, like: Tensor) -> Tensor | None:
        """This makes what a chunk carries such as a video begins with, with the type and place of `like`.

        Its first latent stands for several frames, where a model expects a first frame by itself: the last of them.
        """
        if chunk.carried is None:
            return None
        carried = chunk.carried.to(like)
        first = self.autoencoder.encode(self.autoencoder.decode(carried[:1], chunk.before)[-1:])
        return torch.cat([first, carried[1:]])

    def _embed(self, request: Request) -> list[Tensor]:
        """This encodes the prompt and, where it is guided, what is to be avoided."""
        texts = [request.prompt, request.negative_prompt] if request.guidance > 1 else [request.prompt]
        return [self.words.embed(text) for text in texts]


Asked = tuple[str, Tensor, tuple[float, ...]]
"""A control that is followed: its name, map `[T, 3, H, W]`, and weight at each step."""


def asked_controls(chunk: Chunk, request: Request) -> list[Asked]:
    """This finds the controls that are followed."""
    missing = sorted(set(request.active_controls) - set(chunk.controls))
    if missing:
        raise ValueError(f"no control map for {missing[0]}; there are maps for {', '.join(chunk.controls) or 'none'}")
    return [
        (name, chunk.controls[name].expand(-1, 3, -1, -1), weight.over(request.steps))
        for name, weight in request.active_controls.items()
    ]


def asked_control(chunk: Chunk, request: Request) -> Asked | None:
    """This finds the control that is followed by a model that takes one."""
    return next(iter(asked_controls(chunk, request)), None)


def by_latents(weights: Sequence[float], rule: FrameRule) -> list[float]:
    """This brings weights of frames to latents: each has the mean of those that it stands for."""
    starts = [0, *range(rule.first, len(weights), rule.stride), len(weights)]
    return [fmean(weights[start:stop]) for start, stop in pairwise(starts)]


def guided(answers: Sequence[Tensor], guidance: float) -> Tensor:
    """This goes from the answer without the prompt beyond that with it; an answer by itself stays as it is."""
    if len(answers) == 1:
        return answers[0]
    asked, unasked = answers
    return unasked + guidance * (asked - unasked)
