"""LTX-2's autoencoder: one latent for every eight frames and 32 pixels a side, the first for the first frame alone.

It encodes looking back only, and decodes looking both ways: what a chunk's last frames are like depends on what comes
after. So its last latent is given up where the shot goes on.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKLLTX2Video
from torch import Tensor

from engine.errors import ModelError
from engine.windows import FrameRule

KINDS: dict[str, type] = {"AutoencoderKLLTX2Video": AutoencoderKLLTX2Video}
WEAK = 1
"""Latents that a chunk gives up at its end, eight frames.

With random weights of the real widths, the last eight frames of a chunk differ by 0.8 to 1.1 times the spread of all of
them from what they are with others behind them, the eight before by 0.5 to 0.7, and so on, a third to a half less each.
"""
WORK = 6  # pictures of the widest layers that are there at once


class LTX2Autoencoder:
    """Encodes and decodes one video at once. Float32 throughout.

    Pictures larger than 512 pixels a side go in overlapping tiles of that size, as the library has it.
    """

    def __init__(self, net: Any) -> None:  # noqa: ANN401 - one of KINDS
        config = net.config
        if config.timestep_conditioning or any(_all(config.decoder_inject_noise)) or not config.encoder_causal:
            raise ModelError(
                "The autoencoder draws noise or levels while it decodes, or looks ahead while it encodes; none such "
                "works here."
            )
        self.net: Any = net.float()
        self.net.use_tiling = True
        self.factor = int(net.spatial_compression_ratio)
        self.channels: int = config.latent_channels
        weak = 0 if config.decoder_causal else WEAK
        self.rule = FrameRule(self.factor, int(net.temporal_compression_ratio), offset=1, weak=weak)
        self._scale: float = config.scaling_factor

    @property
    def _device(self) -> torch.device:
        device: torch.device = self.net.device
        return device

    def _statistics(self) -> tuple[Tensor, Tensor]:
        return self.net.latents_mean.view(-1, 1, 1), self.net.latents_std.view(-1, 1, 1)

    def encode(self, frames: Tensor) -> Tensor:
        """This turns 8k + 1 frames `[T, 3, H, W]`, 0 to 1, into the most likely latents `[L, c, h, w]`, scaled."""
        if self.rule.length(len(frames)) != len(frames):
            raise ValueError(f"the autoencoder takes {self.rule.stride}k + 1 frames, not {len(frames)}")
        video = frames.to(self._device).transpose(0, 1)[None] * 2 - 1
        latents: Tensor = self.net.encode(video).latent_dist.mode()[0].transpose(0, 1)
        mean, spread = self._statistics()
        return (latents - mean) * self._scale / spread

    def decode(self, latents: Tensor, before: Tensor | None = None) -> Tensor:
        """This turns latents into the frames that they stand for, 0 to 1, on the CPU, behind those `before` them."""
        whole = (latents if before is None else torch.cat([before.to(latents), latents])).to(self._device)
        mean, spread = self._statistics()
        scaled = whole * spread / self._scale + mean
        video: Tensor = self.net.decode(scaled.transpose(0, 1)[None], return_dict=False)[0][0]
        frames = video.transpose(0, 1)[-self.rule.frames(len(latents)) :]
        return (frames.cpu() / 2 + 0.5).clamp_(0, 1)

    def peak_bytes(self, frames: int, height: int, width: int) -> int:
        """This estimates what encoding or decoding takes at most beside the weights: a tile of all frames, and it all.

        As much as was measured with LTX-2's own sizes, on a CPU, for encoding 17 frames of 128x192, 0.62 GB; decoding
        took less, 0.48 GB for 33 of them. Larger ones were not measured.
        """
        tile: int = min(height, self.net.tile_sample_min_height) * min(width, self.net.tile_sample_min_width)
        widest = int(self.net.config.decoder_block_out_channels[0]) / self.net.config.patch_size**2
        return int(4 * frames * (tile * widest * WORK + height * width * 6)) + 450_000_000


def _all(flags: Any) -> tuple[bool, ...]:  # noqa: ANN401 - one for all, or one each
    return (flags,) if isinstance(flags, bool) else tuple(flags)
