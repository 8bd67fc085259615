"""Weights of one network in one file."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor


def read_weights(file: Path) -> dict[str, Tensor]:
    """This reads safetensors, or what torch has saved: then tensors only, so that nothing in it can run.

    Raises:
        OSError, ValueError: it is missing or damaged, or holds anything but tensors by their names.
    """
    if file.suffix == ".safetensors":
        return dict(load_file(file))
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(f"{file.name} holds something else than weights, or only a part of them") from error
    if not isinstance(state, dict) or not all(isinstance(weight, Tensor) for weight in state.values()):
        raise ValueError(f"{file.name} is not a table of weights")
    return state
