"""AnimateDiff (arXiv 2307.04725) with ControlNets, from a folder in diffusers' layout, behind our protocol.

The folder holds `unet` (a UNetMotionModel, or a UNet2DConditionModel beside a `motion_adapter`), `vae`,
`text_encoder`, `tokenizer`, `scheduler`, `controlnet_<control>` for each control, and for reference pictures
`ip_adapter` and `image_encoder`. Chunks are chained in latents, each of one frame: what is carried is held at every
level under the shot's own noise, and nothing of it is decoded and encoded again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from diffusers import ControlNetModel, MotionAdapter, UNet2DConditionModel, UNetMotionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from engine.diffusion.autoencoder import KINDS, Autoencoder
from engine.diffusion.checkpoint import Checkpoint
from engine.diffusion.controls import Control, Nets, Steering
from engine.diffusion.inpainting import all_but, shares_made
from engine.diffusion.ip_adapter import IpAdapter
from engine.diffusion.loras import add_loras
from engine.diffusion.memory import Ladder
from engine.diffusion.quiet import quiet
from engine.diffusion.rolling import RollingDenoiser
from engine.diffusion.row import Row
from engine.diffusion.sampling import SCHEDULERS, Sampler, check_scheduler, hold, levels, noised
from engine.diffusion.setup import Setup
from engine.diffusion.stylizer import Capabilities, Chunk, Defaults, Request, Styled, check_fit, check_request
from engine.diffusion.vocabulary import check_words, known_words
from engine.errors import ModelError, SettingsError
from engine.windows import FrameRule


@dataclass
class AnimateDiff:
    """A loaded model. Its parts are what `load` read; nothing of it changes from call to call but cached words."""

    name: str
    window: int
    defaults: Defaults
    checkpoint: Checkpoint
    autoencoder: Autoencoder
    unet: Any
    sampler: Sampler
    nets: Nets[Control]
    adapter: IpAdapter
    memory: Ladder

    def __post_init__(self) -> None:
        self._words: dict[tuple[str, str | None], tuple[Tensor, Tensor | None]] = {}

    @property
    def rule(self) -> FrameRule:
        """Any number of frames; sides in whole latents, and in eights, on which the pipeline insists."""
        return FrameRule(multiple=max(8, self.autoencoder.factor))

    @property
    def lookback(self) -> int:
        """None: every frame is decoded by itself."""
        return 0

    @property
    def capabilities(self) -> Capabilities:
        """Every control that has a ControlNet in the folder; references where there is an IP-Adapter."""
        controls, most = frozenset(self.nets), self.adapter.most
        return Capabilities(
            controls, negative_prompt=True, references=most, weighs_references=True, masks=True, times=True
        )

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the folder's configs and weights."""
        return self.checkpoint.fingerprint()

    def check(self, request: Request) -> None:
        """This refuses unknown controls, prompts that would be cut off, and steps that do not fit the strength.

        The ControlNets that are asked for are loaded, and references looked at, so that a broken part is found now.
        """
        self.adapter.check(request.references)
        check_request(request, self.capabilities, self.name)
        for control in request.active_controls:
            self.nets[control]
        levels(self.sampler.scheduler, request.steps, request.strength)
        check_words(request.prompt, known_words(self.checkpoint), self.name)
        with quiet():
            self.adapter.show(request.active_references)
        tokenizer = self.sampler.tokenizer
        for words in (request.prompt, request.negative_prompt):
            length, most = len(tokenizer(words).input_ids), tokenizer.model_max_length
            if length > most:
                raise SettingsError(f"The prompt has {length} tokens, the model reads {most}. Shorten it: {words!r}.")

    def noise_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """This gives `(c, h, w)` of one frame's latents."""
        return self.autoencoder.channels, height // self.autoencoder.factor, width // self.autoencoder.factor

    def peak_bytes(self, frames: int, height: int, width: int) -> int:
        """This estimates the peak of model and chunk: what stays, one window's activations, a slice of pictures."""
        nets = self.nets.loaded.values()
        working = [self.unet, *self.adapter.nets, *(net.net for net in nets)]
        weights = self.memory.held_bytes([self.autoencoder.net, self.sampler.text_encoder], working)
        channels, rows, columns = self.noise_shape(height, width)
        first = int(self.unet.config.block_out_channels[0])
        latents = frames * rows * columns * (6 * channels + first * len(nets))
        pictures = height * width * (frames * (7 + 2 * len(nets)) + self.autoencoder.slice_frames * 96)
        activations = (1 + self.memory.plan.together) * min(frames, self.window) * rows * columns * first * 30
        return int(weights + 4 * (latents + pictures + activations))

    @quiet()
    @torch.no_grad()
    def restyle(self, chunk: Chunk, request: Request) -> Styled:
        """This denoises one chunk of any length jointly, window by window. A broken answer is a `ModelError`."""
        self.check(request)
        check_fit(chunk, self)
        self._settle()
        latents = self._denoise(chunk, request)
        with self.memory.present(self.autoencoder.net):
            frames = self.autoencoder.decode(latents)
        if not all(part.isfinite().all() for part in (latents, *torch.split(frames, self.autoencoder.slice_frames))):
            raise ModelError(f"The model {self.name} gave values that are not numbers: its weights are broken.")
        return Styled(frames, latents.cpu())

    def _settle(self) -> None:
        """This arranges the parts as the plan for memory wants them."""
        plan, nets = self.memory.plan, self.nets.loaded.values()
        self.autoencoder.spare(plan.slice_frames, plan.tiled)
        encoders = [net.encoder for net in nets]
        self.memory.settle(
            [self.sampler.text_encoder, self.autoencoder.net, *encoders], [self.unet, *(n.net for n in nets)]
        )

    def _denoise(self, chunk: Chunk, request: Request) -> Tensor:
        weights = chunk.weights(request)
        used, plan = [self.nets[name] for name in weights], self.memory.plan
        with self.memory.present(*(net.encoder for net in used)):
            steering = Steering.encode(self.nets, weights, chunk.controls, plan.slice_frames, plan.control_pictures)
        scheduler, device = self.sampler.scheduler, self.memory.device
        timesteps = levels(scheduler, request.steps, request.strength)
        scheduler.set_timesteps(timesteps=timesteps, device=device)
        with self.memory.present(self.autoencoder.net):
            clean, noise = self.autoencoder.encode(chunk.frames), chunk.noise.to(device)
        options: dict[str, Any] = {}
        kept = 0 if chunk.carried is None else len(chunk.carried)
        if chunk.carried is not None:
            clean[:kept] = chunk.carried.to(device)
        made = None if chunk.mask is None else shares_made(chunk.mask, self.autoencoder.factor, self.rule)
        if (made := all_but(kept, made, noise)) is not None:
            if not made.any():
                return clean
            options["callback_on_step_end"] = hold(clean, noise, made, scheduler, timesteps)
        words, guided = self._embed(request), request.guidance > 1
        with (
            self.adapter.worn(request.active_references, guided) as seen,
            self.memory.present(self.unet, *(net.net for net in used)),
        ):
            self.sampler.unet = RollingDenoiser(
                self.unet, steering, self.window, plan.together, lambda done: chunk.told(done / request.steps)
            )
            try:
                return self.sampler.sample(
                    noised(clean, noise, scheduler, timesteps[0]),
                    words,
                    timesteps,
                    guidance_scale=float(request.guidance),
                    generator=torch.Generator().manual_seed(chunk.seed),
                    **options,
                    **seen,
                )
            finally:
                self.sampler.unet = self.unet  # else the hints would stay until the next chunk has its own

    def _embed(self, request: Request) -> tuple[Tensor, Tensor | None]:
        """This encodes the words once per job."""
        guided = request.guidance > 1
        key = (request.prompt, request.negative_prompt if guided else None)
        if key not in self._words:
            with self.memory.present(self.sampler.text_encoder):
                self._words[key] = self.sampler.encode_prompt(key[0], self.memory.device, 1, guided, key[1])
        return self._words[key]


def load(checkpoint: Checkpoint, row: Row, setup: Setup, loras: Mapping[str, float]) -> AnimateDiff:
    """This loads a model, the autoencoder always in float32, and works `loras` into it, by component with weights.

    The row's window is cut to what the motion modules can number. What is missing is refused with its name.
    """
    dtype, device = setup.dtype, setup.memory.home
    unet = _load_unet(checkpoint, dtype, device)
    autoencoder = Autoencoder(checkpoint.weights("vae", checkpoint.pick("vae", KINDS), torch.float32, device))
    if autoencoder.channels != unet.config.in_channels:
        has, wants = autoencoder.channels, unet.config.in_channels
        raise ModelError(f"{checkpoint.name}: the autoencoder has {has} channels, the UNet takes {wants}.")
    scheduler = _load_scheduler(checkpoint, row)
    text_encoder = checkpoint.weights("text_encoder", CLIPTextModel, dtype, device)
    sampler = Sampler.of(setup.device, autoencoder.net, text_encoder, _load_tokenizer(checkpoint), unet, scheduler)
    add_loras(sampler, [unet, text_encoder], {checkpoint.place(name): weight for name, weight in loras.items()})
    window = min(row.window, unet.config.motion_max_seq_length)

    def net(control: str) -> Control:
        return Control(control, checkpoint.weights(f"controlnet_{control}", ControlNetModel, dtype, device))

    nets, adapter = Nets(checkpoint.controls(), net), IpAdapter(checkpoint, row, sampler, setup.memory)
    parts = (autoencoder, unet, sampler, nets, adapter)
    return AnimateDiff(row.name, window, row.defaults, checkpoint, *parts, setup.memory)


def _load_unet(checkpoint: Checkpoint, dtype: torch.dtype, device: torch.device) -> Any:  # noqa: ANN401
    cls = checkpoint.pick("unet", {kind.__name__: kind for kind in (UNetMotionModel, UNet2DConditionModel)})
    unet = checkpoint.weights("unet", cls, dtype, device)
    if cls is UNetMotionModel:
        return unet
    if not checkpoint.has("motion_adapter"):
        raise ModelError(
            f"The model {checkpoint.name} has no motion_adapter: it makes still pictures. Lend it one with "
            f"--model animatediff --checkpoint {checkpoint.name}."
        )
    adapter = checkpoint.weights("motion_adapter", MotionAdapter, dtype, device)
    joined: Any = UNetMotionModel.from_unet2d(unet, adapter)
    return joined.requires_grad_(False).eval().to(device, dtype)


def _load_scheduler(checkpoint: Checkpoint, row: Row) -> Any:  # noqa: ANN401 - schedulers share no typed base
    if row.scheduler:
        config, cls = row.scheduler, SCHEDULERS[row.scheduler["_class_name"]]
    else:
        cls = checkpoint.pick("scheduler", SCHEDULERS, "scheduler_config.json")
        config = checkpoint.config("scheduler", "scheduler_config.json")
    made: Any = cls
    scheduler = made.from_config({key: value for key, value in config.items() if not key.startswith("_")})
    # Lightning's sampler has no such setting; its levels are fixed all the same.
    if "original_inference_steps" in config:
        scheduler.register_to_config(original_inference_steps=config["original_inference_steps"])
    check_scheduler(scheduler)
    return scheduler


def _load_tokenizer(checkpoint: Checkpoint) -> Any:  # noqa: ANN401
    place = checkpoint.place("tokenizer")
    if not any((place / name).is_file() for name in ("tokenizer.json", "vocab.json")):
        raise ModelError(f"{place} has neither tokenizer.json nor vocab.json.")  # the library would know no word
    try:
        return CLIPTokenizer.from_pretrained(place, local_files_only=True)
    except (OSError, ValueError) as error:
        raise ModelError(f"The model {checkpoint.name} has no tokenizer that can be read: {error}") from error
