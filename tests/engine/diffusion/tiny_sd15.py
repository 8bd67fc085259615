"""A tiny Stable Diffusion 1.5 with motion adapter and ControlNets, random weights, in the shape of the real ones.

Four levels, an eightfold autoencoder, a motion module in the middle; zero convolutions are drawn again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import torch
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from tests.engine.diffusion.tiny_animatediff import TEXT, draw_zeros, words

LIBRARY: Any = diffusers
CONTROLS = ("canny", "depth")
CHANNELS = (32, 32, 64, 64)  # motion modules normalise in 32 groups
WINDOW = 8
DOWN = ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",)
EYE = 10
PROJECTION = {"proj.weight": (4 * TEXT, EYE), "proj.bias": (4 * TEXT,), "norm.weight": (TEXT,), "norm.bias": (TEXT,)}
_LAYER = {
    **{f"0.{norm}.{part}": (64,) for norm in ("norm1", "norm2") for part in ("weight", "bias")},
    "0.to_q.weight": (64, 64),
    "0.to_kv.weight": (128, 64),
    "0.to_out.weight": (64, 64),
    "1.0.weight": (64,),
    "1.0.bias": (64,),
    "1.1.weight": (256, 64),
    "1.3.weight": (64, 256),
}
RESAMPLER = {
    "latents": (1, 2, 64),
    "proj_in.weight": (64, 16),
    "proj_in.bias": (64,),
    "proj_out.weight": (TEXT, 64),
    "proj_out.bias": (TEXT,),
    "norm_out.weight": (TEXT,),
    "norm_out.bias": (TEXT,),
    **{f"layers.{number}.{name}": shape for number in range(4) for name, shape in _LAYER.items()},
}
UP = ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3


def build(folder: Path, controls: tuple[str, ...] = CONTROLS) -> Path:
    """This writes a whole model into `folder`, its adapter and ControlNets beside it: all that a job needs."""
    base(folder)
    adapter().save_pretrained(folder / "motion_adapter")
    for number, control in enumerate(controls):
        controlnet(number).save_pretrained(folder / f"controlnet_{control}")
    scheduler().save_pretrained(folder / "scheduler")
    return folder


def base(folder: Path, seed: int = 1) -> Path:
    """This writes a checkpoint for still pictures, as people share them: with the sampler that came with 1.5."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        unet(seed).save_pretrained(folder / "unet")
        autoencoder().save_pretrained(folder / "vae")
        words(folder)
    LIBRARY.PNDMScheduler(beta_schedule="scaled_linear", steps_offset=1).save_pretrained(folder / "scheduler")
    return folder


def seeing(folder: Path, resampler: bool = False) -> Path:
    """This writes an IP-Adapter for that denoiser beside it, of the plain kind or with a resampler (`plus`).

    Its weights are numbered as they were trained: by the attentions of the denoiser of still pictures, in its order.
    """
    sizes = {"num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}
    config = CLIPVisionConfig(hidden_size=16, intermediate_size=16, projection_dim=EYE, **sizes)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        CLIPVisionModelWithProjection(config).save_pretrained(folder / "image_encoder")
        shapes = RESAMPLER if resampler else PROJECTION
        tensors = {f"image_proj.{name}": torch.randn(shape) * shape[-1] ** -0.5 for name, shape in shapes.items()}
        for number, (_, size) in enumerate(seen_by(unet())):
            for part in ("to_k_ip", "to_v_ip"):
                tensors[f"ip_adapter.{2 * number + 1}.{part}.weight"] = torch.randn(size, TEXT)
    (folder / "ip_adapter").mkdir(exist_ok=True)
    save_file(tensors, folder / "ip_adapter" / "ip-adapter_sd15.safetensors")
    return folder


def seen_by(denoiser: Any) -> list[tuple[str, int]]:
    """This lists the attentions of a denoiser that look at words, in its order, with their widths."""
    looking = [name.removesuffix(".processor") for name in denoiser.attn_processors if "attn2" in name]
    places = [name for name in looking if "motion" not in name]
    return [(place, denoiser.get_submodule(place).to_k.out_features) for place in places]


def scheduler() -> Any:
    """This makes the sampler that AnimateDiff was trained with."""
    return LIBRARY.DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="linear", clip_sample=False, steps_offset=1
    )


def unet(seed: int = 1) -> Any:
    """This makes a denoiser of still pictures."""
    return _drawn(
        seed,
        LIBRARY.UNet2DConditionModel,
        sample_size=8,
        down_block_types=DOWN,
        up_block_types=UP,
        block_out_channels=CHANNELS,
        layers_per_block=1,
        cross_attention_dim=TEXT,
        attention_head_dim=8,
    )


def adapter(middle: bool = True, seed: int = 2) -> Any:
    """This makes the motion modules, with one in the middle (as v1-5-2) or without (as v1-5-3)."""
    return _drawn(
        seed,
        LIBRARY.MotionAdapter,
        block_out_channels=CHANNELS,
        motion_layers_per_block=1,
        motion_mid_block_layers_per_block=1,
        motion_max_seq_length=WINDOW,
        use_motion_mid_block=middle,
    )


def controlnet(seed: int) -> Any:
    """This makes a ControlNet for that denoiser."""
    return _drawn(
        10 + seed,
        LIBRARY.ControlNetModel,
        down_block_types=DOWN,
        block_out_channels=CHANNELS,
        layers_per_block=1,
        cross_attention_dim=TEXT,
        attention_head_dim=8,
        conditioning_embedding_out_channels=(4, 4, 8, 8),
    )


def autoencoder() -> Any:
    """This makes the eightfold autoencoder."""
    return LIBRARY.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(32, 32, 32, 32),
        layers_per_block=1,
        latent_channels=4,
        scaling_factor=0.18215,
        sample_size=512,  # beyond which it works in tiles, where it is to
        force_upcast=False,
    )


def _drawn(seed: int, cls: Any, **config: Any) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = cls(**config)
        draw_zeros(net)
    return net
