"""LoRAs: small changes of a model's weights, worked into them once when the model is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import nn

from engine.errors import ModelError


def add_loras(pipeline: Any, nets: list[nn.Module], loras: Mapping[Path, float]) -> None:  # noqa: ANN401
    """This adds each file's LoRA, at its weight, to `nets`, the parts of a diffusers pipeline that it may change.

    The library passes over weights that have no place in the model, without a word; here they are an error.
    """
    for file, weight in loras.items():
        try:
            _add(pipeline, nets, file, weight)
        except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
            raise ModelError(f"The LoRA {file} does not fit this model: {error}") from error


def _add(pipeline: Any, nets: list[nn.Module], file: Path, weight: float) -> None:  # noqa: ANN401
    source = {"weight_name": file.name, "local_files_only": True, "use_safetensors": True}
    unet = getattr(pipeline, "unet", None)
    about = {} if unet is None else {"unet_config": unet.config}
    found = pipeline.lora_state_dict(str(file.parent), **about, **source)
    given = found[0] if isinstance(found, tuple) else found
    pipeline.load_lora_weights(str(file.parent), adapter_name="lora", **source)
    placed = sum("lora_" in name for net in nets for name, _ in net.named_parameters())
    if placed != len(given):
        raise ValueError(f"{len(given) - placed} of its {len(given)} weights have no place in it.")
    pipeline.set_adapters(["lora"], [weight])
    pipeline.fuse_lora(safe_fusing=True)
    pipeline.unload_lora_weights()
