"""A tiny LTX-2 with in-context LoRAs, random weights, of the real classes, in diffusers' layout, for tests to load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.pipelines.ltx2 import LTX2TextConnectors
from peft import LoraConfig, get_peft_model_state_dict
from safetensors.torch import save_file
from tokenizers.pre_tokenizers import ByteLevel
from transformers import Gemma3Config, Gemma3ForConditionalGeneration, GemmaTokenizer

LIBRARY: Any = diffusers  # its classes reach a type checker as dummies
CHANNELS = 4
TEXT, LAYERS = 16, 2
REGISTERS = 8
CONTROLS = ("canny", "depth", "openpose")


def build(folder: Path, *, controls: tuple[str, ...] = CONTROLS, later: bool = False, downscale: int = 1) -> Path:
    """This writes a whole model into `folder`: half a megabyte. `later`: as LTX-2.3 is; `downscale`: of its LoRAs."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        autoencoder().save_pretrained(folder / "vae")
        transformer(later).save_pretrained(folder / "transformer")
        connectors(later).save_pretrained(folder / "connectors")
        words(folder)
        for control in controls:
            lora(folder / f"iclora_{control}" / f"ltx-2-ic-lora-{control}-control.safetensors", downscale=downscale)
    scheduler().save_pretrained(folder / "scheduler")
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "LTX2Pipeline"}))
    return folder


def scheduler(**changes: Any) -> Any:
    """This makes the sampler that the real checkpoint has."""
    settings = {"use_dynamic_shifting": True, "base_shift": 0.95, "max_shift": 2.05, "shift_terminal": 0.1}
    sizes = {"base_image_seq_len": 1024, "max_image_seq_len": 4096}
    return LIBRARY.FlowMatchEulerDiscreteScheduler(**{**settings, **sizes, **changes})


def autoencoder(**changes: Any) -> Any:
    """This makes an autoencoder of eight pixels and eight frames a latent."""
    settings: dict[str, Any] = {
        "latent_channels": CHANNELS,
        "block_out_channels": (8, 8, 8),
        "down_block_types": ("LTX2VideoDownBlock3D",) * 3,
        "decoder_block_out_channels": (8, 16, 32),
        "layers_per_block": (1, 1, 1, 1),
        "decoder_layers_per_block": (1, 1, 1, 1),
        "spatio_temporal_scaling": (True, True, True),
        "decoder_spatio_temporal_scaling": (True, True, True),
        "decoder_inject_noise": (False,) * 4,
        "downsample_type": ("spatiotemporal",) * 3,
        "upsample_type": ("spatiotemporal",) * 3,
        "upsample_residual": (True, True, True),
        "upsample_factor": (2, 2, 2),
        "patch_size": 1,
        "encoder_causal": True,
        "decoder_causal": False,
    }
    made = LIBRARY.AutoencoderKLLTX2Video(**{**settings, **changes})
    made.latents_mean.copy_(torch.tensor([0.1, -0.2, 0.3, 0.0]))
    made.latents_std.copy_(torch.tensor([0.9, 1.1, 0.7, 1.3]))
    return made


def transformer(later: bool = False, **changes: Any) -> Any:
    """This makes a transformer of two layers, for pictures of eight pixels and frames a latent."""
    settings: dict[str, Any] = {
        "in_channels": CHANNELS,
        "out_channels": CHANNELS,
        "num_attention_heads": 2,
        "attention_head_dim": 16,
        "cross_attention_dim": 32,
        "vae_scale_factors": (8, 8, 8),
        "audio_in_channels": 4,
        "audio_out_channels": 4,
        "audio_num_attention_heads": 2,
        "audio_attention_head_dim": 8,
        "audio_cross_attention_dim": 16,
        "num_layers": 2,
        "caption_channels": TEXT,
        "rope_type": "split",
    }
    new = {"gated_attn": True, "cross_attn_mod": True, "audio_gated_attn": True, "audio_cross_attn_mod": True}
    return LIBRARY.LTX2VideoTransformer3DModel(
        **{**settings, **({**new, "use_prompt_embeddings": False} if later else {}), **changes}
    )


def connectors(later: bool = False, **changes: Any) -> Any:
    """This makes the nets between words and transformer, with registers as the real ones."""
    width = 32 if later else TEXT
    settings: dict[str, Any] = {
        "caption_channels": TEXT,
        "text_proj_in_factor": LAYERS + 1,
        "video_connector_num_attention_heads": 2,
        "video_connector_attention_head_dim": width // 2,
        "video_connector_num_layers": 1,
        "video_connector_num_learnable_registers": REGISTERS,
        "audio_connector_num_attention_heads": 2,
        "audio_connector_attention_head_dim": 8,
        "audio_connector_num_layers": 1,
        "audio_connector_num_learnable_registers": REGISTERS,
        "rope_type": "split",
    }
    new = {"per_modality_projections": True, "video_hidden_dim": 32, "audio_hidden_dim": 16}
    return LTX2TextConnectors(**{**settings, **(new if later else {}), **changes})


def words(folder: Path) -> None:
    """This writes a tokenizer that knows bytes, and a language model of two layers."""
    special = ["<pad>", "<eos>", "<bos>", "<unk>"]
    vocabulary = {word: number for number, word in enumerate([*special, *sorted(ByteLevel.alphabet())])}
    tokenizer = GemmaTokenizer(vocab=vocabulary, merges=[])
    tokenizer.save_pretrained(folder / "tokenizer")
    ids = {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2}
    text = {
        "hidden_size": TEXT,
        "intermediate_size": 16,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "vocab_size": len(vocabulary) + 64,
        **ids,
    }
    vision = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = Gemma3Config(text_config=text, vision_config={**vision, "image_size": 28, "patch_size": 14}, **ids)
    Gemma3ForConditionalGeneration(config).save_pretrained(folder / "text_encoder")


def lora(file: Path, *, prefix: str = "diffusion_model.", blocks: int = 2, downscale: float = 1) -> Path:
    """This writes a LoRA of rank two under the names that the real ones have, none of its weights zero."""
    net = transformer(num_layers=blocks)
    net.add_adapter(LoraConfig(r=2, lora_alpha=2, target_modules=["to_k", "to_q", "to_v", "to_out.0"]))
    state = get_peft_model_state_dict(net)
    file.parent.mkdir(parents=True, exist_ok=True)
    said = None if downscale == 1 else {"reference_downscale_factor": str(downscale)}
    save_file({prefix + name: torch.randn_like(weight) * 0.4 for name, weight in state.items()}, file, said)
    return file
