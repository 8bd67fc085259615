"""What tensors must be at the door to a model: refused with the shape that they have."""

from __future__ import annotations

import torch
from torch import Tensor


def check_picture(what: str, picture: Tensor, channels: tuple[int, ...], like: Tensor) -> None:
    """This refuses what is not `[T, one of channels, H, W]` float32, 0 to 1, with T, H and W of `like`."""
    shape = (len(like), *like.shape[-2:])
    wanted = f"[{len(like)}, {' or '.join(map(str, channels))}, {like.shape[-2]}, {like.shape[-1]}] float32"
    if picture.ndim != 4 or picture.dtype != torch.float32 or picture.shape[1] not in channels:
        raise ValueError(f"{what} must be {wanted}, is {describe(picture)}")
    if (len(picture), *picture.shape[-2:]) != shape or not len(picture):
        raise ValueError(f"{what} must be {wanted}, is {describe(picture)}")
    low, high = (float(bound) for bound in torch.aminmax(picture))
    if not (low >= -1e-3 and high <= 1 + 1e-3):  # false for NaN, too
        raise ValueError(f"{what} must be 0 to 1, is {low:g} to {high:g}")


def describe(tensor: Tensor) -> str:
    """This gives a tensor's shape and type."""
    return f"{list(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
