"""What is needed to load a model: what a person asks for, the files that it takes, and room to import in peace."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch

from engine.diffusion import hub
from engine.diffusion.checkpoint import Checkpoint
from engine.diffusion.memory import Ladder, choose
from engine.diffusion.row import SEEING, Row
from engine.errors import ModelError
from engine.settings import Memory

RESTING = ("connectors", "text_encoder", "vae")
"""Parts that do nothing while the denoiser works."""


@dataclass(frozen=True)
class Options:
    """How a person wants a model: where, with how much memory, with a checkpoint in place of its own, with which LoRAs.

    `loras` weighs them by their files. `sharers` is how many models share the device.
    """

    device: str = "auto"
    memory: Memory = Memory.AUTO
    checkpoint: str | None = None
    loras: Mapping[str, float] = field(default_factory=dict)
    sharers: int = 1


def gather(row: Row, options: Options) -> Checkpoint:
    """This gathers the files of a model: its own, another checkpoint where one is named, LoRAs."""
    if row.folder:
        checkpoint = Checkpoint.of_folder(row.folder)
    else:
        checkpoint = Checkpoint(row.name, hub.places(row))
        missing = [part.component for part in row.parts if not (part.optional or checkpoint.has(part.component))]
        if missing:
            raise ModelError(
                f"The model {row.name} is not here: no {', '.join(missing)}. Fetch it: restyle models --pull {row.name}"
            )
    if options.checkpoint:
        if not checkpoint.has("motion_adapter"):
            raise ModelError(f"The model {row.name} takes no checkpoint but its own. Leave --checkpoint out.")
        own = Path(options.checkpoint).expanduser()
        checkpoint = checkpoint.with_own(own if own.exists() else from_hub(options.checkpoint))
    return checkpoint.with_files({str(file): file for file in map(lora_file, options.loras)})


def lora_file(file: str) -> Path:
    path = Path(file).expanduser()
    if not path.is_file():
        raise ModelError(f"There is no LoRA {file}.")
    if path.suffix != ".safetensors":
        raise ModelError(f"The LoRA {file} is no safetensors file. Others can run code when opened; convert it.")
    return path


def plan_memory(row: Row, checkpoint: Checkpoint, options: Options, device: torch.device) -> Ladder:
    """This chooses how a model shares memory, by the catalogue and the files, before anything of it is loaded."""
    if row.parts:
        sizes = {part.component: part.size * 1e9 for part in row.parts if not part.optional}
        sizes["controlnet"] = (row.weights - sum(sizes.values()) / 1e9) * 1e9
    else:
        sizes = {name: float(_bytes_of(place)) for name, place in checkpoint.places.items() if name not in SEEING}
    resting = sum(size for name, size in sizes.items() if name in RESTING)
    whole = sum(sizes.values())
    ladder = Ladder(device, sharers=options.sharers)
    return choose(options.memory, ladder, int(whole), int(whole - resting), int(row.working * 1e9), row.name)


def _bytes_of(place: Path) -> int:
    files = place.glob("*.safetensors") if place.is_dir() else [place]
    return sum(file.stat().st_size for file in files)


def from_hub(repository: str) -> Path:
    """This finds the folder of a repository in the Hub's cache.

    Raises:
        ModelError: it is not there.
    """
    folder = hub.find_repository(repository) if hub.is_name(repository) else None
    if folder is None:
        raise ModelError(
            f"There is no folder {repository}, and nothing of that name from the Hub is here. "
            f"Fetch it: restyle models --pull {repository}"
        )
    return folder


@contextmanager
def uncollected() -> Iterator[None]:
    """This spares the garbage collector a load of imports: it would look through all of them again and again.

    Afterwards they count as old, as if it had looked and found nothing.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():  # whoever has frozen objects wants them to stay so
            gc.freeze()
            gc.unfreeze()
        gc.enable()
