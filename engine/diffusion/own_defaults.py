"""What a model's folder says of itself, in `restyle.json`: what it does best where a person has not said otherwise.

    {"steps": 4, "guidance": 1.0, "noise_carried": 1.0, "window": 16, "side": 288}

Each may be left out; also `controls`, weights by their names, `distilled` and `finished`. They mean what `Row` and
`Defaults` say.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from engine.diffusion.row import Row
from engine.errors import ModelError

COMPONENT = "defaults"
FILE = "restyle.json"


def _number(value: Any, least: float, most: float) -> bool:  # noqa: ANN401 - any value of a JSON file
    return isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most


def _whole(value: Any, most: int) -> bool:  # noqa: ANN401
    return isinstance(value, int) and _number(value, 1, most)


def _weights(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, dict) and all(_number(weight, 0, 2) for weight in value.values())


WORKS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "steps": (lambda value: _whole(value, 1000), "a whole number, 1 to 1000"),
    "guidance": (lambda value: _number(value, 0, 100), "a number, 0 to 100"),
    "noise_carried": (lambda value: _number(value, 0, 1), "a number, 0 to 1"),
    "controls": (_weights, "weights by names of controls, 0 to 2"),
    "distilled": (lambda value: isinstance(value, bool), "true or false"),
    "finished": (lambda value: isinstance(value, bool), "true or false"),
    "window": (lambda value: _whole(value, 1000), "a whole number of frames, 1 to 1000"),
    "side": (lambda value: _whole(value, 10000), "a whole number of pixels, 1 to 10000"),
}


def told_by(folder: Path, row: Row) -> Row:
    """This gives the row of a folder's family with what the folder says of itself, where it says something.

    Raises:
        ModelError: it says what cannot be.
    """
    path = folder / FILE
    if not path.is_file():
        return row
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} is damaged: {error}") from error
    if not isinstance(told, dict):
        raise ModelError(f"{path} is damaged: it is no object.")
    for name, value in told.items():
        if name not in WORKS:
            raise ModelError(f"{path} says {name!r}, which means nothing here. What does: {', '.join(WORKS)}.")
        works, words = WORKS[name]
        if not works(value):
            raise ModelError(f"{path} says {name} is {value!r}; it must be {words}.")
    own = {name: told.pop(name) for name in ("window", "side") if name in told}
    return replace(row, **own, defaults=replace(row.defaults, **told))


def telling(row: Row) -> str:
    """This is the file by which another folder of a model says what its row does."""
    told = {**asdict(row.defaults), "window": row.window, "side": row.side}
    return json.dumps(told, indent=1) + "\n"
