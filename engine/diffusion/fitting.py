"""Whether a model fits a machine, by the catalogue alone: nothing is loaded, nothing is asked of the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import psutil
import torch

from engine.diffusion.row import Row


@dataclass(frozen=True)
class Machine:
    """What there is to compute with: bytes of main memory, and of the largest GPU's own, 0 where there is none."""

    memory: int
    gpu_memory: int

    @classmethod
    def here(cls) -> Self:
        """This looks at this machine."""
        gpus = [torch.cuda.get_device_properties(i).total_memory for i in range(torch.cuda.device_count())]
        return cls(psutil.virtual_memory().total, max(gpus, default=0))


def fit(row: Row, machine: Machine) -> str:
    """This says in words whether a model fits a machine, and if not, why: `yes`, or what it lacks.

    On a GPU weights are held in half precision, on a processor in single.
    """
    high, low = (1e9 * need for need in (row.weights + row.working, row.working))
    if not row.parts:
        return "yes"
    if machine.gpu_memory >= high:
        return "yes, all on the GPU"
    if machine.gpu_memory >= low and machine.memory >= high:
        return "yes, parts waiting in main memory"
    if machine.memory >= 2 * high:
        return "slowly: on the processor, there is no such GPU"
    return f"no: needs a GPU of {low / 1e9:.0f} GB beside {high / 1e9:.0f} GB of main memory"
