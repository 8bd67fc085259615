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
from preprocessors.normals import Normals
from preprocessors.people import JointFinder, PersonFinder
from preprocessors.pose import Pose
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
        AlignedDepth(DepthAnything(depth_anything())),
        LearnedLines(tiny_hed(), "softedge", hed.MULTIPLE),
        LearnedLines(tiny_line_art(), "lineart", line_art.MULTIPLE),
        LearnedLines(tiny_anime_lines(), "lineart"),
        Normals(AlignedDepth(DepthAnything(depth_anything()))),
        tiny_pose(),
    ]


def person_net() -> Any:
    """An RT-DETR that knows people among three labels, and asks three questions of a picture."""
    library: Any = transformers
    backbone = library.RTDetrResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 8, 16, 16],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )
    config = library.RTDetrConfig(
        backbone_config=backbone,
        encoder_hidden_dim=16,
        encoder_in_channels=[8, 16, 16],
        encoder_layers=1,
        encoder_ffn_dim=16,
        encoder_attention_heads=2,
        d_model=16,
        num_queries=3,
        decoder_in_channels=[16, 16, 16],
        decoder_ffn_dim=16,
        decoder_layers=1,
        decoder_attention_heads=2,
        num_denoising=0,
        id2label={0: "person", 1: "dog", 2: "kite"},
    )
    return drawn(lambda: library.RTDetrForObjectDetection(config))


def joint_net() -> Any:
    library: Any = transformers
    backbone = library.VitPoseBackboneConfig(
        image_size=[64, 48],
        patch_size=[16, 16],
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        out_indices=[1],
    )
    config = library.VitPoseConfig(backbone_config=backbone, num_labels=17)
    return drawn(lambda: library.VitPoseForPoseEstimation(config))


def tiny_pose() -> Pose:
    """Finds people everywhere, and all their joints."""
    return Pose(PersonFinder(person_net(), side=64), JointFinder(joint_net()), sure=0.0, seen=-1.0)
