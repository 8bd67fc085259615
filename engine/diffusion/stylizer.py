"""What a video model promises, and what it asks for: the one door between the engine and every model family.

The engine owns chunks, overlaps, noise and sizes; a `Stylizer` restyles one chunk of one shot. What a model cannot do
is an error in `check`, before the first frame is read: never a silent downgrade.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

import torch
from torch import Tensor

from engine.diffusion.memory import Ladder
from engine.diffusion.tensors import check_picture, describe
from engine.errors import SettingsError, did_you_mean
from engine.weights import Weight, Weighted
from engine.windows import FrameRule


@dataclass(frozen=True)
class Capabilities:
    """What a model takes: its controls by name (`depth`, `edges` ...), several at once or one, and words to avoid.

    `references` is how many pictures it can be shown of what is to be seen, 0 if none; does it weigh them?
    `masks`: whether it can itself make a part of the picture anew, and keep the rest. `times`: whether a control may
    weigh more in some frames than in others.
    """

    controls: frozenset[str]
    negative_prompt: bool
    several: bool = True
    references: int = 0
    weighs_references: bool = False
    masks: bool = False
    times: bool = False


@dataclass(frozen=True)
class Defaults:
    """What a model does best where a person has not said otherwise.

    `guidance` is the weight of the prompt against no prompt (1 is off and twice as fast). `noise_carried` (0 to 1) is
    the share of the noise's variance that moves with the picture, see `engine.diffusion.noise`. `controls` are followed
    where nobody names any that the model has. A model that was `distilled` to a few levels goes over `steps` of them at
    a strength of 1, and over fewer at less. `finished`: whether its frames are gone over as looks say in `finish`, as a
    small model cannot draw strokes and flat tones itself.
    """

    steps: int
    guidance: float
    noise_carried: float
    controls: Mapping[str, float] = field(default_factory=dict)
    distilled: bool = False
    finished: bool = False

    def steps_at(self, strength: float) -> int:
        """This gives the number of steps for a strength, at least 1."""
        return max(1, round(self.steps * strength)) if self.distilled else self.steps


@dataclass(frozen=True)
class Reference:
    """A picture `[3, H, W]`, 0 to 1, of any size, of what is to be seen, and how strongly, 0 (not) to 2."""

    picture: Tensor
    weight: float = 1.0


@dataclass(frozen=True)
class Request:
    """What is asked of the model, constant over a job.

    `strength` (above 0, up to 1) is how far the picture may leave the source. `steps` denoising steps are run,
    whatever the strength. `controls` maps a control's name to its weight, see `engine.weights`; a weight of 0 is as if
    it were not there, and so is one of 0 of a reference.
    """

    prompt: str
    strength: float
    steps: int
    guidance: float = 1.0
    negative_prompt: str = ""
    controls: Mapping[str, Weighted] = field(default_factory=dict)
    references: tuple[Reference, ...] = field(default=(), compare=False)

    @property
    def active_controls(self) -> dict[str, Weight]:
        """The controls that have an effect, by name."""
        weights = {name: Weight.of(weight) for name, weight in sorted(self.controls.items())}
        return {name: weight for name, weight in weights.items() if weight}

    @property
    def active_references(self) -> tuple[Reference, ...]:
        """The references that have an effect."""
        return tuple(reference for reference in self.references if reference.weight)


@dataclass(frozen=True)
class Chunk:
    """Consecutive frames of one shot, at a size and length that the model's rule allows.

    frames: `[T, 3, H, W]`, 0 to 1. controls: maps `[T, 1 or 3, H, W]`, 0 to 1, by name. seed: for samplers that draw
    noise while they denoise. The rest counts in latents, of which the rule makes L of T frames; L is T where a latent
    stands for one frame. noise: `[L, c, h, w]`, unit Gaussian, the shot's own. carried: `[K, c, h, w]`, the finished
    first K latents as the chunk before gave them, 1 <= K < L; they come out bit-equal. before: `[P, c, h, w]`, the
    finished latents before those, at most as many as the model looks back on, for its decoder alone. mask:
    `[T, 1, H, W]`, 0 to 1, 1 where it is to be restyled, None for all; the latents of the rest are those of the source.
    times: when each frame is seen, in seconds from the clip's first, for weights that change over time.
    told: is told now and then how much of the denoising is done, 0 to 1.
    """

    frames: Tensor
    noise: Tensor
    controls: Mapping[str, Tensor] = field(default_factory=dict)
    carried: Tensor | None = None
    seed: int = 0
    before: Tensor | None = None
    mask: Tensor | None = None
    times: tuple[Fraction, ...] = ()
    told: Callable[[float], None] = lambda share: None

    def __post_init__(self) -> None:
        frames, noise, carried, before = self.frames, self.noise, self.carried, self.before
        check_picture("frames", frames, (3,), frames)
        for name, control in self.controls.items():
            check_picture(f"control {name}", control, (1, 3), frames)
        if self.mask is not None:
            check_picture("mask", self.mask, (1,), frames)
        if noise.ndim != 4 or not 1 <= len(noise) <= len(frames) or noise.dtype != torch.float32:
            raise ValueError(f"noise must be [1 to {len(frames)}, c, h, w] float32, is {describe(noise)}")
        if carried is not None and (carried.shape[1:] != noise.shape[1:] or not 1 <= len(carried) < len(noise)):
            raise ValueError(f"carried latents must be [1 to {len(noise) - 1}, c, h, w], are {describe(carried)}")
        if before is not None and (carried is None or before.shape[1:] != noise.shape[1:]):
            raise ValueError(f"latents before the chunk must come with carried ones like {describe(noise)}")
        if self.times and len(self.times) != len(frames):
            raise ValueError(f"{len(frames)} frames must have as many times, have {len(self.times)}")

    def weights(self, request: Request) -> dict[str, tuple[tuple[float, ...], ...]]:
        """The controls that have an effect in this chunk, by name: for each step the weight in each frame."""
        if not self.times and any(weight.passages for weight in request.active_controls.values()):
            raise ValueError("weights change over time, but the chunk does not say when its frames are seen")
        times = self.times or (Fraction(0),) * len(self.frames)
        weights = {name: weight.along(times, request.steps) for name, weight in request.active_controls.items()}
        return {name: steps for name, steps in weights.items() if any(map(any, steps))}


@dataclass(frozen=True)
class Styled:
    """A restyled chunk: frames `[T, 3, H, W]`, 0 to 1, and their latents `[L, c, h, w]` float32, for the next one."""

    frames: Tensor
    latents: Tensor


class Stylizer(Protocol):
    """One loaded video model. `window` is how many frames its temporal layers see at once."""

    @property
    def name(self) -> str: ...

    @property
    def rule(self) -> FrameRule: ...

    @property
    def window(self) -> int: ...

    @property
    def lookback(self) -> int:
        """How many finished latents before a chunk its decoder is to see; 0 where each is decoded by itself."""
        ...

    @property
    def memory(self) -> Ladder:
        """The plan by which it shares memory, and the smaller ones that it can go over to between chunks."""
        ...

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def defaults(self) -> Defaults: ...

    @property
    def fingerprint(self) -> str:
        """A hash of the model's files: equal fingerprints give equal frames."""
        ...

    def check(self, request: Request) -> None:
        """This refuses what the model cannot do, with a `SettingsError` that says what would work."""
        ...

    def noise_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """This gives `(c, h, w)` of one latent and its noise."""
        ...

    def peak_bytes(self, frames: int, height: int, width: int) -> int:
        """This estimates the most memory that the model and one chunk of `frames` take together."""
        ...

    def restyle(self, chunk: Chunk, request: Request) -> Styled:
        """This restyles one chunk. The same model, chunk and request give the same tensors, bit by bit."""
        ...


def check_request(request: Request, capabilities: Capabilities, name: str) -> None:
    """This refuses what is wrong for the model called `name`, whatever its family."""
    unknown = sorted(set(request.active_controls) - capabilities.controls)
    if unknown:
        known = ", ".join(sorted(capabilities.controls)) or "none"
        meant = did_you_mean(unknown[0], capabilities.controls)
        raise SettingsError(f"The model {name} has no control called {', '.join(unknown)}.{meant} It has: {known}.")
    if len(request.active_controls) > 1 and not capabilities.several:
        asked = " and ".join(request.active_controls)
        raise SettingsError(f"The model {name} takes one control at a time, not {asked}. Choose one of them.")
    if any(weight.passages for weight in request.active_controls.values()) and not capabilities.times:
        raise SettingsError(f"The model {name} weighs controls over steps only, not over time. Leave the times away.")
    _check_references(request.references, capabilities, name)
    if request.negative_prompt and not capabilities.negative_prompt:
        raise SettingsError(f"The model {name} takes no negative prompt. Leave it out.")
    if request.negative_prompt and request.guidance <= 1:
        raise SettingsError("A negative prompt does nothing at a guidance of 1 or less. Raise the guidance or drop it.")
    if not 0 < request.strength <= 1:
        raise SettingsError(f"strength is {request.strength}; it must be above 0 (no change) and at most 1.")
    if request.steps < 1:
        raise SettingsError(f"steps is {request.steps}; it must be at least 1.")
    for control, weight in request.active_controls.items():
        if lost := weight.lost(request.steps):
            raise SettingsError(
                f"The control {control} at {lost} would do nothing: none of {request.steps} steps lies in there. "
                "Widen it, or take more steps."
            )


def _check_references(references: Sequence[Reference], takes: Capabilities, name: str) -> None:
    if references and not takes.references:
        raise SettingsError(
            f"The model {name} takes no reference pictures. To give the result a picture's colours: --palette PICTURE."
        )
    if len(references) > takes.references:
        several = f"at most {takes.references} reference pictures, not {len(references)}"
        raise SettingsError(f"The model {name} takes {several}. Leave some out.")
    if not takes.weighs_references and any(reference.weight not in (0, 1) for reference in references):
        raise SettingsError(f"The model {name} cannot weigh reference pictures. Leave the weights away, or a picture.")


def check_fit(chunk: Chunk, model: Stylizer) -> None:
    """This refuses a chunk of a size or length that breaks the model's rule: libraries cut it down instead."""
    frames, _, height, width = chunk.frames.shape
    side = model.rule.multiple
    if height % side or width % side:
        raise ValueError(f"sides of frames must be multiples of {side}, are {height} x {width}")
    if model.rule.length(frames) != frames:
        rule = f"{model.rule.stride}k + {model.rule.offset}"
        raise ValueError(f"a chunk must have {rule} frames, has {frames}")
    wanted = [model.rule.latents(frames), *model.noise_shape(height, width)]
    if list(chunk.noise.shape) != wanted:
        raise ValueError(f"noise must be {wanted}, is {list(chunk.noise.shape)}")
