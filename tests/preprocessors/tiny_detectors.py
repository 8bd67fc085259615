"""Networks of learned detectors: the real classes, narrow, with random weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
import transformers
from torch import nn

from preprocessors import hed, line_art
from preprocessors.aligned_depth import AlignedDepth
from preprocessors.anime_lines import AnimeLines
from preprocessors.depth_anything import DepthAnything
from preprocessors.hed import Hed
from preprocessors.learned_lines import LearnedLines
from preprocessors.line_art import LineArt
from preprocessors.preprocessor import Preprocessor

Net = TypeVar("Net", bound=nn.Module)


def drawn(make: Callable[[], Net]) -> Net:
    """This makes a network whose random weights are the same each time, and leaves other chance alone."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = make()
    return net.requires_grad_(False).eval()


def depth_anything() -> Any:
    library: Any = transformers
    backbone = library.Dinov2Config(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=56,
        patch_size=14,
        out_features=["stage1", "stage2"],
        reshape_hidden_states=False,
        apply_layernorm=True,
    )
    config = library.DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=16,
        patch_size=14,
        neck_hidden_sizes=[8, 8],
        reassemble_factors=[2, 1],
        fusion_hidden_size=8,
        head_hidden_size=8,
    )
    return drawn(lambda: library.DepthAnythingForDepthEstimation(config))


def tiny_hed() -> Hed:
    return drawn(lambda: Hed((4, 4, 8, 8, 8)))


def tiny_line_art() -> LineArt:
    return drawn(lambda: LineArt(4, 2))


def tiny_anime_lines() -> AnimeLines:
    return drawn(lambda: AnimeLines(2))


def learned() -> list[Preprocessor]:
    """This makes one of each that draws each picture by itself."""
    return [
        AlignedDepth(DepthAnything(depth_anything(), side=56)),
        LearnedLines(tiny_hed(), "softedge", hed.MULTIPLE),
        LearnedLines(tiny_line_art(), "lineart", line_art.MULTIPLE),
        LearnedLines(tiny_anime_lines(), "lineart"),
    ]
