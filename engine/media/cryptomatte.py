"""Cryptomatte in EXR files: what a renderer saw in each pixel, by name, and how much of the pixel it covers.

As its specification (Friedman and Jones, 1.2) has it: a manifest in the header gives names their identities, layers of
ranks hold pairs of an identity, its 32 bits in the place of a float's, and a coverage.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from engine.errors import MediaError, did_you_mean
from engine.media.exr import exr_attributes, exr_channels, exr_names, exr_size
from engine.media.sequence import exr_sequences

SHOWN = 12  # names in a message
PAIRS = ("RG", "BA")
ADVICE = "Blender: View Layer Properties, Passes, Cryptomatte, Object; then render to OpenEXR MultiLayer, Float (Full)."


@dataclass(frozen=True)
class Cryptomatte:
    """One thing in the frames of a render: its files in order, the bits it is known by, its channels in pairs."""

    files: tuple[Path, ...]
    bits: int
    ranks: tuple[tuple[str, str], ...]

    @classmethod
    def find(cls, path: Path, name: str) -> Self:
        """This finds a thing by its name, among objects first, then in the order of the file; headers alone are read.

        Raises:
            MediaError: there is no Cryptomatte, it is damaged, or nothing in it has that name.
        """
        known: list[str] = []
        for files in exr_sequences(path):
            for layer, manifest in sorted(
                _manifests(files[0]), key=lambda found: not found[0].lower().endswith("object")
            ):
                known += manifest
                if name in manifest:
                    return cls(files, int(manifest[name], 16), _ranks(layer, files[0]))
        if not known:
            raise MediaError(f"{path} holds no Cryptomatte with names. {ADVICE}")
        there = ", ".join(sorted(set(known))[:SHOWN])
        raise MediaError(f"{path}: nothing is called {name!r}.{did_you_mean(name, known) or f' There are: {there}.'}")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return exr_size(self.files[0])

    def read(self, number: int) -> Tensor:
        """This reads how much of each pixel of a frame the thing covers, `[1, H, W]`, 0 to 1.

        Raises:
            MediaError: a file is damaged, or lacks what the first one has.
        """
        channels = exr_channels(self.files[number])
        if lost := sorted({one for pair in self.ranks for one in pair} - set(channels)):
            raise MediaError(f"{self.files[number]} lacks {lost[0]}, which {self.files[0].name} has.")
        covered = np.zeros((), np.float32)
        for identity, coverage in self.ranks:
            if channels[identity].dtype != np.float32:
                raise MediaError(
                    f"{self.files[number]}: {identity} is rounded to half floats, names are lost. {ADVICE}"
                )
            same = np.ascontiguousarray(channels[identity]).view(np.uint32) == self.bits
            covered = covered + np.where(same, channels[coverage].astype(np.float32), 0)
        return torch.from_numpy(covered).nan_to_num().clamp(0, 1)[None]


def _manifests(file: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """This gives the layers' names and their manifests, in the header or in a file beside."""
    header = exr_attributes(file)
    for key in (key for key in header if key.startswith("cryptomatte/") and key.endswith("/name")):
        start = key.removesuffix("name")
        text = header.get(f"{start}manifest")
        if text is None and (beside := header.get(f"{start}manif_file")):
            text = _beside(file, str(beside))
        try:
            manifest = json.loads(text or "{}")
        except ValueError as error:
            raise MediaError(f"{file}: the Cryptomatte manifest of {header[key]} is damaged.") from error
        yield str(header[key]), manifest


def _beside(file: Path, name: str) -> str:
    try:
        return (file.parent / Path(name).name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MediaError(f"{file}: its Cryptomatte manifest {name} cannot be read.") from error


def _ranks(layer: str, file: Path) -> tuple[tuple[str, str], ...]:
    """This pairs the channels of a layer's ranks: `Layer00.R`, `Layer00.G`; Blender writes the letters small."""
    there = {name.lower(): name for name in exr_names(file)}
    found: list[tuple[str, str]] = []
    for rank in range(100):
        for pair in PAIRS:
            names = [there.get(f"{layer}{rank:02d}.{letter}".lower()) for letter in pair]
            if names[0] is None or names[1] is None:
                if not found:
                    raise MediaError(f"{file} names {layer} as Cryptomatte but has no channels of it. {ADVICE}")
                return tuple(found)
            found.append((names[0], names[1]))
    return tuple(found)
