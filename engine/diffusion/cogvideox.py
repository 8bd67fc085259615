"""CogVideoX-Fun Control, from a folder in diffusers' layout, behind our protocol.

The folder holds `transformer`, `vae`, `text_encoder`, `tokenizer` and `scheduler`. The control video stands beside the
noise, channel by channel. The model knows neither masks nor kept frames: what is carried, in latents, is held at every
level under the shot's own noise, and told in no other way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, ClassVar

import torch
from diffusers import CogVideoXDDIMScheduler, CogVideoXFunControlPipeline, CogVideoXTransformer3DModel
from torch import Tensor
from transformers import T5EncoderModel

from engine.diffusion import t5
from engine.diffusion.checkpoint import Checkpoint
from engine.diffusion.cogvideox_autoencoder import KINDS, CogVideoXAutoencoder
from engine.diffusion.denoising import Noised
from engine.diffusion.loras import add_loras
from engine.diffusion.row import Row
from engine.diffusion.sampling import Strided, check_scheduler, levels
from engine.diffusion.setup import Setup
from engine.diffusion.stylizer import Capabilities, Chunk, Request
from engine.diffusion.video_model import VideoModel, asked_control, guided
from engine.errors import ModelError

DDIM: Any = CogVideoXDDIMScheduler  # a type checker sees the dummies that the library shows where torch is missing
Pipeline: Any = CogVideoXFunControlPipeline


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
class CogVideoXFun(VideoModel):
    """A loaded model."""

    TAKES: ClassVar[Capabilities] = Capabilities(
        frozenset({"canny", "depth"}), negative_prompt=True, several=False, masks=True
    )

    net: Any

    @property
    def patch(self) -> int:
        """Two; the library says that sides are multiples of eight pixels, and breaks on those."""
        size: int = self.net.config.patch_size
        return size

    @property
    def nets(self) -> Sequence[Any]:
        """One."""
        return [self.net]

    def check(self, request: Request) -> None:
        """This refuses steps that do not fit the strength, too."""
        super().check(request)
        levels(self.scheduler, request.steps, request.strength)

    def peak_bytes(self, frames: int, height: int, width: int) -> int:
        """See `VideoModel`."""
        channels, rows, columns = self.noise_shape(height, width)
        config, size = self.net.config, self.net.patch_embed.proj.weight.element_size()
        inner = config.num_attention_heads * config.attention_head_dim
        seen = self.rule.latents(min(frames, self.window)) * rows * columns / config.patch_size**2 + self.words.most
        work = max(int(seen * inner * 26 * size), self.autoencoder.peak_bytes(frames, height, width))
        latents = 4 * self.rule.latents(frames) * rows * columns * channels * 6
        return int(self.weight_bytes + latents + 4 * height * width * frames * 12 + work)

    def _denoise(self, chunk: Chunk, request: Request) -> Tensor:
        timesteps = levels(self.scheduler, request.steps, request.strength)
        self.scheduler.set_timesteps(timesteps=timesteps, device=self.memory.device)
        with self.memory.present(self.autoencoder.net):
            told, clean = self._tell(chunk, request), self.autoencoder.encode(chunk.frames)
            kept = self.begun(chunk, clean)
        return self.denoised(partial(self._predict, told), self._noised(timesteps), chunk, clean, kept)

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
        return guided(answers, told.guidance)

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
        control, weights = None, (0.0,) * request.steps
        if asked := asked_control(chunk, request):
            _, shown, weights = asked
            control = self.autoencoder.encode(shown)
        return Told(control, weights, self._embed(request), request.guidance)


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
        row.name, row.window, row.defaults, checkpoint, autoencoder, words, scheduler, setup.memory, net
    )
