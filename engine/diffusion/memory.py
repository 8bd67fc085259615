"""How a model shares the memory that there is: plans from the fastest to the smallest, and the one that holds.

A plan is chosen before the model is loaded. Where memory runs out all the same, the next smaller one takes its place.
On a GPU what is not at work can wait in main memory; on a processor there is only less at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import psutil
import torch
from torch import nn

from engine.errors import ResourceError
from engine.settings import Memory

SHARE = 0.7  # of main memory that is free: the system and the job's pictures want some
GPU_SHARE = 0.9
EIGHT_BITS = 0.55  # of what large nets take in 16: norms and what takes in or gives out the picture stay as they are
EXACT = (
    "norm",
    "pos_embed",
    "patch_embed",
    "time_embed",
    "^proj_in$",
    "^proj_out$",
    "^conv_in$",
    "^conv_out$",
    "lora_",
)
"""Layers that 8 bits would harm most, by their names; each net knows of some more."""


class Waiting(StrEnum):
    """What waits in main memory while a GPU computes with the rest: nothing, parts at rest, or layer after layer."""

    NOTHING = "nothing"
    PARTS = "parts"
    LAYERS = "layers"


@dataclass(frozen=True)
class MemoryPlan:
    """One way to use memory.

    together: whether the halves of guidance, with and without the prompt, are computed at once. control_pictures: how
    many pictures a ControlNet sees at once, None for all of a window. slice_frames: how many frames the autoencoder
    sees at once; tiled: whether in tiles. eight_bits: whether the weights of large nets are kept in 8 bits (e4m3) and
    each layer's brought back for its turn: the one plan that changes the picture, slightly.
    """

    words: str
    waiting: Waiting = Waiting.NOTHING
    together: bool = True
    control_pictures: int | None = None
    slice_frames: int = 4
    tiled: bool = False
    eight_bits: bool = False


ON_GPU = (
    MemoryPlan("the whole model stays on the GPU"),
    MemoryPlan("parts at rest wait in main memory, less is computed at once", Waiting.PARTS, False, 8, 2),
    MemoryPlan(
        "weights in 8 bits, which changes the picture slightly; parts at rest wait in main memory",
        Waiting.PARTS,
        False,
        8,
        2,
        eight_bits=True,
    ),
    MemoryPlan(
        "layers come from main memory one by one, as little as can be at once", Waiting.LAYERS, False, 4, 1, True
    ),
)
ON_PROCESSOR = (
    MemoryPlan("a whole window is computed at once"),
    MemoryPlan("less is computed at once", Waiting.NOTHING, False, 8, 2),
    MemoryPlan("as little is computed at once as can be", Waiting.NOTHING, False, 4, 1, True),
)


def free_main_memory() -> float:
    """This tells how many bytes of main memory can be had."""
    return float(psutil.virtual_memory().available * SHARE)


@dataclass
class Ladder:
    """The plans for a model on a device, largest first; `held` is the number of the one that holds.

    sharers: how many models compute on the device, each with as much memory as the others. needs: what each plan is
    estimated to take there, in bytes, where that is known.
    """

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    plans: tuple[MemoryPlan, ...] = ON_PROCESSOR
    held: int = 0
    sharers: int = 1
    needs: tuple[int, ...] = ()
    _layered: list[nn.Module] = field(default_factory=list)
    _narrowed: list[nn.Module] = field(default_factory=list)

    @property
    def plan(self) -> MemoryPlan:
        """The plan that holds."""
        return self.plans[self.held]

    @property
    def home(self) -> torch.device:
        """Where the model's parts are when they do nothing."""
        return self.device if self.plan.waiting is Waiting.NOTHING else torch.device("cpu")

    @property
    def words(self) -> str:
        """The plan that holds, for people, with what it takes."""
        return f"{self.plan.words} (about {self.needs[self.held] / 1e9:.1f} GB)" if self.needs else self.plan.words

    def held_bytes(self, resting: list[Any], large: list[Any]) -> int:
        """This counts the bytes of weights that stay at the device by the plan while the `large` nets are at work."""
        held = {Waiting.NOTHING: [*resting, *large], Waiting.PARTS: large, Waiting.LAYERS: []}[self.plan.waiting]
        sizes = [
            (p.numel(), 2 * EIGHT_BITS if self.plan.eight_bits else p.element_size())
            for net in held
            for p in net.parameters()
        ]
        return int(sum(count * size for count, size in sizes))

    @property
    def reading(self) -> torch.device:
        """Where words are read, once a job: an encoder of words may be larger than all that is to be on the GPU."""
        return torch.device("cpu") if self.plan.waiting is Waiting.LAYERS else self.device

    def free_bytes(self) -> int:
        """This tells what can be had where the model computes, with what it has already."""
        if self.device.type == "cpu":
            free = free_main_memory()
        else:
            free = (torch.cuda.mem_get_info(self.device)[0] + torch.cuda.memory_reserved(self.device)) * GPU_SHARE
        return int(free / self.sharers)

    def spare(self, exact: bool = False) -> MemoryPlan | None:
        """This goes over to the next smaller plan and gives it; None where there is none.

        exact: pass by those that change the picture, as in the middle of a job, whose chunks must be of one kind.
        """
        smaller = range(self.held + 1, len(self.plans))
        fitting = [number for number in smaller if not (exact and self.plans[number].eight_bits)]
        if not fitting:
            return None
        self.held = fitting[0]
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return self.plan

    def keep_to(self, eight_bits: bool) -> bool:
        """This goes over to the largest plan, from the one that holds down, whose weights are of that kind.

        False where there is none.
        """
        fitting = [n for n in range(self.held, len(self.plans)) if self.plans[n].eight_bits == eight_bits]
        self.held = fitting[0] if fitting else self.held
        return bool(fitting)

    def settle(self, resting: list[Any], streaming: list[Any]) -> None:
        """This brings a model's nets where the plan wants them between calls.

        `streaming` are the large ones, which are fed to the GPU by layers where the plan says so, or kept in 8 bits.
        """
        if self.plan.eight_bits:
            for net in streaming:
                self._narrow(net)
        if self.plan.waiting is Waiting.LAYERS:
            for net in streaming:
                self._stream(net)
        for net in (*resting, *streaming):
            if net not in self._layered:
                net.to(self.home)

    @contextmanager
    def present(self, *nets: Any) -> Iterator[None]:  # noqa: ANN401
        """This has nets at the device for as long as they are at work; those fed by layers come by themselves."""
        moved = [net for net in nets if self.home != self.device and net not in self._layered]
        try:
            for net in moved:
                net.to(self.device)
            yield
        finally:
            for net in moved:
                net.to(self.home)

    def _narrow(self, net: Any) -> None:  # noqa: ANN401
        if net in self._narrowed:
            return
        net.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, skip_modules_pattern=EXACT)
        self._narrowed.append(net)

    def _stream(self, net: Any) -> None:  # noqa: ANN401
        if net in self._layered:
            return
        from diffusers.hooks import apply_group_offloading  # only now: diffusers takes seconds

        net.to("cpu")
        apply_group_offloading(
            net, onload_device=self.device, offload_device=torch.device("cpu"), offload_type="leaf_level"
        )
        self._layered.append(net)


def choose(memory: Memory, ladder: Ladder, weights: int, largest: int, working: int, name: str) -> Ladder:
    """This chooses the plan for a model before it is loaded, by bytes; the ladder is given back, the plan held.

    weights: of all its parts. largest: of those that must be there together. working: what a window needs beside them.

    Raises:
        ResourceError: not even the smallest plan would do.
    """
    if ladder.device.type == "cpu":
        return replace(ladder, plans=ON_PROCESSOR, held=len(ON_PROCESSOR) - 1 if memory is Memory.LOW else 0)
    needs = (weights + working, largest + working, int(largest * EIGHT_BITS) + working, working)
    ladder = replace(ladder, plans=ON_GPU, needs=needs)
    free = ladder.free_bytes()
    if memory is Memory.HIGH:
        return ladder
    fitting = [number for number, need in enumerate(needs) if need <= free]
    if not fitting:
        raise ResourceError(
            f"{name} needs {working / 1e9:.1f} GB of the GPU's memory at the least; {free / 1e9:.1f} GB can be had. "
            "Close other programs, or compute on the processor: --device cpu"
        )
    return replace(ladder, held=len(needs) - 1 if memory is Memory.LOW else fitting[0])
