"""What Cosmos' nets ask of torchvision: to resize a mask of padding. Without torchvision they break in the first step.

The library imports it where it is there and says nothing where it is not. All that it calls is a nearest resize of a
mask, which torch does as well, so that nobody needs torchvision for it.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from diffusers.models.controlnets import controlnet_cosmos
from diffusers.models.transformers import transformer_cosmos
from torch import Tensor
from torch.nn import functional as F


def _resize(mask: Tensor, size: list[int], interpolation: str) -> Tensor:
    return F.interpolate(mask, size, mode=interpolation)


TRANSFORMS = SimpleNamespace(
    functional=SimpleNamespace(resize=_resize), InterpolationMode=SimpleNamespace(NEAREST="nearest")
)


def stand_in() -> None:
    """This gives the nets what they miss, where they miss it."""
    modules: tuple[Any, ...] = (controlnet_cosmos, transformer_cosmos)
    for module in modules:
        if not hasattr(module, "transforms"):
            module.transforms = TRANSFORMS
