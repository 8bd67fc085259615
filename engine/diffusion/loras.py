"""LoRAs: small changes of a model's weights, worked into them once when the model is loaded."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import nn

from engine.diffusion.checkpoint import check_whole
from engine.errors import ModelError, in_a_line


def add_loras(pipeline: Any, nets: list[nn.Module], loras: Mapping[Path, float]) -> None:  # noqa: ANN401
    """This adds each file's LoRA, at its weight, to `nets`, the parts of a diffusers pipeline that it may change.

    The library passes over weights that have no place in the model, without a word; here they are an error.
    """
    for file, weight in loras.items():
        with _fitting(file):
            _add(pipeline, nets, file, weight)


def attach_lora(pipeline: Any, net: nn.Module, file: Path, name: str) -> None:  # noqa: ANN401
    """This puts a LoRA into `net` under a name of its own, where it can be switched on and off."""
    with _fitting(file), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Already found a `peft_config`")  # several are meant to be there
        _place(pipeline, [net], file, name)


def only_lora(place: Path) -> Path:
    """This finds the LoRA that is in a folder, or is the file itself."""
    if place.is_file():
        return place
    files = sorted(place.glob("*.safetensors"))
    if len(files) != 1:
        raise ModelError(f"{place} holds {len(files)} safetensors files; it must hold one LoRA.")
    return files[0]


def reference_downscale(file: Path) -> int:
    """This reads how many times smaller, each way, an in-context LoRA was shown its videos: 1 where it does not say."""
    with safe_open(file, "pt") as lora:
        said = (lora.metadata() or {}).get("reference_downscale_factor", "1")
    if said not in map(str, range(1, 9)):
        raise ModelError(f"The LoRA {file} wants control videos {said} times smaller; what works here is 1 to 8 times.")
    return int(said)


@contextmanager
def _fitting(file: Path) -> Iterator[None]:
    check_whole(file)
    try:
        yield
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise ModelError(
            f"The LoRA {file} does not fit this model: {in_a_line(error)}. Take one that was trained for this model, "
            "or leave it out."
        ) from error


def _add(pipeline: Any, nets: list[nn.Module], file: Path, weight: float) -> None:  # noqa: ANN401
    _place(pipeline, nets, file, "lora")
    pipeline.set_adapters(["lora"], [weight])
    pipeline.fuse_lora(safe_fusing=True)
    pipeline.unload_lora_weights()


def _place(pipeline: Any, nets: list[nn.Module], file: Path, name: str) -> None:  # noqa: ANN401
    source = {"weight_name": file.name, "local_files_only": True, "use_safetensors": True}
    unet = getattr(pipeline, "unet", None)
    about = {} if unet is None else {"unet_config": unet.config}
    found = pipeline.lora_state_dict(str(file.parent), **about, **source)
    given = found[0] if isinstance(found, tuple) else found
    before = _count(nets)
    pipeline.load_lora_weights(str(file.parent), adapter_name=name, **source)
    placed = _count(nets) - before
    if placed != len(given):
        raise ValueError(f"{len(given) - placed} of its {len(given)} weights have no place in it")


def _count(nets: list[nn.Module]) -> int:
    return sum("lora_" in name for net in nets for name, _ in net.named_parameters())
