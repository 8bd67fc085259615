"""The clip of the README is what the code here draws: right count, with sound, small."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import torch

from samples.clips import RATE, SOUND_RATE, draw_sound, write_clip
from samples.harbour import draw_harbour

CLIP = Path(__file__).resolve().parents[2] / "samples" / "harbour.mp4"


def decoded(path: Path) -> np.ndarray:
    with av.open(str(path)) as file:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])


def test_the_clip_in_the_repository_is_two_seconds_with_sound_and_small() -> None:
    frames = decoded(CLIP)
    assert frames.shape == (48, 216, 384, 3)
    assert CLIP.stat().st_size < 400_000
    with av.open(str(CLIP)) as file:
        heard = np.concatenate([frame.to_ndarray() for frame in file.decode(audio=0)], axis=1)
    assert abs(heard.shape[1] / SOUND_RATE - 2) < 0.05
    assert 0.05 < np.abs(heard).max() <= 1


def test_the_clip_in_the_repository_is_the_one_that_is_drawn() -> None:
    drawn = draw_harbour(2).mul(255).permute(0, 2, 3, 1).numpy()
    assert np.abs(decoded(CLIP)[:2] - drawn).mean() < 4


def test_the_harbour_moves_and_does_not_jump() -> None:
    frames = draw_harbour(3)
    assert 0 <= frames.min() <= frames.max() <= 1
    steps = (frames[1:] - frames[:-1]).abs().mean(dim=(1, 2, 3)) * 255
    assert (steps > 0.5).all()
    assert (steps < 12).all()


def test_a_written_clip_comes_back(tmp_path: Path) -> None:
    frames = torch.linspace(0.1, 0.9, 5).view(5, 1, 1, 1).expand(5, 3, 32, 48)
    write_clip(tmp_path / "grey.mp4", frames, draw_sound(5 / RATE))
    read = decoded(tmp_path / "grey.mp4")
    assert read.shape == (5, 32, 48, 3)
    assert np.abs(read[..., 0].mean(axis=(1, 2)) - 255 * np.linspace(0.1, 0.9, 5)).max() < 2
