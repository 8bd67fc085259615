"""The denoiser: a small UNet and its ControlNets, trained together from nothing on pairs of photo and look."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from diffusers import ControlNetModel, DDIMScheduler, UNet2DConditionModel
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from training import hints, loop
from training.critic import Critic, learning, verdict
from training.loop import Stage, seeded
from training.noising import noised_pair, rolled_out
from training.styles import STYLES
from training.words import build_tokenizer, known_words, say

WIDTHS = (64, 96, 160)
TEXT = 96
CONTROLS = ("colour", "edges")
CROP = 16  # latents a side
ROLLED = 0.6  # of the batches
CRITIC = (96, 96, 96)  # channels of its layers
STRICT = 0.2  # weight of its verdict
WEIGHTS = "diffusion_pytorch_model.safetensors"


Hints = dict[str, tuple[Tensor, Tensor]]
"""Per control its features `[B, 64, h, w]`, as read, and weights `[B]`."""


def build_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """This builds a text encoder of two small layers."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=TEXT,
            intermediate_size=2 * TEXT,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=77,
            projection_dim=TEXT,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def build_scheduler() -> DDIMScheduler:
    """This builds the noise schedule: it ends in pure noise (Lin et al. 2024) and is sampled from its end.

    Betas are so small that rescaling makes the share of the picture `1 - t**3` at time t, 0 to 1. At the strength of a
    look (.6, .7) picture and noise are of about one size: a small model still sees what it draws, lines and all. By
    Stable Diffusion's schedule noise is twice the picture there, and what came back was a mean of all it might be.
    """
    return DDIMScheduler(
        beta_schedule="scaled_linear",
        beta_start=1e-6,
        beta_end=1e-3,
        clip_sample=False,
        set_alpha_to_one=True,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
    )


class Denoiser(nn.Module):
    """The parts that learn together."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.tokenizer = build_tokenizer(known_words())
        self.text_encoder = build_text_encoder(self.tokenizer)
        self.unet = UNet2DConditionModel(
            in_channels=channels,
            out_channels=channels,
            block_out_channels=WIDTHS,
            layers_per_block=1,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=TEXT,
            attention_head_dim=4,
            norm_num_groups=16,
        )
        self.controlnets = nn.ModuleDict({name: self._controlnet(channels) for name in CONTROLS})

    @staticmethod
    def _controlnet(channels: int) -> ControlNetModel:
        return ControlNetModel(
            in_channels=channels,
            block_out_channels=WIDTHS,
            layers_per_block=1,
            down_block_types=("DownBlock2D", "DownBlock2D", "DownBlock2D"),
            mid_block_type="UNetMidBlock2D",
            cross_attention_dim=TEXT,
            attention_head_dim=4,
            norm_num_groups=16,
            conditioning_embedding_out_channels=hints.CHANNELS,
        )

    def embed(self, prompts: list[str]) -> Tensor:
        """This embeds prompts as the pipeline will: `[len(prompts), 77, TEXT]`."""
        ids = self.tokenizer(prompts, padding="max_length", truncation=True, return_tensors="pt").input_ids
        return self.text_encoder(ids).last_hidden_state  # type: ignore[no-any-return]

    def forward(self, noised: Tensor, times: Tensor, words: Tensor, hints: Hints) -> Tensor:
        """This predicts v `[B, c, h, w]` from noised latents of that shape, times `[B]` and words `[B, 77, TEXT]`."""
        downs, middle = steer({name: self.controlnets[name] for name in hints}, noised, times, words, hints)
        return self.unet(  # type: ignore[no-any-return]
            noised, times, words, down_block_additional_residuals=downs, mid_block_additional_residual=middle
        ).sample


def steer(
    nets: Mapping[str, nn.Module], noised: Tensor, times: Tensor, words: Tensor, hints: Hints
) -> tuple[list[Tensor], Tensor]:
    """This asks ControlNets what they add to the UNet: to its ways down, and to its middle."""
    downs: list[Tensor] = []
    middle = torch.zeros(())
    for name, (features, weight) in hints.items():
        more, centre = nets[name](noised, times, words, controlnet_cond=features, return_dict=False)
        scale = weight.view(-1, 1, 1, 1)
        downs = [down * scale + (downs[i] if downs else 0) for i, down in enumerate(more)]
        middle = centre * scale + middle
    return downs, middle


class ReadAlready(nn.Module):
    """This stands in for a ControlNet's first layers where its maps were read before: only the last one is left."""

    def __init__(self, embedding: nn.Module) -> None:
        super().__init__()
        self.conv_out = embedding.conv_out

    def forward(self, features: Tensor) -> Tensor:
        """This takes features `[B, 64, h, w]` to the width of the ControlNet."""
        return self.conv_out(features)  # type: ignore[no-any-return, operator]


@dataclass(frozen=True)
class Pool:
    """Encoded pairs. latents: `[N, 1 + looks, c, h, w]`, the source first. hints: per control `[N, 64, h, w]`.

    changes: `[N, looks]`, the words that change each look, as bits; of the first half of N there are none.
    """

    latents: Tensor
    hints: dict[str, Tensor]
    changes: Tensor


@dataclass(frozen=True)
class Batch:
    """Crops: source and target latents `[B, c, h, w]`, in words what each target is, hints `[B, 64, h, w]`.

    versions: `[B]`, the number of the target's look, from 1; 0 where it is a mixture.
    """

    source: Tensor
    target: Tensor
    said: list[str]
    hints: dict[str, Tensor]
    versions: Tensor


def batches(pool: Pool, size: int, generator: torch.Generator) -> Iterator[Batch]:
    """This draws batches of random crops for ever; one in ten is a mixture of two looks: the mean of both."""
    count, versions, _, height, width = pool.latents.shape

    def pick(high: int) -> int:
        return int(torch.randint(0, high, (1,), generator=generator))

    while True:
        places, targets, said, versioned = [], [], [], []
        for _ in range(size):
            mixed = pick(10) == 0
            place = (pick(count // 2 if mixed else count), pick(height - CROP + 1), pick(width - CROP + 1))
            looks = torch.randperm(versions - 1, generator=generator)[: 2 if mixed else 1].tolist()
            places.append(place)
            targets.append(torch.stack([_crop(pool.latents[place[0], 1 + look], place) for look in looks]).mean(0))
            said.append(say((tuple(looks), int(pool.changes[place[0], looks[0]])), generator))
            versioned.append(0 if mixed else 1 + looks[0])
        yield Batch(
            torch.stack([_crop(pool.latents[place[0], 0], place) for place in places]),
            torch.stack(targets),
            said,
            {
                name: torch.stack([_crop(hint[place[0]], place) for place in places])
                for name, hint in pool.hints.items()
            },
            torch.tensor(versioned),
        )


def _crop(picture: Tensor, place: tuple[int, int, int]) -> Tensor:
    _, y, x = place
    return picture[:, y : y + CROP, x : x + CROP].float()


class Learner(nn.Module):
    """A denoiser, and the critic that learns beside it."""

    def __init__(self, denoiser: Denoiser, channels: int) -> None:
        super().__init__()
        self.denoiser = denoiser
        self.critic = Critic(1 + len(STYLES), 2 * channels, CRITIC, stride=1)


def loss_of(model: Learner, batch: Batch, alphas: Tensor, rng: torch.Generator) -> Tensor:
    """This is the error of the clean estimate on latents that start, mostly, from the source instead of the target.

    Restyling begins from the noised source, so the denoiser learns just that step: its clean estimate must be the
    target wherever the noised picture came from. In `ROLLED` of the batches that is where its own first steps led;
    there the estimate, beside its source, must also pass for a target before the critic. The error alone asks for the
    mean of all strokes that might be drawn, which has none; so what is drawn comes from the noise, and moves with it.
    """
    denoiser = model.denoiser
    words = denoiser.embed(batch.said)
    hints = {name: (features, _weights(len(batch.said), rng)) for name, features in batch.hints.items()}
    if torch.rand(1, generator=rng) >= ROLLED:
        noised, times, wanted, sigma = noised_pair(batch.source, batch.target, alphas, rng)
        missed: Tensor = (denoiser(noised, times, words, hints) - wanted).square().mean(dim=(1, 2, 3))
        return (missed * sigma**2).mean()
    said = words.detach()
    noised, times, wanted, sigma = rolled_out(
        batch.source, batch.target, alphas, rng, lambda latents, time: denoiser(latents, time, said, hints)
    )
    sigma = sigma.view(-1, 1, 1, 1)
    error: Tensor = sigma * (denoiser(noised, times, words, hints) - wanted).float()
    return error.square().mean() + before_critic(model.critic, error, batch.source, batch.target, batch.versions)


def before_critic(critic: Critic, error: Tensor, source: Tensor, target: Tensor, versions: Tensor) -> Tensor:
    """What the critic says of latents that miss their target by `error` `[B, c, h, w]`, and what it learns from them.

    It sees them beside their source; mixtures, whose version `[B]` is 0, it is not shown.
    """
    pure = versions > 0
    if not pure.any():
        return error.new_zeros(())
    made, painted = (torch.cat([latents, source], dim=1)[pure] for latents in (target - error, target))
    score, _ = verdict(critic, made, painted, versions[pure])
    return STRICT * score + learning(critic, made, painted, versions[pure])


def _weights(count: int, rng: torch.Generator) -> Tensor:
    """Weights of a control: mostly 1, now and then none or something between, so that the dial works."""
    case = torch.rand(count, generator=rng)
    between = torch.rand(count, generator=rng)
    return torch.where(case < 0.08, 0.0, torch.where(case < 0.2, between, 1.0))


def train(
    pool: Callable[[], Pool], channels: int, run: Path, steps: int, seed: int, start: Path | None = None
) -> Learner:
    """This trains a denoiser whose maps were read before, going on from `run/diffusion.pt`; with averaged weights.

    `channels` are those of latents. `start` is a folder as `export.py` writes it: then learning begins from its
    weights.
    """
    model = seeded(seed, lambda: Denoiser(channels))
    if start is not None:
        start_from(model, start)
    for name in CONTROLS:
        net: Any = model.controlnets[name]
        net.controlnet_cond_embedding = ReadAlready(net.controlnet_cond_embedding)
    alphas = build_scheduler().alphas_cumprod
    stage = Stage(run / "diffusion.pt", steps, rate=1e-3, warm_up=100, averaging=0.998, seed=seed)
    learner = seeded(seed, lambda: Learner(model, channels))
    trained = loop.train(
        stage,
        learner,
        lambda rng: batches(pool(), 16, rng),
        lambda batch, rng: loss_of(learner, batch, alphas, rng),
    )
    return cast(Learner, trained)


def start_from(model: Denoiser, folder: Path) -> None:
    """This puts finished weights into a denoiser; words that were not known then begin as they are."""
    moving = load_file(folder / "unet" / WEIGHTS)
    model.unet.load_state_dict({name: part for name, part in moving.items() if "motion_modules" not in name})
    for name in CONTROLS:
        model.controlnets[name].load_state_dict(load_file(folder / f"controlnet_{name}" / WEIGHTS))
    text = load_file(folder / "text_encoder" / "model.safetensors")
    tokens = dict(model.text_encoder.state_dict())
    embedding = next(name for name in text if name.endswith("token_embedding.weight"))
    known = text[embedding]
    text[embedding] = torch.cat([known, tokens[embedding][len(known) :].to(known.dtype)])
    model.text_encoder.load_state_dict(text)
