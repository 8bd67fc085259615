"""A tiny AnimateDiff with random weights, of the real classes, saved in diffusers' layout for tests to load.

Zero convolutions are drawn again, or no control would have an effect and tests would prove nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import torch
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

LIBRARY: Any = diffusers  # its classes reach a type checker as dummies
CONTROLS = ("depth", "edges", "flow", "colour")
WINDOW = 8
CHANNELS = (8, 16)
TEXT = 12


def build(folder: Path, *, autoencoder: str = "AutoencoderDC", controls: tuple[str, ...] = CONTROLS) -> Path:
    """This writes a whole model into `folder`: about a quarter of a second and a megabyte."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        vae = AUTOENCODERS[autoencoder]()
        vae.save_pretrained(folder / "vae")
        _denoiser(vae.config.latent_channels).save_pretrained(folder / "unet")
        for control in controls:
            _controlnet(vae.config.latent_channels).save_pretrained(folder / f"controlnet_{control}")
        words(folder)
    scheduler().save_pretrained(folder / "scheduler")
    return folder


def scheduler(**changes: Any) -> Any:
    """This makes a sampler like the starter's."""
    settings = {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    return LIBRARY.DDIMScheduler(**{**settings, "beta_schedule": "scaled_linear", "clip_sample": False, **changes})


def _dc() -> Any:
    blocks = (8, 8, 8, 8)
    return LIBRARY.AutoencoderDC(
        latent_channels=8,
        attention_head_dim=8,
        encoder_block_out_channels=blocks,
        decoder_block_out_channels=blocks,
        encoder_layers_per_block=(1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1),
        encoder_qkv_multiscales=((), (), (), ()),
        decoder_qkv_multiscales=((), (), (), ()),
        scaling_factor=0.7,
    )


def _kl() -> Any:
    return LIBRARY.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        norm_num_groups=4,
        latent_channels=4,
        scaling_factor=0.3,
        shift_factor=0.1,
        force_upcast=False,
    )


def _taesd() -> Any:
    return LIBRARY.AutoencoderTiny(
        encoder_block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        num_encoder_blocks=(1, 1, 1, 1),
        num_decoder_blocks=(1, 1, 1, 1),
    )


AUTOENCODERS = {"AutoencoderDC": _dc, "AutoencoderKL": _kl, "AutoencoderTiny": _taesd}


def _denoiser(channels: int) -> Any:
    unet: Any = LIBRARY.UNetMotionModel(
        in_channels=channels,
        out_channels=channels,
        down_block_types=("DownBlockMotion", "CrossAttnDownBlockMotion"),
        up_block_types=("CrossAttnUpBlockMotion", "UpBlockMotion"),
        block_out_channels=CHANNELS,
        layers_per_block=1,
        cross_attention_dim=TEXT,
        num_attention_heads=2,
        motion_num_attention_heads=2,
        norm_num_groups=4,
        motion_max_seq_length=WINDOW,
        use_motion_mid_block=False,
    )
    draw_zeros(unet)
    return unet


def _controlnet(channels: int) -> Any:
    net: Any = LIBRARY.ControlNetModel(
        in_channels=channels,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        block_out_channels=CHANNELS,
        layers_per_block=1,
        cross_attention_dim=TEXT,
        attention_head_dim=2,
        norm_num_groups=4,
        conditioning_embedding_out_channels=(4, 4, 8, 8),
    )
    draw_zeros(net)
    return net


def draw_zeros(net: nn.Module) -> None:
    """This draws weights that are zero at the start of a training, or they would hide what they multiply."""
    for parameter in net.parameters():
        if not parameter.any() and parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.2)


def words(folder: Path, **changes: int) -> None:
    """This writes a tokenizer that knows letters, and its text encoder."""
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=32)
    tokenizer.save_pretrained(folder / "tokenizer")
    settings = {
        "vocab_size": len(vocabulary),
        "hidden_size": TEXT,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "max_position_embeddings": 32,
        "bos_token_id": len(vocabulary) - 2,
        "eos_token_id": len(vocabulary) - 1,
        "pad_token_id": len(vocabulary) - 1,
    }
    CLIPTextModel(CLIPTextConfig(**{**settings, **changes})).save_pretrained(folder / "text_encoder")
