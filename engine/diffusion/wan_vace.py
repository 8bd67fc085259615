"""Wan 2.1 VACE and, with two experts, Wan 2.2 VACE, from a folder in diffusers' layout, behind our protocol.

The folder holds `transformer` (and `transformer_2`, for the lower noise levels), `vae`, `text_encoder`, `tokenizer` and
`scheduler`. Chunks are chained in latents: what is carried is held at every level and told the model as known frames,
as it has learned to go on from a video; nothing of it is decoded and encoded again but its very first frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from diffusers import WanVACEPipeline, WanVACETransformer3DModel
from torch import Tensor
from torch.nn import functional as F
from transformers import UMT5EncoderModel

from engine.diffusion import t5
from engine.diffusion.checkpoint import Checkpoint
from engine.diffusion.denoising import denoise
from engine.diffusion.experts import Experts
from engine.diffusion.flow_sampling import begin, levels_of, load_flow_scheduler
from engine.diffusion.loras import add_loras
from engine.diffusion.memory import Ladder
from engine.diffusion.quiet import quiet
from engine.diffusion.rolling import roll
from engine.diffusion.row import Row
from engine.diffusion.setup import Setup
from engine.diffusion.stylizer import Capabilities, Chunk, Defaults, Request, Styled, check_fit, check_request
from engine.diffusion.vace import DRAWN, Context, Kept, encode_context, with_references
from engine.diffusion.video_autoencoder import KINDS, VideoAutoencoder
from engine.errors import ModelError
from engine.windows import FrameRule

Pipeline: Any = WanVACEPipeline  # a type checker sees the dummy that the library shows where torch is missing
OTHER = ("low_noise", "high_noise")
"""In the name of a LoRA's file: it is for the other one of two experts. All others are for both."""
TAKES = Capabilities(frozenset(DRAWN), negative_prompt=True, several=False, references=4)
LOOKBACK = 4
"""Latents of the chunk before that a chunk's first ones are decoded behind: sixteen frames.

The decoder remembers more, but what it remembers fades; each of them costs the decoding of four frames a chunk.
"""


@dataclass(frozen=True)
class Told:
    """What a run tells the denoiser beside the latents: the context, the words (and those against), and the weights.

    made: `[L, 1, h, w]` of patches, 0 where all that is in it is known.
    """

    context: Context
    made: Tensor
    words: list[Tensor]
    guidance: float
    weights: tuple[float, ...]


@dataclass
class WanVace:
    """A loaded model. Nothing of it changes from call to call but cached words."""

    name: str
    window: int
    defaults: Defaults
    checkpoint: Checkpoint
    autoencoder: VideoAutoencoder
    words: t5.Words
    experts: Experts
    scheduler: Any
    memory: Ladder

    @property
    def rule(self) -> FrameRule:
        """4k + 1 frames; sides in whole patches of latents."""
        return FrameRule(self.autoencoder.factor * self.experts.patch, self.autoencoder.rule.stride, offset=1)

    @property
    def lookback(self) -> int:
        """See `LOOKBACK`."""
        return LOOKBACK

    @property
    def capabilities(self) -> Capabilities:
        """The maps that VACE was trained on; one video shows one of them."""
        return TAKES

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

    def peak_bytes(self, frames: int, height: int, width: int) -> int:
        """This estimates the peak of model and chunk: weights, pictures, and the larger of denoising and decoding."""
        channels, rows, columns = self.noise_shape(height, width)
        parts = [self.autoencoder.net, self.words.encoder, *self.experts.nets]
        weights = sum(p.numel() * p.element_size() for part in parts for p in part.parameters())
        latents = 4 * self.rule.latents(frames) * rows * columns * (self.experts.told + 6 * channels)
        seen = self.rule.latents(min(frames, self.window)) * rows * columns
        work = max(self.experts.peak_bytes(seen), self.autoencoder.peak_bytes(frames, height, width))
        return int(weights + latents + 4 * height * width * frames * 18 + work)

    @quiet()
    @torch.no_grad()
    def restyle(self, chunk: Chunk, request: Request) -> Styled:
        """This denoises one chunk jointly, window by window. A broken answer is a `ModelError`."""
        self.check(request)
        check_fit(chunk, self)
        self.memory.settle([self.autoencoder.net], list(self.experts.nets))
        latents = self._denoise(chunk, request)
        with self.memory.present(self.autoencoder.net):
            frames = self.autoencoder.decode(latents, chunk.before)
        if not (latents.isfinite().all() and frames.isfinite().all()):
            raise ModelError(f"The model {self.name} gave values that are not numbers: its weights are broken.")
        return Styled(frames, latents.cpu())

    def _denoise(self, chunk: Chunk, request: Request) -> Tensor:
        with self.memory.present(self.autoencoder.net):
            told = self._tell(chunk, request)
            clean, noise = self.autoencoder.encode(chunk.frames), chunk.noise
        begin(self.scheduler, request.steps, request.strength, self.memory.device)
        references = told.context.references

        def predict(step: int, timestep: Tensor, latents: Tensor) -> Tensor:
            answer = torch.empty_like(latents)
            for span in roll(len(latents) - references, self.rule.latents(self.window), step):
                part = told.context.window(span)
                answer[part] = self._velocity(told, step, timestep, latents[part], part)
            return answer

        if references and told.context.kept is not None:
            clean = torch.cat([told.context.kept[:references], clean])
            generator = torch.Generator().manual_seed(0)  # the same for all chunks of a job
            noise = torch.cat([torch.randn(references, *noise.shape[1:], generator=generator), noise])
        with self.memory.present(*self.experts.nets):
            levels = levels_of(self.scheduler)
            latents = denoise(predict, self.scheduler, levels, clean, noise.to(clean), told.context.kept)[references:]
        if chunk.carried is not None:
            latents[: len(chunk.carried)] = chunk.carried.to(latents)
        return latents

    def _velocity(self, told: Told, step: int, timestep: Tensor, latents: Tensor, part: Tensor) -> Tensor:
        """This asks the expert for a level, with and without words, about one window."""
        context = told.context.told[part]
        # What is known is told in full, whatever the control's weight.
        scale = 1 - told.made[part] * (1 - told.weights[step])
        answers = [self.experts(timestep, latents, words, context, scale) for words in told.words]
        if len(answers) == 1:
            return answers[0]
        asked, unasked = answers
        return unasked + told.guidance * (asked - unasked)

    def _tell(self, chunk: Chunk, request: Request) -> Told:
        """This encodes all that stays the same over a run."""
        words = [request.prompt, request.negative_prompt] if request.guidance > 1 else [request.prompt]
        weights, control = (1.0,) * request.steps, None
        for name, weight in request.active_controls.items():
            if name not in chunk.controls:
                raise ValueError(f"no control map for {name}; there are maps for {', '.join(chunk.controls) or 'none'}")
            control = DRAWN[name](chunk.controls[name].expand(-1, 3, -1, -1))
            weights = weight.over(request.steps)
        kept = None
        if chunk.carried is not None:
            kept = Kept(chunk.carried, self.autoencoder.decode(chunk.carried, chunk.before))
        size = (chunk.frames.shape[-2], chunk.frames.shape[-1])
        context = encode_context(self.autoencoder, len(chunk.frames), size, control, kept)
        context = with_references(context, self.autoencoder, request.references)
        made = F.max_pool2d(context.made, self.experts.patch)
        return Told(context, made, [self.words.embed(text) for text in words], request.guidance, weights)


def load(checkpoint: Checkpoint, row: Row, setup: Setup, loras: Mapping[str, float]) -> WanVace:
    """This loads a model, the autoencoder always in float32, and works `loras` into it, by component with weights.

    What is missing or does not fit is refused by name.
    """
    home = replace(setup, device=setup.memory.home)
    experts = Experts.load(checkpoint, WanVACETransformer3DModel, home)
    for number, net in enumerate(experts.nets):
        files = {checkpoint.place(name): weight for name, weight in loras.items()}
        meant = {file: weight for file, weight in files.items() if OTHER[number] not in file.name}
        add_loras(Pipeline(None, None, None, None, transformer=net), [net], meant)
    net = checkpoint.weights("vae", checkpoint.pick("vae", KINDS), torch.float32, home.device)
    autoencoder = VideoAutoencoder(net)
    told = 2 * autoencoder.channels + autoencoder.factor**2
    if (experts.channels, experts.told) != (autoencoder.channels, told):
        raise ModelError(
            f"{checkpoint.name}: the transformer takes latents of {experts.channels} channels and {experts.told} of "
            f"context; with this autoencoder it gets {autoencoder.channels} and {told}."
        )
    scheduler = load_flow_scheduler(checkpoint, row)
    words = t5.load(checkpoint, setup, UMT5EncoderModel, most=512)
    return WanVace(row.name, row.window, row.defaults, checkpoint, autoencoder, words, experts, scheduler, setup.memory)
