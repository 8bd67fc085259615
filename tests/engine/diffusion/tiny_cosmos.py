"""A tiny Cosmos-Transfer2.5 with random weights, of the real classes, in diffusers' layout, for tests to load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import diffusers
import torch
from tokenizers.pre_tokenizers import ByteLevel
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2Tokenizer

from tests.engine.diffusion import tiny_wan

LIBRARY: Any = diffusers  # its classes reach a type checker as dummies
TEXT, LAYERS, READ = 16, 2, 12
CONTROLS = ("blur", "canny", "depth", "seg")
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for content in message['content'] %}{{ content['text'] }}{% endfor %}<|im_end|>\n{% endfor %}"
)


def build(folder: Path, *, controls: tuple[str, ...] = CONTROLS, picture: bool = True) -> Path:
    """This writes a whole model into `folder`: a megabyte. `picture`: whether there is room beside the words."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        tiny_wan.autoencoder().save_pretrained(folder / "vae")
        transformer(picture).save_pretrained(folder / "transformer")
        for control in controls:
            controlnet(picture).save_pretrained(folder / f"controlnet_{control}")
        words(folder)
    scheduler().save_pretrained(folder / "scheduler")
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "Cosmos2_5_TransferPipeline"}))
    return folder


def scheduler(**changes: Any) -> Any:
    """This makes the sampler that the real checkpoint has."""
    settings = {"prediction_type": "flow_prediction", "use_flow_sigmas": True, "use_karras_sigmas": True}
    return LIBRARY.UniPCMultistepScheduler(**{**settings, "sigma_max": 200.0, "sigma_min": 0.01, **changes})


def _common(picture: bool) -> dict[str, Any]:
    return {
        "num_attention_heads": 2,
        "attention_head_dim": 16,
        "mlp_ratio": 2,
        "text_embed_dim": READ,
        "adaln_lora_dim": 4,
        "max_size": (16, 32, 32),
        "patch_size": (1, 2, 2),
        "rope_scale": (1.0, 3.0, 3.0),
        "extra_pos_embed_type": None,
        "use_crossattn_projection": True,
        "crossattn_proj_in_channels": TEXT * LAYERS,
        "encoder_hidden_states_channels": READ,
        "img_context_dim_in": 8 if picture else None,
        "img_context_dim_out": 32,
    }


def transformer(picture: bool = True, **changes: Any) -> Any:
    """This makes a transformer of four blocks, to two of which a ControlNet adds."""
    own = {"in_channels": tiny_wan.CHANNELS + 1, "out_channels": tiny_wan.CHANNELS, "num_layers": 4}
    rest = {"controlnet_block_every_n": 2, "img_context_num_tokens": 4, "concat_padding_mask": True}
    return LIBRARY.CosmosTransformer3DModel(**{**_common(picture), **own, **rest, **changes})


def controlnet(picture: bool = True, **changes: Any) -> Any:
    """This makes a ControlNet of two blocks, with room for more channels than a control has, as the real ones."""
    channels = tiny_wan.CHANNELS
    own = {"n_controlnet_blocks": 2, "in_channels": 3 * channels + 2, "latent_channels": channels + 2}
    return LIBRARY.CosmosControlNetModel(**{**_common(picture), **own, "model_channels": 32, **changes})


def words(folder: Path) -> None:
    """This writes a tokenizer that knows bytes, with the form of a chat, and a language model of two layers."""
    vocabulary = {letter: number for number, letter in enumerate(sorted(ByteLevel.alphabet()))}
    tokenizer = Qwen2Tokenizer(vocab=vocabulary, merges=[], pad_token=SPECIAL[0], eos_token=SPECIAL[0])
    tokenizer.add_special_tokens({"additional_special_tokens": list(SPECIAL[1:])})
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder / "tokenizer")
    text = {
        "hidden_size": TEXT,
        "intermediate_size": 16,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "vocab_size": len(tokenizer),
        "rope_parameters": {"mrope_section": [1, 1, 2], "rope_type": "default", "rope_theta": 1e6},
        **dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), tokenizer.pad_token_id),
    }
    vision = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": TEXT}
    config = Qwen2_5_VLConfig(text_config=text, vision_config=vision)
    Qwen2_5_VLForConditionalGeneration(config).save_pretrained(folder / "text_encoder")
