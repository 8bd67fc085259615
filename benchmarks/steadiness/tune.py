"""Give every peer its best: `python -m benchmarks.steadiness.tune`.

Parameters are swept on clips that the comparison does not use (seeds 100 to 103), all cases, severity mid, with motion
as it is estimated. A setting is worth its mean Q, a trial that fails a gate counting half: whoever picks settings by Q
alone picks some that no user would keep, and counting failures as nothing would tell the failing ones not apart.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product

import torch

from benchmarks.steadiness.clips import cached, kind_of
from benchmarks.steadiness.gates import failed
from benchmarks.steadiness.injections import CASES, happens, inject
from benchmarks.steadiness.motion import estimated
from benchmarks.steadiness.peers import MATCHED_FADE, left_out
from benchmarks.steadiness.peers_ffmpeg import Atadenoise, Deflicker, Filtered, Hqdn3d, Tmedian, Tmix
from benchmarks.steadiness.peers_join import BandFade, RandomBlend, affine_match
from benchmarks.steadiness.peers_steady import MotionAverage, RecursiveBlend, ScreenedPoisson, Steadied
from benchmarks.steadiness.scores import Judge
from benchmarks.steadiness.trial import Method

SEEDS = (100, 101, 102, 103)
MODES = ("bilinear", "bicubic")
KEPT, REACHES, STRENGTHS = (0.4, 0.6, 0.8), (2, 4, 8), (0.1, 0.3, 1.0, 3.0)

SWEEPS: dict[str, Sequence[Method]] = {
    "band fade": [BandFade(bands) for bands in (2, 3, 4)],
    "matched band fade": [BandFade(bands, affine_match) for bands in (2, 3, 4)],
    "random blend": [RandomBlend(block) for block in (8, 64, 1024)],
    "deflicker": [Filtered(Deflicker(size, mode)) for size, mode in product((5, 10, 20), ("pm", "median"))],
    "hqdn3d": [Filtered(Hqdn3d(temporal)) for temporal in (4, 8, 15, 30)],
    "atadenoise": [Filtered(Atadenoise(limit, size)) for limit, size in product((0.03, 0.1, 0.2), (5, 9))],
    "tmix": [Filtered(Tmix(radius)) for radius in (1, 2)],
    "tmedian": [Filtered(Tmedian(radius)) for radius in (1, 2)],
    "flow blend": [Steadied(RecursiveBlend(keep, mode)) for keep, mode in product(KEPT, MODES)],
    "motion average": [Steadied(MotionAverage(reach, mode)) for reach, mode in product(REACHES, MODES)],
    "screened Poisson": [Steadied(ScreenedPoisson(much, mode=mode)) for much, mode in product(STRENGTHS, MODES)],
    "matched fade + flow blend": [Steadied(RecursiveBlend(keep, "bicubic"), MATCHED_FADE) for keep in KEPT],
    "matched fade + motion average": [Steadied(MotionAverage(reach, "bicubic"), MATCHED_FADE) for reach in REACHES],
    "matched fade + screened Poisson": [
        Steadied(ScreenedPoisson(much, mode="bicubic"), MATCHED_FADE) for much in STRENGTHS
    ],
}


@dataclass
class Outcome:
    """What one setting got: Q of every trial, and whether it failed a gate."""

    qualities: list[float] = field(default_factory=list)
    failures: list[bool] = field(default_factory=list)

    @property
    def quality(self) -> float:
        """The mean Q."""
        return sum(self.qualities) / len(self.qualities)

    @property
    def worth(self) -> float:
        """The mean Q, halved where a gate was failed."""
        pairs = zip(self.qualities, self.failures, strict=True)
        return sum(quality * (0.5 if bad else 1.0) for quality, bad in pairs) / len(self.qualities)


def sweep(chosen: argparse.Namespace, names: Iterable[str]) -> dict[str, list[Outcome]]:
    """This runs all settings of the named peers."""
    outcomes = {name: [Outcome() for _ in SWEEPS[name]] for name in names}
    for seed in chosen.seeds:
        drawing = cached(seed, chosen.frames, *chosen.size)
        motion = estimated(drawing.clip.source)
        for case in (case for case in CASES if happens(kind_of(seed), case)):
            judge = Judge(inject(drawing, seed, case))
            for name, results in outcomes.items():
                for setting, outcome in zip(SWEEPS[name], results, strict=True):
                    score = judge.score(setting(judge.trial, motion))
                    outcome.qualities.append(score.quality)
                    outcome.failures.append(bool(failed(score, case)))
    return outcomes


def spoken(setting: Method) -> str:
    """This names a setting by its parameters: `reach=4, mode='bicubic'`."""
    inner = getattr(setting, "steady", getattr(setting, "filter", setting))
    return ", ".join(f"{name}={value!r}" for name, value in vars(inner).items() if not callable(value))


def main(arguments: Sequence[str] | None = None) -> None:
    """This prints the table; a star stands at each peer's best setting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=list(SWEEPS), choices=list(SWEEPS))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--size", type=int, nargs=2, default=(144, 256), metavar=("HEIGHT", "WIDTH"))
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    absent = left_out()
    for name in (name for name in chosen.only if name in absent):
        print(f"left out: {name}: {absent[name]}")
    print(f"{'peer':33}{'setting':46}{'worth':>7}{'Q':>7}  failed")
    for name, results in sweep(chosen, [name for name in chosen.only if name not in absent]).items():
        best = max(range(len(results)), key=lambda index: results[index].worth)
        for index, (setting, outcome) in enumerate(zip(SWEEPS[name], results, strict=True)):
            star, bad = "*" if index == best else " ", f"{sum(outcome.failures)} of {len(outcome.failures)}"
            print(f"{star}{name:32}{spoken(setting):46}{outcome.worth:7.3f}{outcome.quality:7.3f}  {bad}", flush=True)


if __name__ == "__main__":
    main()
