"""What of the Hugging Face Hub is in its cache on this machine: the network is never asked."""

from __future__ import annotations

from pathlib import Path

from engine.diffusion.row import Part, Row


def find_repository(repository: str) -> Path | None:
    """This finds a whole model's folder in the cache, by its index or one of its configs; None where there is none."""
    for config in ("model_index.json", "unet/config.json", "transformer/config.json"):
        found = _cached(repository, config, "main")
        if found is not None:
            return found.parents[config.count("/")]
    return None


def places(row: Row) -> dict[str, Path]:
    """This says where those components of a row lie that are in the cache: folders, or files of weights alone."""
    found = {part.component: _find(part) for part in row.parts}
    return {component: place for component, place in found.items() if place is not None}


def _find(part: Part) -> Path | None:
    if part.file:
        return _cached(part.repository, f"{part.folder}/{part.file}".lstrip("/"), part.revision)
    for config in ("config.json", "scheduler_config.json", "tokenizer_config.json"):
        found = _cached(part.repository, f"{part.folder}/{config}".lstrip("/"), part.revision)
        if found is not None:
            return found.parent
    return None


def _cached(repository: str, path: str, revision: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache  # only now: it takes a while

    found = try_to_load_from_cache(repository, path, revision=revision)
    return Path(found) if isinstance(found, str) else None
