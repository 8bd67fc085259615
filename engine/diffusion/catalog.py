"""The models that can run, one row each. To add a family: a file that loads it, and a row."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.diffusion.stylizer import Defaults, Stylizer
from engine.errors import ModelError, SettingsError, did_you_mean

STARTER = Path(__file__).parent.parent / "starter"


@dataclass(frozen=True)
class Row:
    """A model that a person can ask for. `window` is how many frames at once it was trained on."""

    name: str
    title: str
    licence: str
    folder: Path
    window: int
    defaults: Defaults


ROWS = (
    Row(
        name="starter",
        title="small AnimateDiff with ControlNets, bundled: knows the looks of `restyle looks`, runs on a CPU",
        licence="Apache-2.0",
        folder=STARTER,
        window=16,
        defaults=Defaults(steps=6, guidance=1.0, noise_carried=1.0),
    ),
)


def rows() -> tuple[Row, ...]:
    """This lists the models that are known by name."""
    return ROWS


def find(model: str) -> Row:
    """This finds a model by its name, or makes a row of a folder in diffusers' AnimateDiff layout."""
    for row in ROWS:
        if row.name == model:
            return row
    folder = Path(model).expanduser()
    if not folder.is_dir():
        known = [row.name for row in ROWS]
        raise ModelError(
            f"There is no model called {model!r}.{did_you_mean(model, known)} There are: {', '.join(known)}; "
            "or give a folder that holds one."
        )
    # The motion modules of Stable Diffusion 1.5 were trained on 16 frames of independent noise.
    defaults = Defaults(steps=20, guidance=7.5, noise_carried=0.5)
    return Row(model, "a local folder", "see the folder", folder, 16, defaults)


def load(model: str, device: str = "auto") -> Stylizer:
    """This loads a model by name or folder onto a device: `auto`, `cpu`, `cuda` or `cuda:1`."""
    row, where = find(model), find_device(device)
    with _uncollected():
        from engine.diffusion.quiet import quiet  # only now: diffusers takes seconds

        with quiet():
            from engine.diffusion import animatediff, checkpoint

            return animatediff.load(checkpoint.Checkpoint(row.folder), row.name, row.window, row.defaults, where)


@contextmanager
def _uncollected() -> Iterator[None]:
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


def find_device(device: str) -> torch.device:
    """This turns a device's name into one that is there; `auto` is the GPU where CUDA finds one, else the CPU."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = device.partition(":")
    if device != "cpu" and (kind != "cuda" or not (number or "0").isdecimal()):
        raise SettingsError(f"There is no device {device!r}. What works: auto, cpu, cuda, cuda:1 and so on.")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise SettingsError(f"There is no {device} here: CUDA finds {torch.cuda.device_count()} GPUs. Try cpu.")
    return torch.device(device)
