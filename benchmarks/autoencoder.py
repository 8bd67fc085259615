"""How much of a picture survives the starter's autoencoder, against the best linear one of the same size.

    python -m benchmarks.autoencoder PHOTOS

PHOTOS is a folder of photographs with an `index.csv`. The linear one is a principal component analysis of 8x8 patches,
fitted to the training photos, with as many components as the autoencoder has channels. Both are judged on the photos
that were held out from training, in dB of peak signal-to-noise ratio, the mean over pictures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderDC
from torch import Tensor
from torch.nn import functional as F

from engine.diffusion.rows import STARTER
from training.autoencoder import psnr
from training.photos import crop, load, read_index, to_tensor

SIDE = 192  # pixels of a held-out crop
PATCH = 8


def patches(frames: Tensor) -> Tensor:
    """This cuts frames `[T, 3, H, W]` into patches `[N, 3 * 8 * 8]`."""
    return F.unfold(frames, PATCH, stride=PATCH).transpose(1, 2).flatten(0, 1)


def linear(train: Tensor, test: Tensor, channels: int) -> float:
    """This is the PSNR of `test` frames kept as `channels` principal components of `train` patches."""
    known = patches(train)
    mean = known.mean(dim=0)
    basis = torch.linalg.eigh((known - mean).T @ (known - mean)).eigenvectors[:, -channels:]
    errors = []
    for frame in test:
        whole = patches(frame[None])
        made = ((whole - mean) @ basis @ basis.T + mean).clamp(0, 1)
        errors.append(-10 * torch.log10((made - whole).square().mean()))
    return float(torch.stack(errors).mean())


def main() -> None:
    """This prints both numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, help="folder with photographs and index.csv")
    index = read_index(parser.parse_args().photos)
    rng = np.random.default_rng(1)
    train = to_tensor([crop(load(photo), SIDE, rng) for photo in index if not photo.held_out])
    test = to_tensor([crop(load(photo), SIDE, rng) for photo in index if photo.held_out])
    vae = AutoencoderDC.from_pretrained(STARTER / "vae").float().eval()
    channels = vae.config.latent_channels
    print(f"{len(test)} held-out crops of {SIDE}x{SIDE}, {channels} numbers for each 8x8 pixels")
    print(f"  principal components  {linear(train, test, channels):.2f} dB")
    print(f"  starter's autoencoder {psnr(vae, test):.2f} dB")


if __name__ == "__main__":
    main()
