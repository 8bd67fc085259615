"""From trained parts to `engine/starter/`: the folder that the engine loads, in diffusers' own layout."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diffusers import AutoencoderDC
from diffusers.models.controlnets.controlnet import ControlNetConditioningEmbedding
from torch import nn

from engine.diffusion.catalog import find
from engine.diffusion.own_defaults import FILE, telling
from training.diffusion import Denoiser, build_scheduler
from training.hints import Readers
from training.moving import READ_BY
from training.words import known_words


def export_autoencoder(vae: AutoencoderDC, target: Path) -> None:
    """This writes the autoencoder."""
    vae.half().save_pretrained(target / "vae")
    _tidy(target / "vae" / "config.json")


def export_denoiser(model: Denoiser, unet: Any, target: Path) -> None:  # noqa: ANN401 - diffusers' classes are untyped
    """This writes the UNet with its motion modules, the words, the noise schedule, and how it is best asked."""
    unet.half().save_pretrained(target / "unet")
    model.text_encoder.half().save_pretrained(target / "text_encoder")
    model.tokenizer.save_pretrained(target / "tokenizer")
    known = json.dumps(known_words(), indent=0)
    (target / "tokenizer" / "words.json").write_text(known + "\n", encoding="utf-8")
    build_scheduler().save_pretrained(target / "scheduler")
    (target / FILE).write_text(telling(find("starter")), encoding="utf-8")


def export_controls(nets: Mapping[str, Any], readers: Readers, target: Path) -> None:
    """This writes ControlNets, each made whole again with its reader."""
    for name, net in nets.items():
        net.controlnet_cond_embedding = _whole(readers.readers[READ_BY[name]], net.controlnet_cond_embedding.conv_out)
        net.half().save_pretrained(target / f"controlnet_{name}")


def _whole(reader: Any, last: nn.Conv2d) -> ControlNetConditioningEmbedding:  # noqa: ANN401
    config = [block.out_channels for block in reader.blocks]
    channels = (reader.conv_in.out_channels, *config[1::2])
    embedding = ControlNetConditioningEmbedding(last.out_channels, 3, channels)
    embedding.conv_in, embedding.blocks, embedding.conv_out = reader.conv_in, reader.blocks, last
    return embedding


def _tidy(path: Path) -> None:
    """Where the autoencoder was loaded from is left out, and a key added by which pipelines count its halvings."""
    config = json.loads(path.read_text(encoding="utf-8"))
    config.pop("_name_or_path", None)
    config["block_out_channels"] = config["encoder_block_out_channels"]
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
