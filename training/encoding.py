"""Pairs as the denoiser sees them: latents, and the control maps of their sources."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import AutoencoderDC
from torch import Tensor

from preprocessors.colour import blurred_colour
from preprocessors.lines import soft_lines
from training.hints import Maps
from training.pairs import Painted


@dataclass(frozen=True)
class Encoded:
    """latents: `[N, 1 + looks, c, h, w]`, the source first. maps: per control `[N, 1 or 3, 8h, 8w]`. Half precision.

    changes: `[N, looks]`, the words that change each look, as bits; of the first half of N there are none.
    """

    latents: Tensor
    maps: Maps
    changes: Tensor


@torch.inference_mode()
def encode_pairs(painted: Painted, vae: AutoencoderDC) -> Encoded:
    """This encodes photos in every look, and draws the control maps of the photos."""
    latents, colours, edges = [], [], []
    for versions in painted.versions:
        frames = torch.from_numpy(versions).permute(0, 3, 1, 2).float() / 255
        latents.append((vae.encode(frames * 2 - 1).latent * vae.config.scaling_factor).half())
        colours.append(blurred_colour(frames[:1])[0].half())
        edges.append(soft_lines(frames[:1])[0].half())
    maps = {"colour": torch.stack(colours), "edges": torch.stack(edges)}
    return Encoded(torch.stack(latents), maps, torch.from_numpy(painted.changes))
