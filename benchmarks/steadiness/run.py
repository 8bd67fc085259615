"""Methods on trials: who gets what to see, how long it takes, and what the judge says."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.steadiness import real
from benchmarks.steadiness.clips import CACHE, Drawing, cached, kind_of
from benchmarks.steadiness.gates import failed
from benchmarks.steadiness.injections import happens, inject
from benchmarks.steadiness.motion import SEARCH, estimated
from benchmarks.steadiness.scores import Judge, Score
from benchmarks.steadiness.trial import Clip, Method, Motion, Trial


@dataclass(frozen=True)
class Plan:
    """What is run: which clips, faults and sizes, and what methods may know of the motion.

    suite: A is drawn; B is footage, where `seeds` are its clips' numbers and only the estimated motion is known.
    """

    seeds: tuple[int, ...]
    cases: tuple[str, ...]
    severities: tuple[str, ...] = ("mid",)
    frames: int = 48
    height: int = 216
    width: int = 384
    overlap: int = 4
    flows: tuple[str, ...] = ("estimated",)
    farther: bool = False
    cache: Path = CACHE
    suite: str = "A"


@dataclass(frozen=True)
class Row:
    """One result and what is said of it.

    given: what was to be steadied, by the hash of its pixels. milliseconds: of the method, a frame, without the
    estimate of motion.
    """

    method: str
    clip: str
    case: str
    severity: str
    flow: str
    given: str
    milliseconds: float
    failed: list[str]
    score: Score

    def as_dict(self) -> dict[str, Any]:
        """This is what is written as JSON."""
        return asdict(self)


def drawings(plan: Plan) -> Iterator[tuple[int, Drawing]]:
    """This draws or reads the clips of a plan, one at a time."""
    for seed in plan.seeds:
        if plan.suite == "B":
            yield seed, real.shoot(list(real.SHOTS)[seed], plan.frames, max(plan.height, plan.width))
        else:
            yield seed, cached(seed, plan.frames, plan.height, plan.width, plan.cache)


def trials(plan: Plan, seed: int, drawing: Drawing) -> Iterator[Trial]:
    """This makes the trials of one clip."""
    for case in plan.cases:
        for severity in plan.severities:
            if _happens(plan, seed, case):
                yield inject(drawing, seed, case, severity, plan.overlap)


def _happens(plan: Plan, seed: int, case: str) -> bool:
    return real.happens(list(real.SHOTS)[seed], case) if plan.suite == "B" else happens(kind_of(seed), case)


def run(plan: Plan, methods: dict[str, Method]) -> Iterator[Row]:
    """This judges all methods on all trials."""
    for seed, drawing in drawings(plan):
        motions = {flow: motion_of(drawing.clip, flow, seed, plan) for flow in plan.flows}
        for trial in trials(plan, seed, drawing):
            yield from judged(trial, motions, methods, plan.farther)


def judged(
    trial: Trial, motions: dict[str, Motion], methods: dict[str, Method], farther: bool = False
) -> Iterator[Row]:
    """This judges all methods on one trial, with each motion that they may be told of."""
    judge, given = Judge(trial), hashlib.sha256(trial.flickering.mul(255).round().byte().numpy().tobytes())
    for flow, motion in motions.items():
        for name, method in methods.items():
            made, each = _timed(method, trial, motion)
            score = judge.score(made, farther)
            bad = failed(score, trial.case)
            yield Row(name, trial.clip.name, trial.case, trial.severity, flow, given.hexdigest()[:16], each, bad, score)


def _timed(method: Method, trial: Trial, motion: Motion) -> tuple[Tensor, float]:
    started = time.perf_counter()
    made = method(trial, motion)
    return made, 1000 * (time.perf_counter() - started) / len(made)


def motion_of(clip: Clip, flow: str, seed: int, plan: Plan) -> Motion:
    """This is the motion that methods are told of a clip: true, or estimated and kept."""
    if flow == "true" or plan.suite == "B":
        return clip.motion
    size = f"{plan.frames}x{plan.height}x{plan.width}"
    file = plan.cache / f"flow-{seed}-{size}-{_print_of(clip)}-{SEARCH.key.replace(' ', '-')}.pt"
    if file.exists():
        return Motion(*torch.load(file))
    motion = estimated(clip.source)
    plan.cache.mkdir(parents=True, exist_ok=True)
    torch.save([motion.to_previous, motion.to_next], file)
    return motion


def _print_of(clip: Clip) -> str:
    """This tells clips of one name apart, should the code that draws them change."""
    return f"{int(clip.source.double().mul(255).sum()):x}"
