"""Photographs to learn from: one index, one split, crops."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Photo:
    """One row of the index. Two crops of one original share `original`, so that a split keeps them together."""

    file: Path
    source: str
    original: str
    licence: str
    credit: str

    @property
    def held_out(self) -> bool:
        """Whether this photo is kept from training: one original in twelve, by the hash of its name."""
        return int(hashlib.sha256(self.original.encode()).hexdigest(), 16) % 12 == 0


def read_index(folder: Path) -> list[Photo]:
    """This reads `index.csv` of a folder of photos, in its order."""
    with (folder / "index.csv").open(encoding="utf-8", newline="") as file:
        return [
            Photo(
                folder / row["file"],
                row["source"],
                row["source"] + "/" + row["original_path"].removesuffix("#detail"),
                row["licence"],
                row["credit"],
            )
            for row in csv.DictReader(file)
        ]


def load(photo: Photo) -> Picture:
    """This loads one photo as RGB `[H, W, 3]` uint8."""
    picture = cv2.imread(str(photo.file), cv2.IMREAD_COLOR)
    if picture is None:
        raise FileNotFoundError(photo.file)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def to_tensor(pictures: list[Picture]) -> Tensor:
    """This turns pictures of one size into frames `[T, 3, H, W]` float32, 0 to 1."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255


def crop(picture: Picture, size: int, rng: np.random.Generator) -> Picture:
    """This cuts a random square of `size` pixels, mirrored half of the time."""
    top = int(rng.integers(0, picture.shape[0] - size + 1))
    left = int(rng.integers(0, picture.shape[1] - size + 1))
    cut = picture[top : top + size, left : left + size]
    return cut[:, ::-1] if rng.random() < 0.5 else cut
