"""What stands for the package `cosmos_guardrail` in tests: its checker's interface, without its weights."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest

REFUSED = "gore"


class CosmosSafetyChecker:
    """Refuses prompts with a certain word. Changes what it is told to, in place as the real one does."""

    asked: ClassVar[list[str]] = []
    seen: ClassVar[list[int]] = []
    faces: ClassVar[tuple[int, ...]] = ()
    """Numbers of frames that have a face in their upper left corner."""
    refuses: ClassVar[bool] = False
    devices: ClassVar[list[Any]] = []

    def to(self, device: Any) -> None:
        self.devices.append(device)

    def check_text_safety(self, prompt: str) -> bool:
        self.asked.append(prompt)
        return REFUSED not in prompt

    def check_video_safety(self, frames: np.ndarray) -> np.ndarray | None:
        assert frames.dtype == np.uint8
        assert frames.ndim == 4
        assert frames.shape[-1] == 3
        self.seen.append(len(frames))
        for number in self.faces:
            frames[number, :4, :4] = 255 - frames[number, :4, :4]
        return None if self.refuses else frames


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """This puts it where the package would be, with nothing remembered."""
    module = ModuleType("cosmos_guardrail")
    module.CosmosSafetyChecker = CosmosSafetyChecker  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cosmos_guardrail", module)
    for name, value in {"asked": [], "seen": [], "faces": (), "refuses": False, "devices": []}.items():
        monkeypatch.setattr(CosmosSafetyChecker, name, value)
