"""Networks in transformers' layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def load_whole(kind: Any, folder: Path) -> Any:  # noqa: ANN401 - of a library without types
    """This loads a network of a class of transformers from safetensors, ready to be asked, whole or not at all.

    Raises:
        OSError, ValueError: it is missing or damaged.
    """
    net, found = kind.from_pretrained(folder, local_files_only=True, use_safetensors=True, output_loading_info=True)
    if found["missing_keys"]:
        raise ValueError(f"no weights for {sorted(found['missing_keys'])[0]}")
    return net.requires_grad_(False).eval()
