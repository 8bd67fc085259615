"""Frames to latents and back, a few frames at a time, for each kind of autoencoder that diffusers has for pictures."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderDC, AutoencoderKL, AutoencoderTiny
from torch import Tensor

KINDS: dict[str, type] = {kind.__name__: kind for kind in (AutoencoderKL, AutoencoderTiny, AutoencoderDC)}


class Autoencoder:
    """Encodes and decodes `slice_frames` at once, so that memory does not grow with the clip. Float32 throughout."""

    def __init__(self, net: Any, slice_frames: int = 4) -> None:  # noqa: ANN401 - one of KINDS
        self.net: Any = net.float()
        self.slice_frames = slice_frames
        self.factor = _factor(net)
        self.channels: int = net.config.latent_channels
        self._scale: float = net.config.get("scaling_factor") or 1.0
        self._shift: float = net.config.get("shift_factor") or 0.0

    def spare(self, slice_frames: int, tiled: bool) -> None:
        """This has it see so many frames at once, and large ones in tiles where its kind can do that rightly.

        The library's tiles for the small kinds take a factor of eight and four channels for granted.
        """
        self.slice_frames = slice_frames
        if tiled and isinstance(self.net, AutoencoderKL):
            self.net.enable_tiling()

    @property
    def _device(self) -> torch.device:
        device: torch.device = self.net.device
        return device

    def encode(self, frames: Tensor) -> Tensor:
        """This turns frames `[T, 3, H, W]`, 0 to 1, into latents `[T, c, h, w]` at the denoiser's scale.

        The most likely latents are taken, not drawn ones: the same frame has the same latents in every chunk.
        """
        parts = torch.split(frames, self.slice_frames)
        latents = torch.cat([self._encode(part.to(self._device) * 2 - 1) for part in parts])
        return (latents - self._shift) * self._scale

    def decode(self, latents: Tensor) -> Tensor:
        """This turns latents into frames, 0 to 1, on the CPU."""
        frames = torch.empty(len(latents), 3, latents.shape[-2] * self.factor, latents.shape[-1] * self.factor)
        slices = (torch.split(whole, self.slice_frames) for whole in (frames, latents))
        for here, part in zip(*slices, strict=True):
            picture = self.net.decode(part / self._scale + self._shift, return_dict=False)[0]
            here.copy_((picture / 2 + 0.5).clamp_(0, 1))
        return frames

    def _encode(self, pictures: Tensor) -> Tensor:
        encoded = self.net.encode(pictures)
        latents: Tensor = encoded.latent_dist.mode() if isinstance(self.net, AutoencoderKL) else encoded[0]
        return latents


def _factor(net: Any) -> int:  # noqa: ANN401
    config = net.config
    channels = config.block_out_channels if isinstance(net, AutoencoderKL) else config.encoder_block_out_channels
    return int(2 ** (len(channels) - 1))
