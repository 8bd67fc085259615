"""What is needed to load a model: what a person asks for, the files that it takes, and room to import in peace."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from engine.diffusion import hub
from engine.diffusion.checkpoint import Checkpoint
from engine.diffusion.row import Row
from engine.errors import ModelError


@dataclass(frozen=True)
class Options:
    """How a person wants a model: where, with a checkpoint in place of its own, with which LoRAs.

    `loras` weighs them by their files.
    """

    device: str = "auto"
    checkpoint: str | None = None
    loras: Mapping[str, float] = field(default_factory=dict)


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


def from_hub(repository: str) -> Path:
    """This finds the folder of a repository in the Hub's cache.

    Raises:
        ModelError: it is not there.
    """
    folder = hub.find_repository(repository) if repository.count("/") == 1 and all(repository.split("/")) else None
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
