"""What a renderer knows of its pictures, beside the pictures: depth, motion, normals, indices, as EXR files.

Passes lie in the same files as the picture (a multilayer EXR, in one part or in many), or each in a sequence of its
own that is named after it. Channels are known by the last two parts of their names, `ViewLayer.Depth.Z`; a file that
names no layer is known by its own name or its folder's, `Depth0001.exr`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from engine.errors import MediaError
from engine.media.exr import COMPOSITE, exr_channels, exr_names, exr_size
from engine.media.sequence import NUMBERED, SHOWN, exr_sequences, lone_exrs, sequence_pattern


class Pass(StrEnum):
    """A pass that is of use here."""

    PICTURE = "Combined"
    DEPTH = "Depth"
    VECTOR = "Vector"
    NORMAL = "Normal"
    OBJECT = "Object Index"
    MATERIAL = "Material Index"


CALLED = {
    Pass.PICTURE: ("combined", "image", "beauty", "rgba", "composite"),
    Pass.DEPTH: ("depth", "z"),
    Pass.VECTOR: ("vector",),
    Pass.NORMAL: ("normal",),
    Pass.OBJECT: ("objectindex", "indexob"),
    Pass.MATERIAL: ("materialindex", "indexma"),
}
COMPONENTS = {
    Pass.PICTURE: ("RGB",),
    Pass.DEPTH: ("Z", "V", "Y", "X", "R"),
    Pass.VECTOR: ("XYZW", "RGBA"),
    Pass.NORMAL: ("XYZ", "RGB"),
    Pass.OBJECT: ("X", "V", "Y", "R"),
    Pass.MATERIAL: ("X", "V", "Y", "R"),
}
"""The letters of a pass's channels, in the order of its meaning; the first set that is whole counts."""


@dataclass(frozen=True)
class Layer:
    """Where a pass lies: its files in order, and the names of its channels in them."""

    files: tuple[Path, ...]
    channels: tuple[str, ...]

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers in the files' names."""
        found = (NUMBERED.fullmatch(file.name) for file in self.files)
        return tuple(int(name["number"]) if name else 0 for name in found)

    @property
    def pattern(self) -> Path:
        """All files by one name, as `open_reader` takes it."""
        return sequence_pattern(self.files[0])


@dataclass(frozen=True)
class RenderPasses:
    """The passes of a render, by what they are. All have the same number of frames."""

    path: Path
    layers: Mapping[Pass, Layer]

    @classmethod
    def find(cls, path: Path) -> Self:
        """This finds the passes in a folder, or in the stills that a pattern means, by their headers alone.

        Raises:
            MediaError: there is no EXR, a pass is there twice or not in every frame, or frames are missing.
        """
        found: dict[Pass, Layer] = {}
        if path.is_file() and path.suffix.lower() != ".exr":
            raise MediaError(
                f"{path} is no render. Name the folder of its EXR files, or one sequence as render/f.%d.exr."
            )
        if not (sequences := exr_sequences(path)):
            raise MediaError(f"{path} holds no EXR files. {ADVICE}")
        for files in sequences:
            for kind, channels in _layers(files).items():
                layer = Layer(files, channels)
                if kind in found:
                    either = f"{found[kind].pattern} or {layer.pattern}"
                    raise MediaError(f"{path} holds the pass {kind} twice. Name one of its sequences: {either}.")
                found[kind] = layer
        passes = cls(path, found)
        passes._check_numbers()
        return passes

    @property
    def files(self) -> tuple[Path, ...]:
        """All files of all passes but the picture's, each once."""
        layers = (layer for kind, layer in self.layers.items() if kind is not Pass.PICTURE)
        return tuple(dict.fromkeys(file for layer in layers for file in layer.files))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of what was found: stills that stand alone are no frames of the render."""
        lone = [file.name for file in lone_exrs(self.path)]
        more = f" and {len(lone) - SHOWN} more" if len(lone) > SHOWN else ""
        return (f"Left out, as they stand alone in {self.path}: {', '.join(lone[:SHOWN])}{more}.",) if lone else ()

    @property
    def frames(self) -> int:
        """Number of frames."""
        return max((len(layer.files) for layer in self.layers.values()), default=0)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return exr_size(self.files[0])

    def has(self, kind: Pass) -> bool:
        """This says whether a pass is there."""
        return kind in self.layers

    def layer(self, kind: Pass) -> Layer:
        """This gives the place of a pass.

        Raises:
            MediaError: it is not there.
        """
        if kind not in self.layers:
            there = ", ".join(self.layers) or "none that is known"
            raise MediaError(f"{self.path} has no pass {kind}. Passes there: {there}. {ADVICE}")
        return self.layers[kind]

    def read(self, number: int, *kinds: Pass) -> list[Tensor]:
        """This reads passes of one frame, `[C, H, W]` float32 each, as they are stored.

        Raises:
            MediaError: a file is damaged, of another size, or a pass is missing.
        """
        opened = {file: exr_channels(file) for file in dict.fromkeys(self.layer(kind).files[number] for kind in kinds)}
        return [self._read(opened, kind, number) for kind in kinds]

    def _read(self, opened: Mapping[Path, Mapping[str, np.ndarray]], kind: Pass, number: int) -> Tensor:
        layer = self.layer(kind)
        channels = opened[layer.files[number]]
        return torch.from_numpy(np.stack([channels[name].astype(np.float32) for name in layer.channels]))

    def _check_numbers(self) -> None:
        first: Layer | None = None
        for kind, layer in self.layers.items():
            first = first or layer
            if layer.numbers != first.numbers and layer.files != first.files:
                told = (f"{one.files[0].name} to {one.files[-1].name}" for one in (first, layer))
                raise MediaError(
                    f"{self.path}: {kind} has other frames than the other passes: {' against '.join(told)}."
                )
            for file in layer.files:
                if lost := sorted(set(layer.channels) - set(exr_names(file))):
                    raise MediaError(f"{file} lacks {', '.join(lost)}, which {layer.files[0].name} has.")
                if exr_size(file) != exr_size(first.files[0]):
                    sizes = ("x".join(map(str, exr_size(one))) for one in (first.files[0], file))
                    raise MediaError(f"{self.path}: {first.files[0].name} and {file.name} are {' and '.join(sizes)}.")


ADVICE = "Blender: View Layer Properties, Passes, Data; then render to OpenEXR MultiLayer (see docs/blender.md)."
ONE_LAYER = "Blender: switch off View Layer Properties, Use for Rendering, of all but one, and render again."


def _layers(files: tuple[Path, ...]) -> dict[Pass, tuple[str, ...]]:
    """This says which passes the files of one sequence hold, and in which channels."""
    groups: dict[str, list[str]] = {}
    for name in exr_names(files[0]):
        groups.setdefault(name.rpartition(".")[0], []).append(name)
    found: dict[Pass, tuple[str, ...]] = {}
    for group, names in groups.items():
        kind = _kind(group.rpartition(".")[2] or _own_name(files[0]), plain=not group)
        if kind is None or (kind is Pass.PICTURE and COMPOSITE in groups and group != COMPOSITE):
            continue
        if kind in found:
            layers = " and ".join(name.partition(".")[0] for name in (found[kind][0], names[0]))
            raise MediaError(f"{files[0]} holds the pass {kind} of two layers, {layers}. {ONE_LAYER}")
        found[kind] = _components(kind, names, files[0])
    return found


def _own_name(file: Path) -> str:
    name = NUMBERED.fullmatch(file.name)
    head = name["head"] if name else file.stem
    return head if re.search("[A-Za-z]", head) else file.parent.name


def _kind(word: str, plain: bool) -> Pass | None:
    """This knows a pass by its layer's name. A file without layers goes by how its own name ends, else is a picture."""
    word = re.sub("[^a-z]", "", word.lower())
    for kind, names in CALLED.items():
        if word in names or (plain and any(len(name) > 1 and word.endswith(name) for name in names)):
            return kind
    return Pass.PICTURE if plain else None


def _components(kind: Pass, names: Iterable[str], file: Path) -> tuple[str, ...]:
    there = {name.rpartition(".")[2]: name for name in names}
    for letters in COMPONENTS[kind]:
        if set(letters) <= set(there):
            return tuple(there[letter] for letter in letters)
    wanted = " or ".join(", ".join(letters) for letters in COMPONENTS[kind])
    raise MediaError(
        f"{file}: the pass {kind} needs the channels {wanted}; it has {', '.join(sorted(there))}. {ADVICE}"
    )
