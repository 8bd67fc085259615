"""Rolling windows leave no seam within a clip that the report finds, on a model whose fixed windows show theirs."""

from __future__ import annotations

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
from preprocessors.flow import DisFlow
from samples.scenes import draw_scene

FRAMES, WINDOW, STEPS = 64, 16, 8


class Moody(nn.Module):
    """Sees the source and tints it, each window in a colour of its own, by its first frame: the text is its number."""

    def __init__(self, source: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.config = SimpleNamespace(in_channels=3)
        self.source = source

    def forward(self, sample: Tensor, timestep: Tensor, encoder_hidden_states: Tensor, **_: Any) -> tuple[Tensor]:
        first = int(encoder_hidden_states[0, 0, 0])
        tint = 0.1 * torch.randn(3, generator=torch.Generator().manual_seed(100 + first))
        shown = self.source[first : first + sample.shape[2]] * 0.6 + 0.2 + tint.view(3, 1, 1)
        return (shown.transpose(0, 1)[None],)


def denoised(source: Tensor) -> Tensor:
    """What all steps together make, each with an equal share, `[T, 3, H, W]`."""
    denoiser = rolling.RollingDenoiser(Moody(source), lambda *_: (None, None), WINDOW)
    numbers = torch.arange(FRAMES, dtype=torch.float32).view(-1, 1, 1)
    made = torch.zeros(1, 3, *source[:, 0].shape)
    for step in range(STEPS):
        made = torch.lerp(made, denoiser(made, torch.tensor(step), numbers).sample.detach(), 1 / (step + 1))
    return made[0].transpose(0, 1).clamp(0, 1)


def seams_found(made: Tensor, source: Tensor) -> list[int]:
    """The cuts of any step at which the metric finds a seam, each judged by itself, a window away from the ends.

    Half a window from the ends half of all steps cut, so that no window is shorter: there a seam may be left.
    """
    watch, timeline, looks, flow = Watch(), Timeline(), LookOfColours(), DisFlow()
    for number, (one, given) in enumerate(zip(made, source, strict=True)):
        motion = source_motion(flow, source[number - 1], given) if number else None
        timeline.add(watch.see(torch.stack([one, one, given]), motion))
        looks.add(one, given)
    moments, gains = timeline.moments(), looks.gains()
    jumps, colours = moments.jump.T, moments.colour.view(-1, 3, 3).transpose(0, 1)
    cuts = {span.start for step in range(STEPS) for span in rolling.roll(FRAMES, WINDOW, step)} - {0}
    return [
        cut
        for cut in sorted(cuts)
        if WINDOW <= cut <= FRAMES - WINDOW
        and judge_seams(jumps[0], jumps[2], (colours[0], colours[2]), gains, [Seam(cut, 1)])[0].named
    ]


def test_rolling_windows_leave_no_seam_where_fixed_ones_show_each(monkeypatch: pytest.MonkeyPatch) -> None:
    source = draw_scene(0, FRAMES, 48, 80).frames
    assert seams_found(denoised(source), source) == []
    roll = rolling.roll
    with monkeypatch.context() as fixed:
        fixed.setattr(rolling, "roll", lambda frames, window, step: roll(frames, window, 0))
        made = denoised(source)
    assert seams_found(made, source) == [16, 32, 48]
