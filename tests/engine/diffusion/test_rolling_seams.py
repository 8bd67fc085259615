"""Rolling windows leave no seams that the report finds, but for a few by chance, where fixed windows show each."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from consistency.blame import judge_seams
from consistency.metrics import Seam
from consistency.watch import LookOfColours, Timeline, Watch
from engine.diffusion import rolling
from engine.report.measuring import source_motion
from engine.windows import Span
from samples.scenes import draw_scene

FRAMES, WINDOW, STEPS = 64, 16, 8
MOODS = (0, 1)
RARE = 1 / 16  # of the cuts: tints are drawn by chance, and now and then one is far from the next


class Moody(nn.Module):
    """Sees the source and tints it, each window in a colour of its own, by its first frame: the text is its number."""

    def __init__(self, source: Tensor, mood: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.config = SimpleNamespace(in_channels=3)
        self.source, self.mood = source, mood

    def forward(self, sample: Tensor, timestep: Tensor, encoder_hidden_states: Tensor, **_: Any) -> tuple[Tensor]:
        first = int(encoder_hidden_states[0, 0, 0])
        tint = 0.1 * torch.randn(3, generator=torch.Generator().manual_seed(1000 * self.mood + 100 + first))
        shown = self.source[first : first + sample.shape[2]] * 0.6 + 0.2 + tint.view(3, 1, 1)
        return (shown.transpose(0, 1)[None],)


class Drifting(Moody):
    """Sees the source, and goes off its colour from the first frame of a window to the last."""

    def forward(self, sample: Tensor, timestep: Tensor, encoder_hidden_states: Tensor, **_: Any) -> tuple[Tensor]:
        first, count = int(encoder_hidden_states[0, 0, 0]), sample.shape[2]
        off = torch.arange(count).view(-1, 1, 1, 1) / WINDOW * torch.tensor([0.05, 0.03, -0.025]).view(3, 1, 1)
        shown = self.source[first : first + count] * 0.6 + 0.2 + off
        return (shown.transpose(0, 1)[None],)


def denoised(source: Tensor, model: Moody) -> Tensor:
    """What all steps together make, each with an equal share, `[T, 3, H, W]`."""
    denoiser = rolling.RollingDenoiser(model, lambda *_: (None, None), WINDOW)
    numbers = torch.arange(FRAMES, dtype=torch.float32).view(-1, 1, 1)
    made = torch.zeros(1, 3, *source[:, 0].shape)
    for step in range(STEPS):
        made = torch.lerp(made, denoiser(made, torch.tensor(step), numbers).sample.detach(), 1 / (step + 1))
    return made[0].transpose(0, 1).clamp(0, 1)


def motions(source: Tensor) -> list[Any]:
    return [source_motion(source[n - 1], source[n]) if n else None for n in range(len(source))]


def seams_found(made: Tensor, source: Tensor, motion: list[Any], cuts: Iterable[int]) -> list[int]:
    """Those of the cuts at which the metric finds a seam, each judged by itself."""
    watch, timeline, looks = Watch(), Timeline(), LookOfColours()
    for one, given, moved in zip(made, source, motion, strict=True):
        timeline.add(watch.see(torch.stack([one, one, given]), moved))
        looks.add(one, given)
    moments, gains = timeline.moments(), looks.gains()
    jumps, colours = moments.jump.T, moments.colour.view(-1, 3, 3).transpose(0, 1)
    return [
        cut for cut in cuts if judge_seams(jumps[0], jumps[2], (colours[0], colours[2]), gains, [Seam(cut, 1)])[0].named
    ]


def test_rolling_windows_leave_hardly_a_seam_where_fixed_ones_show_each(monkeypatch: pytest.MonkeyPatch) -> None:
    source = draw_scene(0, FRAMES, 48, 80).frames
    motion, roll = motions(source), rolling.roll
    cuts = sorted({span.start for step in range(STEPS) for span in roll(FRAMES, WINDOW, step)} - {0})
    assert cuts[0] < WINDOW // 2 < FRAMES - WINDOW // 2 < cuts[-1]  # those near the ends, too
    assert seams_found(denoised(source, Moody(source, MOODS[0])), source, motion, cuts) == []
    made = [denoised(source, Moody(source, mood)) for mood in MOODS[1:]]
    found = [cut for one in made for cut in seams_found(one, source, motion, cuts)]
    assert len(found) <= RARE * len(cuts) * len(MOODS[1:])
    fixed = [Span(start, start + WINDOW) for start in range(0, FRAMES, WINDOW)]
    monkeypatch.setattr(rolling, "roll", lambda *_: fixed)
    assert seams_found(denoised(source, Moody(source, 0)), source, motion, [16, 32, 48]) == [16, 32, 48]


def test_rolling_windows_leave_no_seam_of_a_model_that_drifts_where_fixed_ones_show_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = draw_scene(2, FRAMES, 48, 80).frames
    motion, model = motions(source), Drifting(source, 0)
    cuts = sorted({span.start for step in range(STEPS) for span in rolling.roll(FRAMES, WINDOW, step)} - {0})
    assert seams_found(denoised(source, model), source, motion, cuts) == []
    fixed = [Span(start, start + WINDOW) for start in range(0, FRAMES, WINDOW)]
    monkeypatch.setattr(rolling, "roll", lambda *_: fixed)
    assert seams_found(denoised(source, model), source, motion, [16, 32, 48]) == [16, 32, 48]
