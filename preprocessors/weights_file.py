"""Weights of one network in one file."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor


def read_weights(file: Path) -> dict[str, Tensor]:
    """This reads weights, in single precision: safetensors, or what torch has saved, and of that only tensors.

    Nothing in either can run.

    Raises:
        OSError, ValueError: it is missing or damaged, or holds anything but tensors by their names.
    """
    if file.suffix == ".safetensors":
        return _single(_safe(file))
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(f"{file.name} holds something else than weights, or only a part of them") from error
    if not isinstance(state, dict) or not all(isinstance(weight, Tensor) for weight in state.values()):
        raise ValueError(f"{file.name} is not a table of weights")
    return _single(state)


def mark_of(file: Path) -> str:
    """This gives a mark by which weights are known: the hash of all that is in their file.

    Raises:
        OSError: it is missing.
    """
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _safe(file: Path) -> dict[str, Tensor]:
    try:
        return dict(load_file(file))
    except SafetensorError as error:
        raise ValueError(f"{file.name} is damaged: {error}") from error


def _single(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: weight.float() if weight.is_floating_point() else weight for name, weight in state.items()}
