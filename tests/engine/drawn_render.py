"""Renders that the tests draw for themselves: a scene with exact depth and motion, as Blender writes its passes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import OpenEXR
import torch
from numpy.typing import NDArray
from torch import Tensor

from samples.scenes import Scene, draw_scene

HEIGHT, WIDTH = 72, 128
ALL = ("Combined", "Depth", "Vector", "IndexOB")


@cache
def scene(frames: int = 6, seed: int = 3) -> Scene:
    """This draws what is rendered: planes before a moving camera, some of which hide others."""
    return draw_scene(seed, frames, HEIGHT, WIDTH)


def distances(drawn: Scene) -> Tensor:
    """This gives the distances `[T, 1, H, W]` that the drawn depth stands for, 2 to 10."""
    return 1 / (0.1 + 0.4 * drawn.depth)


def passes_of(drawn: Scene, number: int, turn: Sequence[float] = (1, 1, 1, 1)) -> dict[str, NDArray[np.float32]]:
    """This gives the channels of one frame, by `Layer.Letter`. turn: factors of the vectors, to make them wrong."""
    light = torch.where(drawn.frames <= 0.04045, drawn.frames / 12.92, ((drawn.frames + 0.055) / 1.055) ** 2.4)[number]
    back, ahead = drawn.flow_to_previous[number], drawn.flow_to_next[number]
    vector = torch.stack([back[0], -back[1], -ahead[0], ahead[1]]) * torch.tensor(turn).view(4, 1, 1)
    layers = {
        "Combined": ("RGB", light),
        "Depth": ("Z", distances(drawn)[number]),
        "Vector": ("XYZW", vector),
        "IndexOB": ("X", drawn.layers[number] + 1),
    }
    return {
        f"{layer}.{letter}": plane.numpy().astype(np.float32)
        for layer, (letters, planes) in layers.items()
        for letter, plane in zip(letters, planes, strict=True)
    }


def write_exr(path: Path, channels: dict[str, NDArray[np.float32]]) -> None:
    """This writes one file of one part, without loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}, channels).write(str(path))


def render(folder: Path, drawn: Scene | None = None, without: str = "", turn: Sequence[float] = (1, 1, 1, 1)) -> Path:
    """This writes multilayer files `frame.0001.exr` and on, perhaps without one layer."""
    drawn = scene() if drawn is None else drawn
    for number in range(len(drawn.frames)):
        channels = {f"ViewLayer.{name}": plane for name, plane in passes_of(drawn, number, turn).items()}
        kept = {name: plane for name, plane in channels.items() if not without or f".{without}." not in name}
        write_exr(folder / f"frame.{number + 1:04d}.exr", kept)
    return folder


def render_apart(folder: Path) -> Path:
    """This writes every pass to files of its own, in a folder of its name, with channels that name no layer."""
    drawn = scene()
    for number in range(len(drawn.frames)):
        channels = passes_of(drawn, number)
        for layer in ALL:
            own = {name.rpartition(".")[2]: plane for name, plane in channels.items() if name.startswith(layer + ".")}
            write_exr(folder / layer / f"{number + 1:04d}.exr", own)
    return folder
