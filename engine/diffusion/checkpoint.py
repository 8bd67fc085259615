"""A model in diffusers' layout: what there is of it, loaded safely and completely or not at all.

Only safetensors, never code, never the network. What would otherwise load with a warning and give a worse picture
(weights missing from a file, say) is an error here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError, safe_open

from engine.diffusion.own_defaults import COMPONENT, FILE
from engine.errors import ModelError, in_a_line

SWAPPED = ("unet", "vae", "text_encoder")
PICKLES = {".bin", ".pt", ".pth", ".ckpt"}
POINTER = b"version https://git-lfs"
HASHED = {".jinja", ".json", ".safetensors", ".txt"}


class Checkpoint:
    """The components of a model, each in a folder of its own, or in a file. `name` is what error messages call it.

    `configs` are the folders with the configs of those that are in files.
    """

    def __init__(self, name: str, places: Mapping[str, Path], configs: Mapping[str, Path] | None = None) -> None:
        self.name = name
        self.places = dict(places)
        self._configs = {**places, **(configs or {})}

    @classmethod
    def of_folder(cls, path: Path) -> Self:
        """This takes each folder in `path` for a component of that name."""
        if not path.is_dir():
            raise ModelError(f"There is no model at {path}: it is not a folder.")
        if not any(path.glob("*/*.json")):
            raise ModelError(f"{path} is not a model in diffusers' layout: no folder in it has a config.")
        places = {folder.name: folder for folder in sorted(path.iterdir()) if folder.is_dir()}
        if (told := path / FILE).is_file():  # it decides frames, as weights do
            places[COMPONENT] = told
        return cls(str(path), places)

    def with_own(self, path: Path) -> Checkpoint:
        """This takes denoiser, autoencoder and words from another checkpoint of the kind: a folder or a single file.

        A file needs the configs of those that it takes the place of.
        """
        if path.is_dir():
            own = Checkpoint.of_folder(path)
            swapped = {part: own.place(part) for part in SWAPPED}
            return Checkpoint(self.name, {**self.places, **swapped, "tokenizer": own.place("tokenizer")})
        if path.suffix != ".safetensors":
            pickle = path.suffix in PICKLES
            why = "can run code when opened; convert it to safetensors" if pickle else "is no safetensors file"
            raise ModelError(f"{path} {why}.")
        return Checkpoint(self.name, {**self.places, **dict.fromkeys(SWAPPED, path)}, self.places)

    def with_files(self, files: Mapping[str, Path]) -> Checkpoint:
        """This adds files by names of their own."""
        return Checkpoint(self.name, {**self.places, **files}, self._configs)

    def has(self, component: str) -> bool:
        """Whether there is such a component."""
        return component in self.places

    def place(self, component: str) -> Path:
        """This gives a component's folder (or file); one that is not there is refused."""
        if component not in self.places:
            raise ModelError(f"The model {self.name} has no {component}.")
        return self.places[component]

    def controls(self) -> list[str]:
        """This lists the controls that have a ControlNet, each a component `controlnet_<control>`."""
        folders = [name for name in self.places if name.startswith("controlnet")]
        nameless = sorted(name for name in folders if name.removeprefix("controlnet").strip("_0123456789") == "")
        if nameless:
            raise ModelError(
                f"{self.places[nameless[0]]} does not say what it is controlled by. Rename it, say to controlnet_depth."
            )
        return sorted(name.removeprefix("controlnet_") for name in folders)

    def config(self, component: str, name: str = "config.json") -> dict[str, Any]:
        """This reads a component's config."""
        path = self._configs.get(component, Path(component)) / name
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ModelError(f"The model {self.name} has no {component}/{name}.") from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ModelError(f"{path} is damaged: {error}") from error
        if not isinstance(config, dict):
            raise ModelError(f"{path} is damaged: it is no config.")
        return config

    def pick(self, component: str, kinds: dict[str, type], name: str = "config.json") -> Any:  # noqa: ANN401
        """This gives the class that a component's config names, if it is one of `kinds`."""
        kind = self.config(component, name).get("_class_name")
        if kind not in kinds:
            raise ModelError(f"{self.place(component)} is of class {kind}. What works: {', '.join(sorted(kinds))}.")
        return kinds[kind]

    def weights(self, component: str, cls: Any, dtype: torch.dtype, device: torch.device) -> Any:  # noqa: ANN401
        """This loads a component with weights, all of them, ready to run."""
        folder = self.place(component) if component in self.places else Path()
        if folder.is_file():
            from engine.diffusion.single_file import load_single

            net = load_single(folder, cls, self._configs[component], dtype)
            return net.requires_grad_(False).eval().to(device)
        if "_class_name" in self.config(component):  # transformers' own have none
            self.pick(component, {cls.__name__: cls})
        if not any(folder.glob("*.safetensors")):
            unsafe = [path.name for path in folder.iterdir() if path.suffix in PICKLES]
            advice = f", only {unsafe[0]}, which can run code when opened. Convert it to safetensors" if unsafe else ""
            raise ModelError(f"{folder} has no weights in safetensors{advice}.")
        for file in sorted(folder.glob("*.safetensors")):
            check_whole(file)
        try:
            net, found_out = cls.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
                dtype=dtype,
                **({"variant": "fp16"} if not _plain(folder) else {}),
            )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise ModelError(f"{folder} cannot be loaded: {in_a_line(error)}.") from error
        except (TypeError, LookupError, ArithmeticError, AttributeError) as error:  # a list may be words, a number 0
            raise ModelError(f"{folder / 'config.json'} has a value that does not work: {in_a_line(error)}.") from error
        _check_complete(folder, found_out)
        return net.requires_grad_(False).eval().to(device)

    def fingerprint(self) -> str:
        """This hashes every config and weight file, names and contents."""
        total = hashlib.sha256()
        for component, place in sorted(self.places.items()):
            files = [place] if place.is_file() else place.rglob("*")
            for path in sorted(path for path in files if path.suffix in HASHED):
                name = f"{component}/{path.relative_to(place).as_posix()}"
                total.update(f"{name} {_digest(path)}\n".encode())
        return total.hexdigest()


def _plain(folder: Path) -> bool:
    """Whether the weights are there under their plain names; else only as the half precision variant."""
    weights = (*folder.glob("diffusion_pytorch_model*.safetensors"), *folder.glob("model*.safetensors"))
    return any(".fp16" not in path.name for path in weights)


def check_whole(file: Path) -> None:
    """This refuses a file that is shorter than it says, and what git leaves in place of a large one."""
    try:
        with safe_open(file, "pt"):
            return
    except (OSError, SafetensorError) as error:
        with file.open("rb") as opened:
            pointer = opened.read(len(POINTER)) == POINTER
        if pointer:
            raise ModelError(
                f"{file} only says where git keeps the weights. Fetch them: git lfs pull, in that folder."
            ) from error
        raise ModelError(
            f"{file} is damaged, perhaps a download that broke off: {in_a_line(error)}. Fetch it again."
        ) from error


def _check_complete(folder: Path, found_out: dict[str, Any]) -> None:
    missing = sorted(map(str, found_out["missing_keys"])) + sorted(map(str, found_out.get("mismatched_keys", [])))
    if missing:
        rest = f" and {len(missing) - 1} more" * (len(missing) > 1)
        raise ModelError(f"{folder} is incomplete: no weights for {missing[0]}{rest}.")


def _digest(path: Path) -> str:
    """This gives a file's SHA-256. The Hub's cache names what it has fetched by it, so that nothing need be read."""
    blob = path.resolve()
    if blob.parent.name == "blobs" and len(blob.name) == 64:
        return blob.name
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
