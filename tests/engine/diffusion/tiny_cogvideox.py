"""A tiny CogVideoX-Fun Control with random weights, of the real classes, in diffusers' layout, for tests to load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import diffusers
import torch
from transformers import T5Config, T5EncoderModel, T5Tokenizer

LIBRARY: Any = diffusers  # its classes reach a type checker as dummies
CHANNELS = 4
TEXT = 16
MOST = 32


def build(folder: Path, *, rotary: bool = True) -> Path:
    """This writes a whole model into `folder`: about a megabyte."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        autoencoder().save_pretrained(folder / "vae")
        transformer(use_rotary_positional_embeddings=rotary).save_pretrained(folder / "transformer")
        words(folder)
    scheduler().save_pretrained(folder / "scheduler")
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "CogVideoXPipeline"}))
    return folder


def scheduler() -> Any:
    """This makes the sampler that the real checkpoint has."""
    settings = {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    return LIBRARY.CogVideoXDDIMScheduler(**settings, beta_schedule="scaled_linear", clip_sample=False)


def autoencoder(**changes: Any) -> Any:
    """This makes an autoencoder of eight pixels and four frames a latent."""
    settings: dict[str, Any] = {
        "down_block_types": ("CogVideoXDownBlock3D",) * 4,
        "up_block_types": ("CogVideoXUpBlock3D",) * 4,
        "block_out_channels": (8, 8, 8, 8),
        "latent_channels": CHANNELS,
        "layers_per_block": 1,
        "norm_num_groups": 2,
        "temporal_compression_ratio": 4,
        "scaling_factor": 0.7,
    }
    return LIBRARY.AutoencoderKLCogVideoX(**{**settings, **changes})


def transformer(**changes: Any) -> Any:
    """This makes a transformer of two layers."""
    settings: dict[str, Any] = {
        "num_attention_heads": 2,
        "attention_head_dim": 16,
        "in_channels": 2 * CHANNELS,
        "out_channels": CHANNELS,
        "time_embed_dim": 8,
        "text_embed_dim": TEXT,
        "num_layers": 2,
        "sample_width": 6,
        "sample_height": 4,
        "sample_frames": 9,
        "patch_size": 2,
        "max_text_seq_length": MOST,
        "use_rotary_positional_embeddings": True,
    }
    return LIBRARY.CogVideoXTransformer3DModel(**{**settings, **changes})


def words(folder: Path) -> None:
    """This writes a tokenizer that knows letters, and a text encoder of one layer."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(chr(code), -3.0) for code in range(ord("a"), ord("z") + 1)]
    T5Tokenizer(vocab=pieces, extra_ids=0).save_pretrained(folder / "tokenizer")
    config = T5Config(vocab_size=len(pieces), d_model=TEXT, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    T5EncoderModel(config).save_pretrained(folder / "text_encoder")
