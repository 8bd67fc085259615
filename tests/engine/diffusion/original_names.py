"""Writes a checkpoint as one file, under the names that Stable Diffusion's first release used."""

from __future__ import annotations

import re
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

WEIGHTS = "diffusion_pytorch_model.safetensors"
RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
UNET = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
}
VAE = [
    (r"mid_block\.attentions\.0", "mid.attn_1"),
    (r"mid_block\.resnets\.0", "mid.block_1"),
    (r"mid_block\.resnets\.1", "mid.block_2"),
    (r"down_blocks\.(\d)\.resnets", r"down.\1.block"),
    (r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample"),
    (r"up_blocks\.(\d)\.resnets", lambda found: f"up.{3 - int(found[1])}.block"),
    (r"up_blocks\.(\d)\.upsamplers\.0", lambda found: f"up.{3 - int(found[1])}.upsample"),
    ("conv_norm_out", "norm_out"),
    ("conv_shortcut", "nin_shortcut"),
    ("group_norm", "norm"),
    ("to_out.0", "proj_out"),
    (r"to_([qkv])\.", r"\1."),
]


def write(folder: Path, file: Path) -> Path:
    """This writes the UNet (one layer a block), autoencoder and text encoder of `folder` into one file."""
    unet, vae = load_file(folder / "unet" / WEIGHTS), load_file(folder / "vae" / WEIGHTS)
    text = load_file(folder / "text_encoder" / "model.safetensors")
    whole = {f"model.diffusion_model.{_of_unet(name, unet)}": weight for name, weight in unet.items()}
    whole |= {f"first_stage_model.{_of_vae(name)}": _as_first(name, weight) for name, weight in vae.items()}
    prefix = "cond_stage_model.transformer.text_model."
    whole |= {prefix + name.removeprefix("text_model."): weight for name, weight in text.items()}
    save_file({name: weight.contiguous() for name, weight in whole.items()}, file)
    return file


def _of_unet(name: str, weights: dict[str, Tensor]) -> str:
    for ours, first in UNET.items():
        if name.startswith(f"{ours}."):
            return _inner(name.replace(ours, first, 1))
    side, block, kind, layer, rest = re.fullmatch(r"(down|up)_blocks\.(\d)\.(\w+)\.(\d)\.(.*)", name).groups()  # type: ignore[union-attr]
    number = 2 * int(block) + int(layer)
    if kind == "downsamplers":
        return f"input_blocks.{2 * int(block) + 2}.0.op.{rest.removeprefix('conv.')}"
    if kind == "upsamplers":
        attentive = any(other.startswith(f"up_blocks.{block}.attentions") for other in weights)
        return f"output_blocks.{2 * int(block) + 1}.{2 if attentive else 1}.{rest}"
    where = f"input_blocks.{number + 1}" if side == "down" else f"output_blocks.{number}"
    return _inner(f"{where}.{0 if kind == 'resnets' else 1}.{rest}")


def _inner(name: str) -> str:
    for ours, first in RESNET.items():
        name = re.sub(rf"(?<!\w){ours}(?=\.(weight|bias)$)", first, name) if "transformer_blocks" not in name else name
    return name


def _of_vae(name: str) -> str:
    for ours, first in VAE:
        name = re.sub(ours, first, name)  # type: ignore[call-overload]
    return name


def _as_first(name: str, weight: Tensor) -> Tensor:
    """Its attention's linear maps were convolutions of one pixel."""
    return weight[:, :, None, None] if re.search(r"to_(q|k|v|out\.0)\.weight", name) else weight
