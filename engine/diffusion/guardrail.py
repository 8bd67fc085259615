"""NVIDIA's guardrail for Cosmos: it refuses prompts and pixelates faces. Its models may not be used without it.

The licence of the weights ends where the guardrail is bypassed, so there is no setting that turns it off.
"""

from __future__ import annotations

import importlib
from typing import Any, Self

import torch
from torch import Tensor

from engine.errors import ModelError, SettingsError

PACKAGE = "cosmos_guardrail"
WEIGHTS = ("nvidia/Cosmos-1.0-Guardrail", "Qwen/Qwen3Guard-Gen-0.6B")


class Guardrail:
    """A checker of the package `cosmos_guardrail`. What it has let through once it is not asked again."""

    def __init__(self, checker: Any) -> None:  # noqa: ANN401 - of a package that may be missing
        self._checker = checker
        self._allowed: set[str] = set()

    @classmethod
    def load(cls, model: str, device: torch.device) -> Self:
        """This loads the guardrail of a model.

        Raises:
            ModelError: the package or its weights are not here.
        """
        try:
            checker = importlib.import_module(PACKAGE).CosmosSafetyChecker()
        except ModuleNotFoundError as error:
            raise ModelError(
                f"{model} may only run beside NVIDIA's guardrail: its licence ends where that is left out. "
                f"{error.name} is not installed. Install it: pip install {PACKAGE}"
            ) from error
        except OSError as error:
            fetch = " && ".join(f"hf download {repository}" for repository in WEIGHTS)
            raise ModelError(
                f"{model} may only run beside NVIDIA's guardrail, whose weights are not all here. Fetch them: {fetch}"
            ) from error
        checker.to(device)
        return cls(checker)

    def check(self, prompt: str) -> None:
        """This refuses a prompt that the guardrail refuses."""
        if prompt in self._allowed:
            return
        if not self._checker.check_text_safety(prompt):
            raise SettingsError(f"NVIDIA's guardrail refuses the prompt {prompt[:60]!r}. Choose other words.")
        self._allowed.add(prompt)

    def passed(self, frames: Tensor) -> Tensor:
        """This gives frames `[T, 3, H, W]`, 0 to 1, as the guardrail lets them through: with faces pixelated.

        It works in 8 bits and in place; frames in which it changes nothing come back as they were.

        Raises:
            SettingsError: it refuses them. (The library makes them black, without a word.)
        """
        shown = frames.clamp(0, 1).mul(255).round().byte().permute(0, 2, 3, 1)
        answer = self._checker.check_video_safety(shown.numpy(force=True).copy())
        if answer is None:
            raise SettingsError("NVIDIA's guardrail refuses what the model made. Choose other words, or another clip.")
        checked = torch.from_numpy(answer).to(shown.device)
        changed = (checked != shown).flatten(1).any(dim=1)
        result = frames.clone()
        result[changed] = checked[changed].permute(0, 3, 1, 2).to(frames) / 255
        return result
