"""How a model is loaded: onto which device, in which precision, by which plan for memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import torch

from engine.diffusion.memory import Ladder
from engine.errors import SettingsError


@dataclass(frozen=True)
class Setup:
    """Where a model computes, in which precision its large nets do, and how it shares memory."""

    device: torch.device
    dtype: torch.dtype
    memory: Ladder = field(default_factory=Ladder)

    @classmethod
    def of(cls, device: str) -> Self:
        """This takes float32 on a CPU, on a GPU bfloat16, or float16 on one that is too old for it."""
        where = find_device(device)
        return cls(where, _precision(where))


def find_devices(names: str) -> tuple[torch.device, ...]:
    """This turns `cuda:0,cuda:1` into devices that are there, `cuda:all` into all GPUs; one as in `find_device`.

    Raises:
        SettingsError: one is not there, or they compute in different precisions, so that shots would differ.
    """
    if names == "cuda:all":
        names = ",".join(f"cuda:{number}" for number in range(torch.cuda.device_count())) or "cuda"
    devices = tuple(find_device(name.strip()) for name in names.split(","))
    first, *others = devices
    for other in others:
        if _precision(other) != _precision(first):
            told = (f"{device} computes in {str(_precision(device))[6:]}" for device in (first, other))
            raise SettingsError(f"{', '.join(told)}: shots would differ. Name devices of one kind.")
    return devices


def find_device(device: str) -> torch.device:
    """This turns a device's name into one that is there; `auto` is the GPU where CUDA finds one, else the CPU."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = device.partition(":")
    if device != "cpu" and (kind != "cuda" or not (number or "0").isdecimal()):
        raise SettingsError(
            f"There is no device {device!r}. What works: auto, cpu, cuda, cuda:1 and so on, or several: "
            "cuda:0,cuda:1 or cuda:all."
        )
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise SettingsError(f"There is no {device} here: CUDA finds {torch.cuda.device_count()} GPUs. Try cpu.")
    return torch.device(device)


def _precision(device: torch.device) -> torch.dtype:
    if device.type == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float16
