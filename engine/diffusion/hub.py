"""What of the Hugging Face Hub is in its cache on this machine: the network is never asked."""

from __future__ import annotations

import json
import re
from pathlib import Path

from engine.diffusion.row import Part, Row

CONFIGS = ("config.json", "scheduler_config.json", "tokenizer_config.json")
NAME = re.compile(r"(?!.*(--|\.\.))\w[\w.-]*/([\w.-]*\w)", re.ASCII)
"""How the Hub lets repositories be called: owner/name. Its library raises at others."""
WEIGHTS = ("diffusion_pytorch_model*.safetensors", "model*.safetensors")


def cache_folder() -> Path:
    """This says where the Hub's cache is; `HF_HOME` moves it."""
    from huggingface_hub.constants import HF_HUB_CACHE  # only now: it takes a while

    return Path(HF_HUB_CACHE)


def is_name(words: str) -> bool:
    """Whether this may be a repository's owner/name, and no path."""
    return NAME.fullmatch(words) is not None and not words.endswith(".git")


def find_repository(repository: str) -> Path | None:
    """This finds a whole model's folder in the cache, by its index or one of its configs; None where there is none."""
    for config in ("model_index.json", "unet/config.json", "transformer/config.json"):
        found = _cached(repository, config, "main")
        if found is not None:
            return found.parents[config.count("/")]
    return None


def places(row: Row) -> dict[str, Path]:
    """This says where those components of a row lie that are in the cache, whole: folders, or files alone."""
    found = {part.component: find_part(part) for part in row.parts}
    return {component: place for component, place in found.items() if place is not None}


def find_part(part: Part) -> Path | None:
    """This finds the folder (or file) of a part in the cache; None where it is missing or lacks weights."""
    if part.file:
        return _cached(part.repository, f"{part.folder}/{part.file}".lstrip("/"), part.revision)
    for config in CONFIGS:
        found = _cached(part.repository, f"{part.folder}/{config}".lstrip("/"), part.revision)
        if found is not None:
            return found.parent if config != "config.json" or _has_weights(found.parent) else None
    return None


def _has_weights(folder: Path) -> bool:
    """Whether the weights are there, every file of them where an index lists several; with a damaged index, no."""
    here = {path.name for pattern in WEIGHTS for path in folder.glob(pattern) if path.is_file()}
    try:
        found = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.index*.json")]
        indices = [set(index["weight_map"].values()) for index in found]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return False
    wholes = [name for name in here if "-of-" not in name]
    return bool(wholes) or any(index <= here for index in indices)


def _cached(repository: str, path: str, revision: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache  # only now: it takes a while

    found = try_to_load_from_cache(repository, path, revision=revision)
    return Path(found) if isinstance(found, str) else None
