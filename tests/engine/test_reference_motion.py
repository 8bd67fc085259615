"""A clip that lends its motion alone: what carries it says nothing of colours, so the source's do not leak."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

import restyle
from samples.harbour import draw_harbour

CARRIERS = {"depth": 1.0, "edges": 0.5, "flow": 0.5}


def chroma(frames: Tensor) -> Tensor:
    """How far each colour is from grey, in cells of 8x8 pixels."""
    cells = F.avg_pool2d(frames, 8)
    return cells - cells.mean(dim=1, keepdim=True)


def leak(controls: dict[str, float]) -> float:
    """The share of a change of the source's colours that is seen in the result: 0 none of it, 1 all.

    Two sources that differ in colour alone, every hue turned to its opposite at the same light, are made into results.
    """
    frames = F.interpolate(draw_harbour(2, 24), (96, 176), mode="area")
    grey = frames.mean(dim=1, keepdim=True)
    sources = [(grey + turn * (frames - grey)).clamp(0, 1) for turn in (0.8, -0.8)]
    made = [
        torch.cat(
            list(restyle.frames(one, prompt="oil painting", strength=1.0, controls=controls, steps=4, cuts="none"))
        )
        for one in sources
    ]
    given, seen = (chroma(one) - chroma(other) for one, other in (sources, made))
    return float((given * seen).sum() / (given * given).sum())


def test_colours_of_the_source_come_with_their_control_and_do_not_leak_without_it():
    assert leak({"edges": 1.0, "colour": 1.0}) > 0.8
    assert abs(leak(CARRIERS)) < 0.1
