"""Which family a model folder belongs to, by what its configs name."""

from __future__ import annotations

import json
from pathlib import Path

from engine.diffusion.row import Family
from engine.diffusion.rows import ROWS
from engine.errors import ModelError


def recognise(folder: Path) -> Family:
    """This tells the family of a model folder.

    Raises:
        ModelError: it holds no model, or one of a kind that does not work here.
    """
    if (folder / "config.json").is_file():
        raise ModelError(f"{folder} is one part of a model. Give the folder that holds all of its parts.")
    if not any(folder.glob("*/*.json")):
        raise ModelError(f"{folder} is not a model in diffusers' layout: no folder in it has a config.")
    named = _class_name(folder / "model_index.json")
    inside = _class_name(folder / "unet" / "config.json") or _class_name(folder / "transformer" / "config.json")
    families = {row.family.module: row.family for row in ROWS}
    known = {name: family for family in families.values() for name in family.classes}
    for name in (named, inside):  # the index first: it speaks for the whole folder
        if name in known:
            return known[name]
    found = f"holds a {named or inside}" if named or inside else "has neither unet/config.json nor transformer/"
    raise ModelError(f"{folder} {found}. Models that work here: {', '.join(families)}; see `restyle models`.")


def _class_name(path: Path) -> str:
    if not path.is_file():
        return ""
    try:
        return str(json.loads(path.read_text(encoding="utf-8")).get("_class_name", ""))
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError) as error:
        raise ModelError(f"{path} is damaged: {error}") from error
