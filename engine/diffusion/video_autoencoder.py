"""Frames to latents and back through an autoencoder that compresses time: causal, one latent for every four frames.

Its first latent stands for the first frame alone, every later one for four more. It looks back and never ahead, so a
chunk that goes on from another is decoded behind some of that one's latents: begun anew, it would take its first latent
for a still picture.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKLWan
from torch import Tensor

from engine.errors import ModelError
from engine.windows import FrameRule

KINDS: dict[str, type] = {"AutoencoderKLWan": AutoencoderKLWan}

STRIDE = 4
"""Frames in a latent: the library's own loops over time count in fours, whatever a config says."""


class VideoAutoencoder:
    """Encodes and decodes one video at once, four frames at a time inside. Float32 throughout."""

    def __init__(self, net: Any) -> None:  # noqa: ANN401 - one of KINDS
        halvings = list(net.config.temperal_downsample)
        if sum(halvings) != 2:
            raise ModelError(
                f"The autoencoder makes a latent of {2 ** sum(halvings)} frames; what works here is {STRIDE}."
            )
        self.net: Any = net.float()
        self.factor = 2 ** len(halvings) * (net.config.patch_size or 1)
        self.channels: int = net.config.z_dim
        self.rule = FrameRule(self.factor, STRIDE, offset=1)
        self._mean = torch.tensor(net.config.latents_mean).view(-1, 1, 1)
        self._std = torch.tensor(net.config.latents_std).view(-1, 1, 1)
        if not len(self._mean) == len(self._std) == self.channels:
            raise ModelError(f"The autoencoder has {self.channels} channels, but statistics for {len(self._mean)}.")

    @property
    def _device(self) -> torch.device:
        device: torch.device = self.net.device
        return device

    def encode(self, frames: Tensor) -> Tensor:
        """This turns frames `[T, 3, H, W]`, 0 to 1, into latents `[L, c, h, w]` at the denoiser's scale.

        The most likely latents are taken, not drawn ones. T must be a valid length: of any other the library would drop
        the last frames.
        """
        if self.rule.length(len(frames)) != len(frames):
            raise ValueError(f"the autoencoder takes 4k + 1 frames, not {len(frames)}")
        video = frames.to(self._device).transpose(0, 1)[None] * 2 - 1
        latents: Tensor = self.net.encode(video).latent_dist.mode()[0].transpose(0, 1)
        return (latents - self._mean.to(latents)) / self._std.to(latents)

    def decode(self, latents: Tensor, before: Tensor | None = None) -> Tensor:
        """This turns latents into the frames that they stand for, 0 to 1, on the CPU.

        before: `[P, c, h, w]`, those that come before them in the shot. Without any, the first latent is one frame and
        begins a shot; behind some, it goes on from them and still gives the last of its frames alone.
        """
        whole = (latents if before is None else torch.cat([before.to(latents), latents])).to(self._device)
        scaled = whole * self._std.to(whole) + self._mean.to(whole)
        video: Tensor = self.net.decode(scaled.transpose(0, 1)[None], return_dict=False)[0][0]
        frames = video.transpose(0, 1)[-self.rule.frames(len(latents)) :]
        return (frames.cpu() / 2 + 0.5).clamp_(0, 1)

    def peak_bytes(self, frames: int, height: int, width: int) -> int:
        """This estimates what decoding takes at most beside the weights: four frames' work, and the result.

        Within 3 % of what was measured with Wan's own sizes, on a CPU: 1.55 GB for 9 frames of 256x256, 0.52 for 33 of
        128x128. Encoding takes less.
        """
        widest = int(self.net.config.decoder_base_dim or self.net.config.base_dim)
        caches: int = sum(name.endswith("conv1") for name, _ in self.net.decoder.up_blocks.named_modules())
        work: int = widest * (STRIDE * 8 + 2 * caches) + 6 * frames
        return 4 * height * width * work + 160_000_000
