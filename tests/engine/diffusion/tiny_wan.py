"""A tiny Wan VACE with random weights, of the real classes, saved in diffusers' layout for tests to load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import diffusers
import torch
from transformers import T5Tokenizer, UMT5Config, UMT5EncoderModel

LIBRARY: Any = diffusers  # its classes reach a type checker as dummies
CHANNELS = 4
TEXT = 16
FACTOR = 8


def build(folder: Path, *, experts: int = 1, boundary: float | None = None) -> Path:
    """This writes a whole model into `folder`: about half a megabyte."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        autoencoder().save_pretrained(folder / "vae")
        for number in range(1, experts + 1):
            transformer().save_pretrained(folder / ("transformer" if number == 1 else f"transformer_{number}"))
        words(folder)
    scheduler().save_pretrained(folder / "scheduler")
    index = {"_class_name": "WanVACEPipeline", "boundary_ratio": boundary}
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def scheduler(**changes: Any) -> Any:
    """This makes the sampler that the real checkpoint has."""
    settings = {"prediction_type": "flow_prediction", "use_flow_sigmas": True, "flow_shift": 3.0}
    return LIBRARY.UniPCMultistepScheduler(**{**settings, **changes})


def autoencoder(**changes: Any) -> Any:
    """This makes an autoencoder of eight pixels and four frames a latent."""
    settings: dict[str, Any] = {
        "base_dim": 4,
        "z_dim": CHANNELS,
        "dim_mult": [1, 1, 1, 1],
        "num_res_blocks": 1,
        "temperal_downsample": [False, True, True],
        "latents_mean": [0.1, -0.2, 0.3, 0.0],
        "latents_std": [0.9, 1.1, 0.7, 1.3],
    }
    return LIBRARY.AutoencoderKLWan(**{**settings, **changes})


def transformer(**changes: Any) -> Any:
    """This makes a transformer of three layers, two of them with a VACE block."""
    settings: dict[str, Any] = {
        "patch_size": (1, 2, 2),
        "num_attention_heads": 2,
        "attention_head_dim": 12,
        "in_channels": CHANNELS,
        "out_channels": CHANNELS,
        "text_dim": TEXT,
        "freq_dim": 16,
        "ffn_dim": 32,
        "num_layers": 3,
        "rope_max_seq_len": 32,
        "vace_layers": [0, 2],
        "vace_in_channels": 2 * CHANNELS + FACTOR**2,
    }
    return LIBRARY.WanVACETransformer3DModel(**{**settings, **changes})


def words(folder: Path, **changes: int) -> None:
    """This writes a tokenizer that knows letters, and a text encoder of one layer."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(chr(code), -3.0) for code in range(ord("a"), ord("z") + 1)]
    T5Tokenizer(vocab=pieces, extra_ids=0).save_pretrained(folder / "tokenizer")
    sizes = {"d_model": TEXT, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2, "vocab_size": len(pieces)}
    UMT5EncoderModel(UMT5Config(**{**sizes, **changes})).save_pretrained(folder / "text_encoder")
