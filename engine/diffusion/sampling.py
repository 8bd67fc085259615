"""Which noise levels a run visits, and diffusers' own sampling loop made to visit exactly those.

diffusers cuts `steps * strength` down to a whole number of its fixed levels, down to none at all. Here `steps` steps
are run at any strength, evenly from the level that the strength stands for down to the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import torch
from diffusers import (
    AnimateDiffVideoToVideoControlNetPipeline,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    TCDScheduler,
)
from diffusers.models.controlnets.multicontrolnet import MultiControlNetModel
from torch import Tensor, nn

from engine.diffusion.inpainting import held
from engine.errors import ModelError, SettingsError

# A type checker sees these classes as the dummies that the library shows where torch is missing.
DDIM: Any = DDIMScheduler
Pipeline: Any = AnimateDiffVideoToVideoControlNetPipeline
ControlNets: Any = MultiControlNetModel


class Strided:
    """DDIM, of whichever kind, over levels of our choice.

    The library's own steps are `1000 // steps` wide while its trailing levels are `1000 / steps` apart, so that with
    six steps, or most numbers that do not divide 1000, the last step ends short of the picture and leaves noise in it.
    """

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: str | torch.device | None = None,
        timesteps: Sequence[int] | None = None,
    ) -> None:
        """This visits `timesteps`: descending, evenly apart, the last as far from -1 as from its neighbour."""
        if timesteps is None:
            raise ValueError("the levels to visit must be given")
        stride = timesteps[-1] + 1
        # `step` moves down by `num_train_timesteps // num_inference_steps`, which is now the stride, exactly.
        trained: int = self.config.num_train_timesteps  # type: ignore[attr-defined]  # the sampler's that this is mixed into
        self.num_inference_steps = Fraction(trained, stride)
        self.timesteps = torch.tensor(timesteps, device=device)


class StridedDDIM(Strided, DDIM):  # type: ignore[misc]
    """The library's DDIM over levels of our choice."""


SCHEDULERS: dict[str, type] = {
    "DDIMScheduler": StridedDDIM,
    "DPMSolverMultistepScheduler": DPMSolverMultistepScheduler,
    "EulerDiscreteScheduler": EulerDiscreteScheduler,
    "LCMScheduler": LCMScheduler,
    "TCDScheduler": TCDScheduler,
}
"""Those that can start from a video and stop at levels of our choice."""


OFF = 0.13  # how far from the strength a run may begin: half the distance of four levels


def check_scheduler(scheduler: Any) -> None:  # noqa: ANN401 - schedulers share no typed base
    """This refuses configurations that are meant for pixels and would quietly cut off latents."""
    for setting in ("clip_sample", "thresholding"):
        if scheduler.config.get(setting):
            raise ModelError(f"The scheduler's config has {setting} on, which damages latents. Set it to false.")


def levels(scheduler: Any, steps: int, strength: float) -> list[int]:  # noqa: ANN401
    """This lists the timesteps of a run, descending: `steps` of them, evenly apart, from about `strength` of all noise.

    Levels that the model was distilled for (LCM, TCD, Lightning) are kept to. Where the steps do not fit in, or would
    begin far from the strength, it is refused.
    """
    trained: int = scheduler.config.num_train_timesteps
    grain = trained // (scheduler.config.get("original_inference_steps") or trained)
    stride = min(round(trained * strength / steps / grain), trained // grain // steps) * grain
    if stride < 1 or abs(stride * steps - trained * strength) > trained * OFF:
        few, strong = int(trained * strength) // grain, steps * grain / trained
        fewer = f"{few} step{'s' * (few != 1)} or fewer, or " if few else ""
        advice = f"{fewer}a strength of {strong:g} or more" if strong <= 1 else f"{fewer.removesuffix(', or ')}"
        raise SettingsError(f"{steps} steps do not fit into a strength of {strength:g}. What works: {advice}.")
    return [stride * step - 1 for step in range(steps, 0, -1)]


class _Bare(nn.Module):
    config = SimpleNamespace(global_pool_conditions=False)

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.zeros(1), requires_grad=False)  # the pipeline asks for its dtype and device


class _Elsewhere(ControlNets):  # type: ignore[misc]
    """Stands where the pipeline expects its ControlNets: they are asked by the denoiser, window by window."""

    def __init__(self) -> None:
        super().__init__([_Bare()])

    def forward(self, *_: object, **__: object) -> tuple[None, None]:
        """This adds nothing."""
        return None, None


class Sampler(Pipeline):  # type: ignore[misc]
    """The pipeline's checks and sampling loop, for latents that are ready and ControlNets that are elsewhere."""

    @property
    def _execution_device(self) -> torch.device:
        return torch.device(self.place)  # not where its parts happen to be: they may wait elsewhere

    @classmethod
    def of(
        cls,
        place: torch.device,
        vae: Any,  # noqa: ANN401
        text_encoder: nn.Module,
        tokenizer: object,
        unet: nn.Module,
        scheduler: object,
    ) -> Sampler:
        """This puts a pipeline together of loaded parts."""
        if "encoder_block_out_channels" in vae.config:  # from whose number the pipeline derives the latents' size
            vae.register_to_config(block_out_channels=vae.config.encoder_block_out_channels)
        sampler = cls(vae, text_encoder, tokenizer, unet, None, _Elsewhere(), scheduler)
        sampler.place = place
        sampler.set_progress_bar_config(disable=True)
        return sampler

    def prepare_conditioning_frames(self, **_: object) -> None:
        """This prepares nothing: hints are encoded once, from the maps themselves, never resized or rounded."""

    def sample(self, start: Tensor, text: tuple[Tensor, Tensor | None], timesteps: list[int], **options: Any) -> Tensor:  # noqa: ANN401
        """This denoises `start` `[T, c, h, w]`, noisy at the first of `timesteps`, to clean latents."""
        frames, _, height, width = start.shape
        latents: Tensor = self(
            latents=start.permute(1, 0, 2, 3)[None],
            prompt_embeds=text[0],
            negative_prompt_embeds=text[1],
            conditioning_frames=[[None] * frames],
            height=height * self.vae_scale_factor,
            width=width * self.vae_scale_factor,
            timesteps=timesteps,
            strength=1.0,
            output_type="latent",
            return_dict=False,
            **options,
        )[0]
        return latents[0].permute(1, 0, 2, 3).float()


def hold(clean: Tensor, noise: Tensor, made: Tensor, scheduler: Any, timesteps: list[int]) -> Callable[..., Any]:  # noqa: ANN401
    """This makes a step callback that keeps latents `[T, c, h, w]` at `clean` where they are not `made`.

    made: `[T, 1, h, w]`, in which share of the steps they are, see `engine.diffusion.inpainting`.
    After each step they are the clean latents under as much of the shot's own noise as the next level has, and after
    the last step the clean latents themselves, so that those beside them are denoised against what is already there.
    """

    def after_step(_: object, step: int, __: object, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        latents = tensors["latents"]
        following, done = timesteps[step + 1 : step + 2], (step + 1) / len(timesteps)
        still = noised(clean, noise, scheduler, following[0]) if following else clean
        return {"latents": held(still, latents[0].transpose(0, 1), made, done).transpose(0, 1)[None]}

    return after_step


def noised(clean: Tensor, noise: Tensor, scheduler: Any, timestep: int) -> Tensor:  # noqa: ANN401
    """This brings clean latents `[T, c, h, w]` to the level of a timestep."""
    result: Tensor = scheduler.add_noise(clean, noise, torch.tensor([timestep], device=clean.device))
    return result
