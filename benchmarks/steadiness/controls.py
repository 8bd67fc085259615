"""Rows that tell whether the bench can be cheated: what does nothing worth having must score nothing."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.steadiness.measures import blurred
from benchmarks.steadiness.trial import Method, Motion, Trial


def source(trial: Trial, motion: Motion) -> Tensor:
    """This gives the source back: steady, and not restyled."""
    return trial.clip.source


def freeze(trial: Trial, motion: Motion) -> Tensor:
    """This shows the first frame for ever."""
    return trial.flickering[:1].expand_as(trial.flickering).contiguous()


def blur(trial: Trial, motion: Motion) -> Tensor:
    """This blurs every frame by 2 pixels."""
    return blurred(trial.flickering, 2.0)


def tmix(trial: Trial, motion: Motion) -> Tensor:
    """This averages five frames in place, without following motion."""
    frames = trial.flickering
    around = torch.arange(len(frames))[:, None] + torch.arange(-2, 3)
    return torch.stack([frames[near].mean(dim=0) for near in around.clamp(0, len(frames) - 1)])


def identity(trial: Trial, motion: Motion) -> Tensor:
    """P: this does nothing."""
    return trial.flickering


def oracle(trial: Trial, motion: Motion) -> Tensor:
    """S*: this knows the answer."""
    return trial.answers[0]


CONTROLS: dict[str, Method] = {
    "source": source,
    "freeze": freeze,
    "blur": blur,
    "tmix": tmix,
    "identity": identity,
    "oracle": oracle,
}
