"""A model folder in diffusers' layout: what is in it, loaded safely and completely or not at all.

Only safetensors, never code, never the network. What would otherwise load with a warning and give a worse picture
(weights missing from a file, say) is an error here.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from engine.errors import ModelError

PICKLES = {".bin", ".pt", ".pth", ".ckpt"}
HASHED = {".json", ".safetensors", ".txt"}


class Checkpoint:
    """A folder with one subfolder a component."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_dir():
            raise ModelError(f"There is no model at {path}: it is not a folder.")
        if not any(path.glob("*/*.json")):
            raise ModelError(f"{path} is not a model in diffusers' layout: no folder in it has a config.")

    def has(self, component: str) -> bool:
        """Whether there is such a component."""
        return (self.path / component).is_dir()

    def controls(self) -> list[str]:
        """This lists the controls that have a ControlNet, each in a folder `controlnet_<control>`."""
        folders = [folder.name for folder in self.path.glob("controlnet*") if folder.is_dir()]
        nameless = sorted(name for name in folders if name.removeprefix("controlnet").strip("_0123456789") == "")
        if nameless:
            raise ModelError(
                f"{self.path / nameless[0]} does not say what it is controlled by. Rename it, say to controlnet_depth."
            )
        return sorted(name.removeprefix("controlnet_") for name in folders)

    def config(self, component: str, name: str = "config.json") -> dict[str, Any]:
        """This reads a component's config."""
        path = self.path / component / name
        try:
            config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise ModelError(f"The model at {self.path} has no {component}/{name}.") from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ModelError(f"{path} is damaged: {error}") from error
        return config

    def pick(self, component: str, kinds: dict[str, type], name: str = "config.json") -> Any:  # noqa: ANN401
        """This gives the class that a component's config names, if it is one of `kinds`."""
        kind = self.config(component, name).get("_class_name")
        if kind not in kinds:
            raise ModelError(f"{self.path / component} is of class {kind}. What works: {', '.join(sorted(kinds))}.")
        return kinds[kind]

    def weights(self, component: str, cls: Any, dtype: torch.dtype, device: torch.device) -> Any:  # noqa: ANN401
        """This loads a component with weights, all of them, ready to run."""
        self.config(component)
        if not any((self.path / component).glob("*.safetensors")):
            unsafe = [path.name for path in (self.path / component).iterdir() if path.suffix in PICKLES]
            advice = f", only {unsafe[0]}, which can run code when opened. Convert it to safetensors" if unsafe else ""
            raise ModelError(f"{self.path / component} has no weights in safetensors{advice}.")
        try:
            net, found_out = cls.from_pretrained(
                self.path,
                subfolder=component,
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
                dtype=dtype,
                **({"variant": "fp16"} if not self._plain(component) else {}),
            )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise ModelError(f"{self.path / component} cannot be loaded: {error}") from error
        self._check_complete(component, found_out)
        return net.requires_grad_(False).eval().to(device)

    def _plain(self, component: str) -> bool:
        return any(".fp16" not in path.name for path in (self.path / component).glob("*.safetensors"))

    def _check_complete(self, component: str, found_out: dict[str, Any]) -> None:
        missing = sorted(map(str, found_out["missing_keys"])) + sorted(map(str, found_out.get("mismatched_keys", [])))
        if missing:
            rest = f" and {len(missing) - 1} more" * (len(missing) > 1)
            raise ModelError(f"{self.path / component} is incomplete: no weights for {missing[0]}{rest}.")

    def fingerprint(self) -> str:
        """This hashes every config and weight file, names and contents."""
        total = hashlib.sha256()
        for path in sorted(path for path in self.path.rglob("*") if path.suffix in HASHED):
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            total.update(f"{path.relative_to(self.path).as_posix()} {digest}\n".encode())
        return total.hexdigest()
