"""Wan 2.1 VACE and, with two experts, Wan 2.2 VACE, from a folder in diffusers' layout, behind our protocol.

The folder holds `transformer` (and `transformer_2`, for the lower noise levels), `vae`, `text_encoder`, `tokenizer` and
`scheduler`. Chunks are chained in latents: what is carried is held at every level and told the model as known frames,
lightly under noise, as it has learned to go on from a video; nothing of it is decoded and encoded again but its very
first frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

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
from engine.diffusion.inpainting import touched
from engine.diffusion.loras import add_loras
from engine.diffusion.rolling import roll
from engine.diffusion.row import Row
from engine.diffusion.setup import Setup
from engine.diffusion.stylizer import Capabilities, Chunk, Request
from engine.diffusion.vace import DRAWN, GREY, Context, Kept, encode_context, with_references
from engine.diffusion.video_autoencoder import KINDS, VideoAutoencoder
from engine.diffusion.video_model import VideoModel, asked_control, by_latents, guided
from engine.errors import ModelError

Pipeline: Any = WanVACEPipeline  # a type checker sees the dummy that the library shows where torch is missing
OTHER = ("low_noise", "high_noise")
"""In the name of a LoRA's file: it is for the other one of two experts. All others are for both."""


@dataclass(frozen=True)
class Told:
    """What a run tells the denoiser beside the latents: the context, the words (and those against), and the weights.

    made: `[L, 1, h, w]` of patches, 0 where all that is in it is known. weights: `[S, L]`, at each step.
    """

    context: Context
    made: Tensor
    words: list[Tensor]
    guidance: float
    weights: Tensor


@dataclass
class WanVace(VideoModel):
    """A loaded model: one expert, or two."""

    TAKES: ClassVar[Capabilities] = Capabilities(
        frozenset(DRAWN), negative_prompt=True, several=False, references=4, masks=True, times=True
    )

    experts: Experts

    @property
    def patch(self) -> int:
        """Of all experts."""
        return self.experts.patch

    @property
    def nets(self) -> Sequence[Any]:
        """The experts'."""
        return self.experts.nets

    def peak_bytes(self, frames: int, height: int, width: int) -> int:
        """See `VideoModel`."""
        channels, rows, columns = self.noise_shape(height, width)
        latents = 4 * self.rule.latents(frames) * rows * columns * (self.experts.told + 6 * channels)
        seen = self.rule.latents(min(frames, self.window)) * rows * columns
        work = max(self.experts.peak_bytes(seen), self.autoencoder.peak_bytes(frames, height, width))
        return int(self.weight_bytes + latents + 4 * height * width * frames * 18 + work)

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
                chunk.told((step + span.stop / (len(latents) - references)) / request.steps)
            return answer

        if references and told.context.kept is not None:
            clean = torch.cat([told.context.kept[:references], clean])
            generator = torch.Generator().manual_seed(0)  # the same for all chunks of a job
            noise = torch.cat([torch.randn(references, *noise.shape[1:], generator=generator), noise])
        with self.memory.present(*self.experts.nets):
            levels = levels_of(self.scheduler)
            kept, made = told.context.kept, told.context.made.to(clean)
            if (shares := self.made(chunk)) is not None:
                made = torch.cat([made[:references], made[references:] * shares.to(made)])
            return denoise(predict, self.scheduler, levels, clean, noise.to(clean), kept, made)[references:]

    def _velocity(self, told: Told, step: int, timestep: Tensor, latents: Tensor, part: Tensor) -> Tensor:
        """This asks the expert for a level, with and without words, about one window."""
        context = told.context.told[part]
        # What is known is told in full, whatever the control's weight.
        scale = 1 - told.made[part] * (1 - told.weights[step, part]).to(told.made).view(-1, 1, 1, 1)
        answers = [self.experts(timestep, latents, words, context, scale) for words in told.words]
        return guided(answers, told.guidance)

    def _tell(self, chunk: Chunk, request: Request) -> Told:
        """This encodes all that stays the same over a run."""
        control, weights = self._control(chunk, request)
        kept = None
        if chunk.carried is not None:
            shared = self.autoencoder.decode(chunk.carried, chunk.before)
            kept = Kept(chunk.carried, chunk.noise[: len(chunk.carried)], shared)
        mask = None if chunk.mask is None else touched(chunk.mask)
        pictures = [reference.picture for reference in request.active_references]
        context = encode_context(self.autoencoder, chunk.frames, mask, control, kept)
        context = with_references(context, self.autoencoder, pictures)
        weights = torch.cat([weights.new_ones(request.steps, context.references), weights], dim=1)
        made = F.max_pool2d(context.made, self.experts.patch)
        return Told(context, made, self._embed(request), request.guidance, weights)

    def _control(self, chunk: Chunk, request: Request) -> tuple[Tensor | None, Tensor]:
        """This gives the control `[T, 3, H, W]` as VACE knows it, and its weight at each step in each latent, `[S, L]`.

        A frame in which it never weighs anything is told as are all without a control: grey, and in full.
        """
        asked, weights = asked_control(chunk, request), chunk.weights(request)
        if asked is None or asked[0] not in weights:
            return None, torch.ones(request.steps, len(chunk.noise))
        name, shown, _ = asked
        free = [not any(frame) for frame in zip(*weights[name], strict=True)]
        control = torch.where(torch.tensor(free).view(-1, 1, 1, 1), GREY, DRAWN[name](shown))
        told = [[1.0 if none else one for one, none in zip(step, free, strict=True)] for step in weights[name]]
        return control, torch.tensor([by_latents(step, self.rule) for step in told], dtype=torch.float64)


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
    return WanVace(row.name, row.window, row.defaults, checkpoint, autoencoder, words, scheduler, setup.memory, experts)
