"""The models that can run, one row each. To add a family: a file that loads it, its name in `row.py`, and a row."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import assert_never

from engine.diffusion import hub
from engine.diffusion.checkpoint import Checkpoint
from engine.diffusion.family import recognise
from engine.diffusion.row import Family, Licence, Row
from engine.diffusion.setup import Setup
from engine.diffusion.stylizer import Capabilities, Defaults, Stylizer
from engine.errors import ModelError, did_you_mean

STARTER = Path(__file__).parent.parent / "starter"

ROWS = (
    Row(
        name="starter",
        title="small AnimateDiff with ControlNets, bundled: knows the looks of `restyle looks`, runs on a CPU",
        family=Family.ANIMATEDIFF,
        licence=Licence("Apache-2.0", commercial=True),
        window=16,
        defaults=Defaults(steps=6, guidance=1.0, noise_carried=1.0),
        takes=Capabilities(frozenset({"colour", "depth", "edges", "flow"}), negative_prompt=True),
        folder=STARTER,
    ),
)


def rows() -> tuple[Row, ...]:
    """This lists the models that are known by name."""
    return ROWS


def find(model: str) -> Row:
    """This finds a model by its name, or makes a row of a folder in diffusers' layout, here or on the Hub."""
    for row in ROWS:
        if row.name == model:
            return row
    folder = Path(model).expanduser()
    if not folder.is_dir():
        folder = _from_hub(model)
    return _of_folder(model, folder)


def _from_hub(model: str) -> Path:
    if model.count("/") != 1 or not all(model.split("/")):
        known = [row.name for row in ROWS]
        raise ModelError(
            f"There is no model called {model!r}.{did_you_mean(model, known)} There are: {', '.join(known)}; "
            "or give a folder that holds one, or owner/name from the Hub."
        )
    folder = hub.find_repository(model)
    if folder is None:
        raise ModelError(f"There is no folder {model}, and nothing of that name from the Hub is here.")
    return folder


def _of_folder(model: str, folder: Path) -> Row:
    """This makes a row of a folder, with what its family does best."""
    family = recognise(folder)
    match family:
        case Family.ANIMATEDIFF:
            # The motion modules of Stable Diffusion 1.5 were trained on 16 frames of independent noise.
            window, defaults = 16, Defaults(steps=20, guidance=7.5, noise_carried=0.5)
        case _:
            assert_never(family)
    takes = Capabilities(frozenset(), negative_prompt=True)
    unknown = Licence("see the folder", commercial=None)
    return Row(model, "a folder", family, unknown, window, defaults, takes, folder)


def is_here(row: Row) -> bool:
    """Whether all files of a model are on this machine."""
    if row.folder:
        return (row.folder / "unet").is_dir()
    return len(hub.places(row)) == len(row.parts)


def load(model: str, device: str = "auto") -> Stylizer:
    """This loads a model by name or folder onto a device: `auto`, `cpu`, `cuda` or `cuda:1`."""
    row, setup = find(model), Setup.of(device)
    checkpoint = Checkpoint.of_folder(row.folder) if row.folder else Checkpoint(row.name, hub.places(row))
    with _uncollected():
        from engine.diffusion.quiet import quiet  # only now: diffusers takes seconds

        with quiet():
            match row.family:
                case Family.ANIMATEDIFF:
                    from engine.diffusion import animatediff

                    return animatediff.load(checkpoint, row, setup)
                case _:
                    assert_never(row.family)


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
