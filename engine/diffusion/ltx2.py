"""LTX-2 and 2.3 (arXiv 2601.03233) with control by in-context LoRAs, from a folder in diffusers' layout.

The folder holds `transformer`, `connectors`, `vae`, `text_encoder`, `tokenizer`, `scheduler`, and for each control an
`iclora_<control>` with one LoRA. The control video is shown as clean tokens beside the noisy ones, at their places, as
much smaller as its LoRA says that it was when that learned to follow it. The model makes sound, too; here it is asked
for pictures alone, as those LoRAs were trained. Chunks are chained in latents: what is carried is told as known,
without noise, as its makers do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import torch
from diffusers import LTX2InContextPipeline, LTX2VideoTransformer3DModel
from torch import Tensor
from torch.nn import functional as F

from engine.diffusion import gemma
from engine.diffusion.checkpoint import Checkpoint
from engine.diffusion.controls import Nets
from engine.diffusion.flow_sampling import begin, levels_of, load_flow_scheduler
from engine.diffusion.loras import add_loras, attach_lora, only_lora, reference_downscale
from engine.diffusion.ltx2_autoencoder import KINDS, LTX2Autoencoder
from engine.diffusion.row import Row
from engine.diffusion.setup import Setup
from engine.diffusion.stylizer import Capabilities, Chunk, Request
from engine.diffusion.video_model import VideoModel, asked_control, guided
from engine.errors import ModelError, SettingsError

Pipeline: Any = LTX2InContextPipeline  # a type checker sees the dummy that the library shows where torch is missing
ICLORA = "iclora_"
RATE = 24.0
"""Frames a second that the model is told, whatever the clip's: the rate that its defaults are for."""


@dataclass(frozen=True)
class Told:
    """What a run tells the model beside the latents.

    control: the name of the one that is followed, its latents `[L, c, h, w]` and its weight at each step.
    known: what the first latents are, `[K, c, h, w]`.
    """

    control: tuple[str, Tensor, tuple[float, ...]] | None
    known: Tensor | None
    words: list[Tensor]
    guidance: float


@dataclass
class LTX2(VideoModel):
    """A loaded model."""

    TAKES: ClassVar[Capabilities] = Capabilities(
        frozenset({"canny", "depth", "openpose"}), negative_prompt=True, several=False, masks=True
    )

    net: Any
    controls: Nets[int]

    @property
    def capabilities(self) -> Capabilities:
        """Every control that has a LoRA here."""
        return replace(self.TAKES, controls=frozenset(self.controls))

    @property
    def patch(self) -> int:
        """One: a token is a latent."""
        return 1

    @property
    def nets(self) -> Sequence[Any]:
        """One, with the LoRAs in it."""
        return [self.net]

    @property
    def weight_bytes(self) -> int:
        """Those of the connectors, too."""
        own: Any = self.words
        connectors: int = sum(p.numel() * p.element_size() for p in own.connectors.parameters())
        return super().weight_bytes + connectors

    def check(self, request: Request) -> None:
        """This refuses a single step, too. A control's LoRA is loaded, so that a broken one is found now."""
        super().check(request)
        if request.steps < 2 and self.scheduler.config.shift_terminal:
            raise SettingsError(f"The model {self.name} takes at least 2 steps.")
        for control in request.active_controls:
            self.controls[control]

    def peak_bytes(self, frames: int, height: int, width: int) -> int:
        """See `VideoModel`. Measured with the real widths, on a CPU: 1.23 GB for 1536 tokens."""
        channels, rows, columns = self.noise_shape(height, width)
        config, size = self.net.config, self.net.proj_in.weight.element_size()
        seen = 2 * self.rule.latents(min(frames, self.window)) * rows * columns  # with a control's
        inner = config.num_attention_heads * config.attention_head_dim
        work = max(int(seen * inner * 50 * size), self.autoencoder.peak_bytes(frames, height, width))
        latents = 4 * self.rule.latents(frames) * rows * columns * channels * 6
        return int(self.weight_bytes + latents + 4 * height * width * frames * 12 + work)

    def _denoise(self, chunk: Chunk, request: Request) -> Tensor:
        with self.memory.present(self.autoencoder.net):
            clean = self.autoencoder.encode(chunk.frames)
            kept = self.begun(chunk, clean)
            told = self._tell(chunk, request, kept)
        device, seen = self.memory.device, self.rule.latents(self.window) * clean.shape[-2] * clean.shape[-1]
        if told.control is not None:
            seen += self.rule.latents(self.window) * told.control[1][0, 0].numel()
        begin(self.scheduler, request.steps, request.strength, device, seen)
        return self.denoised(partial(self._velocity, told), levels_of(self.scheduler), chunk, clean, kept)

    def _tell(self, chunk: Chunk, request: Request, kept: Tensor | None) -> Told:
        """This encodes all that stays the same over a run."""
        control = None
        if asked := asked_control(chunk, request):
            name, shown, weights = asked
            control = (name, self.autoencoder.encode(self._smaller(shown, self.controls[name])), weights)
        return Told(control, kept, self._embed(request), request.guidance)

    def _smaller(self, shown: Tensor, factor: int) -> Tensor:
        """This brings a control video to the size in which it is shown, made up to whole latents by its edge."""
        side = self.autoencoder.factor * factor
        below, right = (-size % side for size in shown.shape[-2:])
        return F.avg_pool2d(F.pad(shown, (0, right, 0, below), mode="replicate"), factor)

    def _velocity(self, told: Told, step: int, timestep: Tensor, latents: Tensor, part: slice) -> Tensor:
        """This asks the model about one window, with and without words."""
        levels, seen = timestep.expand(len(latents)).to(latents), latents
        if told.known is not None and part.start < len(told.known):
            known = told.known[part]
            seen = torch.cat([known, latents[len(known) :]])
            levels = torch.cat([torch.zeros_like(levels[: len(known)]), levels[len(known) :]])
        answers = [self._steered(told, step, seen, levels, words, part) for words in told.words]
        return guided(answers, told.guidance)

    def _steered(self, told: Told, step: int, latents: Tensor, levels: Tensor, words: Tensor, part: slice) -> Tensor:
        """This goes from the answer without control and its LoRA towards the one with both."""
        if told.control is None or told.control[2][step] == 0:
            return self._ask(latents, levels, words)
        name, shown, weights = told.control
        steered = self._ask(latents, levels, words, name, shown[part])
        if weights[step] == 1:
            return steered
        return torch.lerp(self._ask(latents, levels, words), steered, weights[step])

    def _ask(
        self, latents: Tensor, levels: Tensor, words: Tensor, control: str = "", shown: Tensor | None = None
    ) -> Tensor:
        """levels: the timestep of each latent. What is shown stands behind the latents, clean."""
        if control:
            self.net.set_adapters([control], [1.0])
            self.net.enable_lora()
        elif self.controls.loaded:
            self.net.disable_lora()
        dtype, device, (height, width) = self.net.proj_in.weight.dtype, self.memory.device, latents.shape[-2:]
        places = self._places(latents)
        tokens, times = _tokens(latents), levels.repeat_interleave(height * width)[None]
        if shown is not None:
            beside = _tokens(shown)
            tokens = torch.cat([tokens, beside], dim=1)
            times = torch.cat([times, times.new_zeros(1, beside.shape[1])], dim=1)
            places = torch.cat([places, self._places(shown, self.controls[control])], dim=2)
        now, silence = levels[-1:].to(device), self._silence(dtype, device)
        answer: Tensor = self.net(
            hidden_states=tokens.to(device, dtype),
            encoder_hidden_states=words.to(device, dtype),
            timestep=times.to(device),
            sigma=now,
            audio_timestep=now,
            video_coords=places,
            num_frames=len(latents),
            height=height,
            width=width,
            fps=RATE,
            isolate_modalities=True,
            return_dict=False,
            **silence,
        )[0]
        made = answer[0, : len(latents) * height * width].view(len(latents), height, width, -1)
        return made.permute(0, 3, 1, 2).to(latents)

    def _places(self, latents: Tensor, factor: int = 1) -> Tensor:
        """The places of latents in time and in the picture, of which each of theirs covers `factor` times as much."""
        sides, device = latents.shape[-2:], self.memory.device
        places: Tensor = self.net.rope.prepare_video_coords(1, len(latents), *sides, device, fps=RATE)
        return places * places.new_tensor([1, factor, factor]).view(1, 3, 1, 1)

    def _silence(self, dtype: torch.dtype, device: torch.device) -> dict[str, Any]:
        """A moment of sound, of which the pictures know nothing: the library's model cannot do without."""
        config = self.net.config
        words = config.caption_channels if config.use_prompt_embeddings else config.audio_cross_attention_dim
        return {
            "audio_hidden_states": torch.zeros(1, 1, config.audio_in_channels, device=device, dtype=dtype),
            "audio_encoder_hidden_states": torch.zeros(1, 1, words, device=device, dtype=dtype),
            "audio_num_frames": 1,
        }


def _tokens(latents: Tensor) -> Tensor:
    return latents.permute(0, 2, 3, 1).reshape(1, -1, latents.shape[1])


def load(checkpoint: Checkpoint, row: Row, setup: Setup, loras: Mapping[str, float]) -> LTX2:
    """This loads a model, the autoencoder always in float32, and works `loras` into it, by component with weights.

    The LoRAs of controls are loaded when they are asked for. What is missing or does not fit is refused by name.
    """
    net = checkpoint.weights("transformer", LTX2VideoTransformer3DModel, setup.dtype, setup.memory.home)
    autoencoder = LTX2Autoencoder(
        checkpoint.weights("vae", checkpoint.pick("vae", KINDS), torch.float32, setup.memory.home)
    )
    config = net.config
    if (config.patch_size, config.patch_size_t) != (1, 1) or config.use_keyframes_abs_pos_embedding:
        raise ModelError(f"{checkpoint.name} is neither LTX-2 nor 2.3; what came later does not work here yet.")
    if config.in_channels != autoencoder.channels:
        raise ModelError(
            f"{checkpoint.name}: the transformer takes latents of {config.in_channels} channels, the autoencoder makes "
            f"{autoencoder.channels}."
        )
    pipeline = Pipeline(None, None, None, None, None, None, net, None)
    add_loras(pipeline, [net], {checkpoint.place(name): weight for name, weight in loras.items()})

    def attach(control: str) -> int:
        file = only_lora(checkpoint.place(ICLORA + control))
        attach_lora(pipeline, net, file, control)
        net.requires_grad_(False).to(setup.memory.home, setup.dtype)
        return reference_downscale(file)

    names = [name.removeprefix(ICLORA) for name in checkpoint.places if name.startswith(ICLORA)]
    controls, words = Nets(names, attach), gemma.load(checkpoint, setup)
    scheduler = load_flow_scheduler(checkpoint, row, dynamic=True)
    defaults = replace(row.defaults, controls={n: w for n, w in row.defaults.controls.items() if n in names})
    rest = (autoencoder, words, scheduler, setup.memory, net, controls)
    return LTX2(row.name, row.window, defaults, checkpoint, *rest)
