"""Any other program as a method: write what it needs, score what it made.

    FOLDER/source/<clip>/00000.png ...       what was filmed
    FOLDER/flickering/<trial>/00000.png ...  what it is to steady; <trial> is <clip>-<case>-<severity>

It gives back OUT/<trial>/ with one picture a frame, in the order of their names, or OUT/<trial>.<any video>.
"""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.steadiness.run import Plan, drawings, trials
from benchmarks.steadiness.trial import Method, Motion, Trial


def name_of(trial: Trial) -> str:
    """This names a trial as its folder is named."""
    return f"{trial.clip.name}-{trial.case}-{trial.severity}"


def write_inputs(plan: Plan, folder: Path) -> int:
    """This writes sources and flickering clips, and says how many trials there are."""
    count = 0
    for seed, drawing in drawings(plan):
        write_pictures(folder / "source" / drawing.clip.name, drawing.clip.source)
        for trial in trials(plan, seed, drawing):
            write_pictures(folder / "flickering" / name_of(trial), trial.flickering)
            count += 1
    return count


def outputs(folder: Path) -> Method:
    """This is the method that has left its results in a folder."""

    def method(trial: Trial, motion: Motion) -> Tensor:
        made = read(folder, name_of(trial))
        if made.shape != trial.clip.source.shape:
            raise ValueError(
                f"{folder / name_of(trial)} has frames of {tuple(made.shape)}, not {tuple(trial.clip.source.shape)}"
            )
        return made

    return method


def write_pictures(folder: Path, frames: Tensor) -> None:
    """This writes `[T, 3, H, W]`, 0 to 1, as one PNG a frame."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, frame in enumerate(frames.clamp(0, 1).mul(255).round().byte().permute(0, 2, 3, 1).numpy()):
        cv2.imwrite(str(folder / f"{index:05}.png"), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))


def read(folder: Path, name: str) -> Tensor:
    """This reads the result of one trial: a folder of pictures, or the one video of that name."""
    if (folder / name).is_dir():
        return _stacked([_picture(file) for file in sorted((folder / name).glob("*.png"))], folder / name)
    videos = [file for file in sorted(folder.glob(f"{name}.*")) if file.is_file()]
    if len(videos) != 1:
        raise ValueError(f"{folder} needs a folder {name} of PNG pictures or one video {name}.*: {len(videos)} found")
    with av.open(str(videos[0])) as file:
        frames = [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in file.decode(video=0)]
    return _stacked(frames, videos[0])


def _picture(file: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f"{file} cannot be read as a picture")
    return np.asarray(picture[..., ::-1], np.uint8)


def _stacked(pictures: list[NDArray[np.uint8]], where: Path) -> Tensor:
    if not pictures:
        raise ValueError(f"{where} holds no frames")
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float().div(255)
