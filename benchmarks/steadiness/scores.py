"""Every figure of one result: against the answer that it comes closest to, beside those of doing nothing.

RFR, the residual flicker ratio, is what a result changes from frame to frame along the true motion beyond what the
answer does, over what the flickering result does so: 0 is perfect, 1 is nothing done.

Where several answers are right, pictures are compared with the one of the best PSNR, and changes, frame by frame, with
the answer whose change is nearest. For warping makes errors of its own, other ones in other textures: held against one
answer alone, another one, as steady, would have an RFR of 0.04 in D4 (and 0.002 in D9) instead of 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from benchmarks.steadiness import measures
from benchmarks.steadiness.measures import Chain, change, detail, drifted, masked_mean, psnr, share_of
from benchmarks.steadiness.trial import Clip, Trial
from consistency.metrics import colour_step, seam_jump, sharpness_dip

STILL = 0.03 / 255
"""Root mean square of the change of large areas below which a clip counts as unmoved."""
BY_CHUNK = ("D3", "D4", "D8", "D9")
"""Cases whose fault differs from chunk to chunk, so that seams can be seen."""


@dataclass(frozen=True)
class Figures:
    """What is said of any clip beside an answer: of the result, of doing nothing, and of the answer itself.

    error: E_warp, times 1000. psnr: decibels. detail: DR, the share of the answer's detail. foreign: HN, detail that
    the answer has not. sharpness: energy of detail over the answer's. motion: MR, the share of the answer's motion of
    large areas, apart from flicker that is left: see `measures.share_of`; 1 where there is none to keep.
    """

    error: float
    psnr: float
    ssim: float
    detail: float
    foreign: float
    sharpness: float
    motion: float


@dataclass(frozen=True)
class Farther:
    """What takes longer to find. tof: pixels. stride, first: warp error over 8 frames and to the first, times 1000.

    blur_ssim, edges, edges_near: structure against the source's.
    """

    tof: float
    stride: float
    first: float
    blur_ssim: float
    edges: float
    edges_near: float


@dataclass(frozen=True)
class Seams:
    """How visible seams are: see `consistency.metrics`. left: RFR at seams alone. own_dip: the answer's own `dip`."""

    ratio: float
    peak: float
    total: float
    left: float
    step: float
    dip: float
    own_dip: float


@dataclass(frozen=True)
class Score:
    """What is said of one result: `quality` is Q, `left` RFR; `made`, `nothing`, `answer`: O, P and S*."""

    quality: float
    left: float
    made: Figures
    nothing: Figures
    answer: Figures
    seams: Seams | None
    farther: dict[str, Farther]

    @property
    def gained(self) -> float:
        """PSNR gained, decibels."""
        return self.made.psnr - self.nothing.psnr


class Reference:
    """What many clips are compared with: one answer of a trial, and what was already found out about it."""

    def __init__(self, clip: Clip, clean: Tensor, changed: Tensor, nothing_drift: Tensor) -> None:
        self.clip, self.clean, self.changed = clip, clean, changed
        self.detail, self.drift = detail(clean), drifted(clean)
        self.flicker = nothing_drift - self.drift

    @cached_property
    def own(self) -> Figures:
        """These are the answer's figures beside itself."""
        return self.figures(self.clean, self.changed)

    def figures(self, frames: Tensor, changed: Tensor) -> Figures:
        """This judges a clip, of which the changes along the motion are known."""
        fine, energy = detail(frames), float(self.detail.square().sum().clamp(min=1e-12))
        kept = float((fine * self.detail).sum()) / energy
        moves = float(self.drift.square().mean()) ** 0.5 > STILL
        motion = share_of(drifted(frames), self.drift, self.flicker) if moves else 1.0
        return Figures(
            error=1000 * float(masked_mean(changed.square(), self.clip.counts[1:]).mean()),
            psnr=psnr(frames, self.clean),
            ssim=measures.likeness(frames, self.clean),
            detail=kept,
            foreign=float((fine - kept * self.detail).square().sum()) / energy,
            sharpness=float(fine.square().sum()) / energy,
            motion=motion,
        )


class Judge:
    """This scores results of one trial; what they share is worked out once."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self._references: dict[int, Reference] = {}
        self._nothing: dict[int, Figures] = {}
        self._farther: dict[str, Farther] = {}

    @cached_property
    def nothing(self) -> Tensor:
        """P, the result of doing nothing."""
        return self.trial.flickering

    @cached_property
    def _nothing_changed(self) -> Tensor:
        return self._change(self.nothing)

    @cached_property
    def _nothing_drift(self) -> Tensor:
        return drifted(self.nothing)

    @cached_property
    def _nothing_excess(self) -> Tensor:
        return self.excess(self._nothing_changed)

    @cached_property
    def _answers_changed(self) -> list[Tensor]:
        return [self._change(answer) for answer in self.trial.answers]

    def _change(self, frames: Tensor) -> Tensor:
        return change(frames, self.trial.clip.motion.to_previous)

    def excess(self, changed: Tensor) -> Tensor:
        """This is what changes along the motion that the nearest answer does not change: mean squares, `[T - 1]`."""
        counts = self.trial.clip.counts[1:]
        return torch.stack([masked_mean((changed - own).square(), counts) for own in self._answers_changed]).amin(dim=0)

    @cached_property
    def _chains(self) -> tuple[list[Chain], list[Chain]]:
        clip = self.trial.clip
        return measures.chains(clip.motion, clip.counts, 8), measures.chains(clip.motion, clip.counts, None)

    def score(self, made: Tensor, farther: bool = False) -> Score:
        """This scores `[T, 3, H, W]`; `farther` adds figures that take longer."""
        if made.shape != self.nothing.shape:
            raise ValueError(f"a result of {tuple(made.shape)} does not fit a trial of {tuple(self.nothing.shape)}")
        chosen = max(range(len(self.trial.answers)), key=lambda index: psnr(made, self.trial.answers[index]))
        reference = self._reference(chosen)
        changed = self._change(made)
        left = self._left(self.excess(changed), slice(None))
        figures, nothing = reference.figures(made, changed), self._nothing[chosen]
        kept = figures.detail / min(max(nothing.detail, 1e-6), 1.0)
        return Score(
            quality=max(0.0, 1 - left) * _held(kept) * _held(figures.motion),
            left=left,
            made=figures,
            nothing=nothing,
            answer=reference.own,
            seams=self._seams(made, reference, changed) if self.trial.case in BY_CHUNK else None,
            farther=self._far(made, chosen) if farther else {},
        )

    def _reference(self, chosen: int) -> Reference:
        if chosen not in self._references:
            answer, changed = self.trial.answers[chosen], self._answers_changed[chosen]
            reference = Reference(self.trial.clip, answer, changed, self._nothing_drift)
            self._references[chosen] = reference
            self._nothing[chosen] = reference.figures(self.nothing, self._nothing_changed)
        return self._references[chosen]

    def _left(self, excess: Tensor, at: slice | list[int]) -> float:
        return float(excess[at].sum() / self._nothing_excess[at].sum().clamp(min=1e-12))

    def _seams(self, made: Tensor, reference: Reference, changed: Tensor) -> Seams:
        counts, seams = self.trial.clip.counts[1:], self.trial.seams
        levels = torch.cat([torch.zeros(1), 255 * masked_mean(changed.abs(), counts)])
        jump = seam_jump(levels, seams)
        at = [frame - 1 for seam in seams for frame in seam.window if frame <= len(changed)]
        left = self._left(self.excess(changed), at)
        step = colour_step(made, reference.clean, seams)
        dips = (sharpness_dip(frames, seams) for frames in (made, reference.clean))
        return Seams(jump.ratio, jump.peak, jump.total, left, step, *dips)

    def _far(self, made: Tensor, chosen: int) -> dict[str, Farther]:
        for name, frames in (("nothing", self.nothing), (f"answer {chosen}", self.trial.answers[chosen])):
            if name not in self._farther:
                self._farther[name] = self._farther_of(frames)
        answer, nothing = self._farther[f"answer {chosen}"], self._farther["nothing"]
        return {"made": self._farther_of(made), "nothing": nothing, "answer": answer}

    def _farther_of(self, frames: Tensor) -> Farther:
        clip, (stride, first) = self.trial.clip, self._chains
        return Farther(
            measures.flow_distance(frames, clip.motion),
            measures.far_error(frames, stride),
            measures.far_error(frames, first),
            measures.blur_likeness(frames, clip.source),
            *measures.edge_agreement(frames, clip.source),
        )


def _held(share: float) -> float:
    """g: nothing below a half, all from nine tenths on."""
    return min(max((share - 0.5) / 0.4, 0.0), 1.0)
