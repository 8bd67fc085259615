"""CogVideoX's autoencoder: causal as Wan's, one latent for every four frames, but it decodes latents two at a time."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKLCogVideoX
from torch import Tensor

from engine.errors import ModelError
from engine.windows import FrameRule

KINDS: dict[str, type] = {"AutoencoderKLCogVideoX": AutoencoderKLCogVideoX}
STRIDE = 4


class CogVideoXAutoencoder:
    """Encodes and decodes one video at once, eight frames at a time inside. Float32 throughout.

    Pictures larger than half of what it was trained on go in overlapping tiles of that size, as its makers advise:
    whole ones of 720x480 would take 25 GB.
    """

    def __init__(self, net: Any) -> None:  # noqa: ANN401 - one of KINDS
        if net.config.temporal_compression_ratio != STRIDE:
            raise ModelError(
                f"The autoencoder makes a latent of {net.config.temporal_compression_ratio:g} frames; what works here "
                f"is {STRIDE}."
            )
        self.net: Any = net.float()
        self.net.use_tiling = _tiles_meet(self.net)
        self.factor = int(2 ** (len(net.config.block_out_channels) - 1))
        self.channels: int = net.config.latent_channels
        self.rule = FrameRule(self.factor, STRIDE, offset=1)
        self._scale: float = net.config.scaling_factor

    @property
    def _device(self) -> torch.device:
        device: torch.device = self.net.device
        return device

    def encode(self, frames: Tensor) -> Tensor:
        """This turns 4k + 1 frames `[T, 3, H, W]`, 0 to 1, into the most likely latents `[L, c, h, w]`, scaled."""
        if self.rule.length(len(frames)) != len(frames):
            raise ValueError(f"the autoencoder takes 4k + 1 frames, not {len(frames)}")
        video = frames.to(self._device).transpose(0, 1)[None] * 2 - 1
        latents: Tensor = self.net.encode(video).latent_dist.mode()[0].transpose(0, 1)
        return latents * self._scale

    def decode(self, latents: Tensor, before: Tensor | None = None) -> Tensor:
        """This turns latents into the frames that they stand for, 0 to 1, on the CPU, behind those `before` them.

        Of an even number of latents the library makes three frames too many, all of them out of place: it lets the
        first latent stand for one frame in odd numbers only. So there is one more at the end, which is cut off again.
        """
        whole = (latents if before is None else torch.cat([before.to(latents), latents])).to(self._device)
        even = len(whole) % 2 == 0
        odd = torch.cat([whole, whole[-1:]]) if even else whole
        video: Tensor = self.net.decode(odd.transpose(0, 1)[None] / self._scale, return_dict=False)[0][0]
        frames = video.transpose(0, 1)[: self.rule.frames(len(whole))][-self.rule.frames(len(latents)) :]
        return (frames.cpu() / 2 + 0.5).clamp_(0, 1)

    def peak_bytes(self, frames: int, height: int, width: int) -> int:
        """This estimates what decoding takes at most beside the weights: nine frames' work, and the result.

        Up to 15 % above what was measured with CogVideoX's own sizes, on a CPU: 1.44 GB for 17 frames of 128x128, 2.51
        for 9 of 192x192. Encoding takes half of it.
        """
        widest = int(self.net.config.block_out_channels[0])
        tile: int = height * width
        if self.net.use_tiling:
            tile = min(height, self.net.tile_sample_min_height) * min(width, self.net.tile_sample_min_width)
        return 4 * (tile * widest * 9 * 16 + height * width * 6 * frames) + 180_000_000


def _tiles_meet(net: Any) -> bool:  # noqa: ANN401
    """Whether tiles step as far in latents as in pixels: of others the library makes a picture of another size."""
    sides = (
        (net.tile_sample_min_height, net.tile_latent_min_height, net.tile_overlap_factor_height),
        (net.tile_sample_min_width, net.tile_latent_min_width, net.tile_overlap_factor_width),
    )
    return all(
        int(latents * (1 - share)) * pixels == latents * (pixels - int(pixels * share))
        for pixels, latents, share in sides
    )
