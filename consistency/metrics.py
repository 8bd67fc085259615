"""How steady a restyled clip is, by numbers that need no learned weights.

Frames are `[T, 3, H, W]`, 0 to 1. `flow_to_previous` `[T, 2, H, W]` and `mask` `[T, 1, H, W]` (1 where it counts) are
the source's; their first frame is not looked at. No number says it all: lower errors are also had by blurring,
freezing or copying the source, so read errors together with detail and sharpness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from kornia.filters import gaussian_blur2d
from torch import Tensor

from consistency.warp import warped


def change(frames: Tensor, flow_to_previous: Tensor) -> Tensor:
    """This is what each frame but the first adds to the one before, carried along: `[T - 1, 3, H, W]`."""
    return frames[1:] - warped(frames[:-1], flow_to_previous[1:])


def warp_error(frames: Tensor, flow_to_previous: Tensor, mask: Tensor) -> float:
    """This is the mean squared change along the flow, times 1000 (Lai et al., ECCV 2018).

    Raises:
        ValueError: where the mask of a frame is empty: an average over nothing would read as perfect.
    """
    return 1000 * float(_masked(change(frames, flow_to_previous).square(), mask[1:]).mean())


def jumps(frames: Tensor, flow_to_previous: Tensor, mask: Tensor) -> Tensor:
    """This is each frame's mean absolute change along the flow, in 8-bit levels: `[T]`, the first is 0."""
    levels = 255 * _masked(change(frames, flow_to_previous).abs(), mask[1:])
    return torch.cat([levels.new_zeros(1), levels])


def detail(frames: Tensor) -> Tensor:
    """This is the high band `[T, 3, H, W]`: what a Gaussian of 1.5 pixels takes away."""
    return frames - _low(frames, 1.5)


def detail_retention(frames: Tensor, clean: Tensor) -> float:
    """This is the share of the clean clip's detail that is still there: 1 all of it, 0 none (blur, or other detail)."""
    wanted = detail(clean)
    return float((detail(frames) * wanted).sum() / wanted.square().sum().clamp(min=1e-12))


def sharpness(frames: Tensor, clean: Tensor) -> float:
    """This is the energy of detail over that of the clean clip, whatever it shows: below 1 is softer."""
    return float(detail(frames).square().sum() / detail(clean).square().sum().clamp(min=1e-12))


@dataclass(frozen=True)
class Seam:
    """Where two chunks meet: the first frame of the new chunk, and how many frames both have."""

    start: int
    overlap: int

    @property
    def window(self) -> range:
        """The frames at which the seam could be seen: the overlap, and the step out of it."""
        return range(self.start, self.start + self.overlap + 1)


@dataclass(frozen=True)
class SeamJump:
    """How much more changes at seams than elsewhere, the mean over all seams.

    ratio: the largest jump over the usual one; 1 cannot be seen. But whatever moves the usual moves it too. peak,
    total: the largest and the summed excess over the usual, in 8-bit levels; 0 cannot be seen.
    """

    ratio: float
    peak: float
    total: float


def seam_jump(levels: Tensor, seams: Sequence[Seam]) -> SeamJump:
    """This judges the jumps of a clip `[T]` (see `jumps`) at its seams; usual is the median of all other frames."""
    usual = _elsewhere(levels[1:], [range(w.start - 1, w.stop - 1) for w in (seam.window for seam in seams)]).median()
    excess = [levels[seam.window.start : seam.window.stop] - usual for seam in seams]
    peaks = torch.stack([part.max() for part in excess])
    totals = torch.stack([part.sum() for part in excess])
    ratio = (peaks + usual).mean() / usual.clamp(min=1e-6)
    return SeamJump(float(ratio), float(peaks.mean()), float(totals.mean()))


def colour_step(frames: Tensor, clean: Tensor, seams: Sequence[Seam], reach: int = 4) -> float:
    """This is how much large areas change colour over a seam, however slowly: 8-bit levels, the mean over seams.

    It compares what the frames are off the clean clip, blurred, in the `reach` frames before the overlap and after it:
    a fade hides the jump and leaves this step.
    """
    off = _low(frames - clean, 6)
    steps = []
    for seam in seams:
        before, after = off[max(0, seam.start - reach) : seam.start], off[seam.window.stop - 1 :][:reach]
        steps.append((after.mean(dim=0) - before.mean(dim=0)).abs().mean())
    return 255 * float(torch.stack(steps).mean())


def sharpness_dip(frames: Tensor, seams: Sequence[Seam]) -> float:
    """This is the least energy of detail at a seam over the usual one: 1 is none lost; the mean over seams."""
    energy = detail(frames).square().mean(dim=(1, 2, 3))
    usual = _elsewhere(energy, [seam.window for seam in seams]).median()
    lowest = torch.stack([energy[seam.window.start : seam.window.stop].min() for seam in seams])
    return float((lowest / usual.clamp(min=1e-12)).mean())


def _elsewhere(values: Tensor, windows: Sequence[range]) -> Tensor:
    inside = {frame for window in windows for frame in window}
    rest = [frame for frame in range(len(values)) if frame not in inside]
    if not rest:
        raise ValueError("every frame lies at a seam: nothing is left to compare with")
    return values[rest]


def _masked(values: Tensor, mask: Tensor) -> Tensor:
    """This averages `[T, 3, H, W]` over the mask `[T, 1, H, W]`: `[T]`."""
    count = mask.sum(dim=(1, 2, 3)) * values.shape[1]
    if (count == 0).any():
        frame = int((count == 0).nonzero()[0]) + 1
        raise ValueError(f"the mask of frame {frame} is empty: there is nothing to measure")
    return (values * mask).sum(dim=(1, 2, 3)) / count


def _low(frames: Tensor, sigma: float) -> Tensor:
    reach = min(2 * round(3 * sigma) + 1, *(2 * side - 1 for side in frames.shape[-2:]))
    return gaussian_blur2d(frames, (reach, reach), (sigma, sigma), border_type="reflect")
