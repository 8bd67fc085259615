"""Find a model by name, folder or repository, and load it.

To add a family: a file, its name in `row.py`, a row, its classes in `family.py`, and a case in each `match` here.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import assert_never

from engine.diffusion import hub
from engine.diffusion.family import recognise
from engine.diffusion.loading import Options, from_hub, gather, lora_file, plan_memory, uncollected
from engine.diffusion.own_defaults import told_by
from engine.diffusion.row import Family, Licence, Row
from engine.diffusion.rows import (
    COGVIDEOX_DEFAULTS,
    COGVIDEOX_WINDOW,
    COSMOS_DEFAULTS,
    COSMOS_LICENCE,
    COSMOS_SIDE,
    COSMOS_WINDOW,
    LTX2_DEFAULTS,
    LTX2_LICENCE,
    LTX2_SIDE,
    LTX2_WINDOW,
    ROWS,
    WAN_DEFAULTS,
    WAN_SIDE,
    WAN_WINDOW,
)
from engine.diffusion.setup import Setup
from engine.diffusion.stylizer import Capabilities, Defaults, Stylizer
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
    if Path(model).expanduser().is_file():
        return ModelError(
            f"{model} is a file; a model is a folder in diffusers' layout. A checkpoint of Stable Diffusion 1.5 in "
            f"safetensors goes so: --model animatediff --checkpoint {model}"
        )
    if "/" in model:
        return ModelError(f"There is no folder {model}. Give one that holds a model, or a name of `restyle models`.")
    return ModelError(
        f"There is no model called {model!r}.{did_you_mean(model, known)} There are: {', '.join(known)}; "
        "or give a folder that holds one, or owner/name from the Hub."
    )


def _of_folder(model: str, folder: Path) -> Row:
    """This makes a row of a folder, with what its family does best where it does not say so itself."""
    family, licence = recognise(folder), Licence("see the folder", commercial=None)
    match family:
        case Family.ANIMATEDIFF:
            # The motion modules of Stable Diffusion 1.5 were trained on 16 frames of independent noise.
            window, side, defaults = 16, 512, Defaults(steps=20, guidance=7.5, noise_carried=0.5)
        case Family.COGVIDEOX_FUN:
            window, side, defaults = COGVIDEOX_WINDOW, 480, COGVIDEOX_DEFAULTS
        case Family.COSMOS_TRANSFER:
            window, side, defaults, licence = COSMOS_WINDOW, COSMOS_SIDE, COSMOS_DEFAULTS, COSMOS_LICENCE
        case Family.LTX2:
            window, side, defaults, licence = LTX2_WINDOW, LTX2_SIDE, LTX2_DEFAULTS, LTX2_LICENCE
        case Family.WAN_VACE:
            window, side, defaults = WAN_WINDOW, WAN_SIDE, WAN_DEFAULTS
        case _:
            assert_never(family)
    takes = Capabilities(frozenset(), negative_prompt=True)
    return told_by(folder, Row(model, "a folder", family, licence, window, defaults, takes, side, folder))


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
            match row.family:
                case Family.ANIMATEDIFF:
                    from engine.diffusion import animatediff

                    return animatediff.load(checkpoint, row, setup, loras)
                case Family.COGVIDEOX_FUN:
                    from engine.diffusion import cogvideox

                    return cogvideox.load(checkpoint, row, setup, loras)
                case Family.COSMOS_TRANSFER:
                    from engine.diffusion import cosmos_transfer

                    return cosmos_transfer.load(checkpoint, row, setup, loras)
                case Family.LTX2:
                    from engine.diffusion import ltx2

                    return ltx2.load(checkpoint, row, setup, loras)
                case Family.WAN_VACE:
                    from engine.diffusion import wan_vace

                    return wan_vace.load(checkpoint, row, setup, loras)
                case _:
                    assert_never(row.family)
