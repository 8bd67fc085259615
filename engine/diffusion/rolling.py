"""Joint denoising of more frames than a model sees at once, with seams that roll.

A model's temporal layers take a window of frames; a longer clip is cut into windows at every denoising step, each time
elsewhere, so that no cut stays where it was and none is left to see. Windows do not overlap: each frame is computed
once per step, as in a clip of one window. The order of the offsets is van der Corput's: 1/2, 1/4, 3/4, 1/8 ..., each as
far from the earlier ones as can be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from diffusers.models.modeling_utils import get_parameter_dtype
from torch import Tensor, nn

from engine.windows import Span

Residuals = tuple[list[Tensor] | None, Tensor | None]
Steering = Callable[[int, Span, Tensor, Tensor, Tensor], Residuals]
"""What the ControlNets add for one window: of step, span, latents `[B, C, W, h, w]`, timestep, text `[B * W, n, d]`."""


def roll(frames: int, window: int, step: int) -> list[Span]:
    """This cuts `frames` frames into windows for one denoising step: each frame in one, none longer than `window`.

    None is shorter than a quarter of it, and there are as many as leave every cut, the first and the last too, half a
    window or more to roll over.
    """
    if frames <= window:
        return [Span(0, frames)]
    shortest, share = max(1, window // 4), bit_reversal(step + 1)
    count = min(-(-(2 * frames + window) // (2 * window)), frames // shortest)
    cuts = [0]
    for before in range(1, count):
        after = count - before
        first = max(before * shortest, frames - after * window)
        last = min(before * window, frames - after * shortest, first + window - 1)
        cuts.append(first + int(share * (last - first + 1)))
    return [Span(start, stop) for start, stop in pairwise([*cuts, frames])]


def bit_reversal(step: int) -> float:
    """This gives the van der Corput sequence: the step's binary digits mirrored. 6 = 110 -> 0.011 = 3/8."""
    return float(int(f"{step:b}"[::-1], 2) / 2 ** step.bit_length())


@dataclass(frozen=True)
class Prediction:
    """What a sampling loop reads off a denoiser's answer."""

    sample: Tensor


class RollingDenoiser(nn.Module):
    """Stands where a pipeline expects its UNet and gives it one window at a time, steered by ControlNets.

    ControlNets run here and not in the pipeline, so what they add exists for one window only. One denoiser serves one
    run: it counts the steps, one a call. `together`: whether answers with and without the prompt are computed at once.
    `told` is told how many steps are done, after each window: 2.5 are two and half of the frames of the third.
    """

    def __init__(
        self,
        unet: nn.Module,
        steering: Steering,
        window: int,
        together: bool = True,
        told: Callable[[float], None] = lambda steps: None,
    ) -> None:
        super().__init__()
        self.told = told
        self.together = together
        self.unet = unet
        self.dtype: torch.dtype = get_parameter_dtype(unet)  # as it computes: weights may be kept in 8 bits
        self.steering = steering
        self.window = window
        self.steps = 0

    @property
    def config(self) -> Any:  # noqa: ANN401 - a diffusers config
        return self.unet.config

    @property
    def device(self) -> torch.device:
        return next(self.unet.parameters()).device

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor,
        encoder_hidden_states: Tensor,
        added_cond_kwargs: dict[str, list[Tensor]] | None = None,
        **unused: None,
    ) -> Prediction:
        """This predicts for latents `[B, C, T, h, w]` and text `[B * T, n, d]`, in the sample's own precision.

        added_cond_kwargs: what is seen of references, `[B, 1, ...]` each, which the UNet repeats for its frames.
        `unused` are the pipeline's other inputs, which are None in all that it is asked to do here.
        """
        batch, _, frames, _, _ = sample.shape
        latents = sample.to(self.dtype)
        text = encoder_hidden_states.to(self.dtype).view(batch, frames, *encoder_hidden_states.shape[1:])
        seen = [picture.to(self.dtype) for picture in (added_cond_kwargs or {}).get("image_embeds", [])]
        predicted = torch.empty_like(sample)
        for span in roll(frames, self.window, self.steps):
            part = slice(span.start, span.stop)
            for half in [slice(None)] if self.together else [slice(one, one + 1) for one in range(batch)]:
                words = text[half, part].flatten(0, 1)
                pictures = [picture[half] for picture in seen]
                predicted[half, :, part] = self._window(span, latents[half, :, part], timestep, words, pictures)
            self.told(self.steps + span.stop / frames)
        self.steps += 1
        return Prediction(predicted)

    def _window(self, span: Span, latents: Tensor, timestep: Tensor, text: Tensor, pictures: list[Tensor]) -> Tensor:
        down, middle = self.steering(self.steps, span, latents, timestep, text)
        answer: Tensor = self.unet(
            latents,
            timestep,
            encoder_hidden_states=text,
            added_cond_kwargs={"image_embeds": pictures} if pictures else None,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
            return_dict=False,
        )[0]
        return answer
