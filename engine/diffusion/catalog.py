"""Find a model by name, folder or repository, and load it."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from engine.diffusion import hub
from engine.diffusion.family import recognise
from engine.diffusion.loading import Options, from_hub, gather, lora_file, plan_memory, uncollected
from engine.diffusion.own_defaults import told_by
from engine.diffusion.row import Row
from engine.diffusion.rows import ROWS
from engine.diffusion.setup import Setup
from engine.diffusion.stylizer import Capabilities, Stylizer
from engine.errors import ModelError, did_you_mean


def rows() -> tuple[Row, ...]:
    """This lists the models that are known by name."""
    return ROWS


def find(model: str) -> Row:
    """This finds a model by its name, or makes a row of a folder in diffusers' layout, here or on the Hub."""
    folder = Path(model).expanduser()
    if folder.is_dir() and model not in {row.name for row in ROWS}:
        return _of_folder(model, folder)
    return find_row(model) or _of_folder(model, from_hub(model))


def find_row(model: str) -> Row | None:
    """This finds the row of a model's name; None for what may be owner/name on the Hub.

    Raises:
        ModelError: it can be neither.
    """
    for row in ROWS:
        if row.name == model:
            return row
    if hub.is_name(model):
        return None
    raise _unknown(model)


def _unknown(model: str) -> ModelError:
    known = [row.name for row in ROWS]
    if (file := Path(model).expanduser()).is_file():
        own = f" A checkpoint of Stable Diffusion 1.5 goes so: --model animatediff --checkpoint {model}"
        advice = own if file.suffix == ".safetensors" else ""
        return ModelError(f"{model} is a file; a model is a folder in diffusers' layout.{advice}")
    if "/" in model:
        return ModelError(f"There is no folder {model}. Give one that holds a model, or a name of `restyle models`.")
    return ModelError(
        f"There is no model called {model!r}.{did_you_mean(model, known)} There are: {', '.join(known)}; "
        "or give a folder that holds one, or owner/name from the Hub."
    )


def _of_folder(model: str, folder: Path) -> Row:
    """This makes a row of a folder, with what its family does best where it does not say so itself."""
    takes = Capabilities(frozenset(), negative_prompt=True)
    return told_by(folder, recognise(folder).row(model, "a folder", takes=takes, folder=folder))


def is_here(row: Row) -> bool:
    """Whether all files of a model are on this machine."""
    if row.folder:
        return (row.folder / "unet").is_dir()
    return len(hub.places(row)) == len(row.parts)


def load(model: str, how: Options | str = "auto") -> Stylizer:
    """This loads a model by name or folder. `how` may be a device alone: `auto`, `cpu`, `cuda` or `cuda:1`.

    Raises:
        ModelError: there is no such model, parts of it are not here or broken, or they do not fit together.
    """
    options = Options(how) if isinstance(how, str) else how
    row, setup = find(model), Setup.of(options.device)
    checkpoint = gather(row, options)
    setup = replace(setup, memory=plan_memory(row, checkpoint, options, setup.device))
    loras = {**row.loras, **{str(lora_file(file)): weight for file, weight in options.loras.items()}}
    with uncollected():
        from engine.diffusion.quiet import quiet  # only now: diffusers takes seconds

        with quiet():
            family: Any = import_module(f"{__package__}.{row.family.module}")
            stylizer: Stylizer = family.load(checkpoint, row, setup, loras)
            return stylizer
