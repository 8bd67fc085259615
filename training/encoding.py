"""Pairs as the denoiser sees them: latents, and the control maps of their sources."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderDC
from numpy.typing import NDArray
from torch import Tensor

from preprocessors.colour import blurred_colour
from preprocessors.lines import soft_lines
from training.hints import Maps


@dataclass(frozen=True)
class Encoded:
    """latents: `[N, 1 + looks, c, h, w]`, the source first. maps: per control `[N, 1 or 3, 8h, 8w]`. Half precision.

    changes: `[N, looks]`, the words that change each look, as bits; of the first half of N there are none.
    """

    latents: Tensor
    maps: Maps
    changes: Tensor


@torch.inference_mode()
def encode_pairs(
    pairs: NDArray[np.uint8], changed: NDArray[np.uint8], bits: NDArray[np.int_], vae: AutoencoderDC
) -> Encoded:
    """This encodes pairs `[N, 1 + looks, S, S, 3]`, and as many whose looks words have changed."""
    latents, colours, edges = [], [], []
    for pair in (*pairs, *changed):
        frames = torch.from_numpy(pair).permute(0, 3, 1, 2).float() / 255
        latents.append((vae.encode(frames * 2 - 1).latent * vae.config.scaling_factor).half())
        colours.append(blurred_colour(frames[:1])[0].half())
        edges.append(soft_lines(frames[:1])[0].half())
    changes = torch.cat([torch.zeros(bits.shape, dtype=torch.long), torch.from_numpy(bits)])
    return Encoded(torch.stack(latents), {"colour": torch.stack(colours), "edges": torch.stack(edges)}, changes)
