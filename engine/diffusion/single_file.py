"""Models that come as one safetensors file: whole checkpoints under the names of their first release, and adapters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import MotionAdapter
from diffusers.loaders.single_file_utils import create_diffusers_clip_model_from_ldm
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from transformers import CLIPTextModel

from engine.errors import ModelError, in_a_line

ADAPTER: Any = MotionAdapter


def load_single(file: Path, cls: Any, config: Path | None, dtype: torch.dtype) -> Any:  # noqa: ANN401
    """This loads a component of class `cls` out of a file.

    A motion adapter is all that its file holds. Of a whole checkpoint the component's share is taken; `config` is the
    folder that says how it is built. Weights that are missing are an error.
    """
    try:
        weights = load_file(file)
        if cls is MotionAdapter:
            return _adapter(weights, dtype)
        if cls is CLIPTextModel:
            net = create_diffusers_clip_model_from_ldm(cls, weights, config=str(config), local_files_only=True)
        else:
            net = cls.from_single_file(weights, config=str(config), local_files_only=True)
    except NotImplementedError as error:  # what is missing has no data that could be moved
        raise ModelError(f"{file} is incomplete: weights of its {cls.__name__} are missing.") from error
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise ModelError(f"{file} holds no {cls.__name__} that fits: {in_a_line(error)}.") from error
    missing = [name for name, parameter in net.named_parameters() if parameter.is_meta]
    if missing:
        raise ModelError(f"{file} is incomplete: no weights for {missing[0]} of its {cls.__name__}.")
    return net.to(dtype)


def _adapter(weights: Mapping[str, Tensor], dtype: torch.dtype) -> Any:  # noqa: ANN401
    """This builds the motion adapter whose weights these are; what they cannot tell is as AnimateDiff has it."""
    modules = {name.partition(".motion_modules.")[0] for name in weights}
    downs = sorted(name for name in modules if name.startswith("down_blocks."))
    first = [
        name for name in weights if name.startswith("down_blocks.0.motion_modules.") and name.endswith(".norm.bias")
    ]
    if not downs or not first:
        raise ValueError("it is no motion adapter")
    adapter = ADAPTER(
        block_out_channels=tuple(len(weights[f"{down}.motion_modules.0.norm.bias"]) for down in downs),
        motion_layers_per_block=len(first),
        motion_max_seq_length=next(
            weight.shape[1] for name, weight in weights.items() if name.endswith("pos_embed.pe")
        ),
        use_motion_mid_block="mid_block" in modules,
    )
    adapter.load_state_dict(weights)
    return adapter.to(dtype)
