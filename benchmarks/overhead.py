"""What a job costs beside the model: `python -m benchmarks.overhead`.

The whole job's seconds over those inside the model's own calls, and where the rest goes. `cpu` counts the processor's
time of this process, which another program's load does not change; on a busy machine only that ratio means anything.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any

from benchmarks.jobs import NO_MODEL, SAMPLE, choose_model, draw_loop, settings_for
from consistency.join import ChunkJoin
from consistency.steady import Steadier
from engine import chunks, pipeline, planning, upsampling
from engine.cache import PLACE
from engine.diffusion import catalog
from engine.diffusion.loading import Options
from engine.diffusion.stylizer import Stylizer
from engine.drawn import Drawn
from engine.journal import Journal
from engine.media import Writer, probe

ALLOWED = 1.15
MODEL = "inside the model"
STAGES: tuple[tuple[str, Any, str], ...] = (
    ("loading the model", catalog, "load"),
    ("finding cuts", planning, "detect_cuts"),
    ("reading frames", chunks, "read_frames"),
    ("noise along the flow", chunks, "_shot_noise"),
    ("control maps", Drawn, "__call__"),
    ("keeping chunks", Journal, "store"),
    ("reading chunks back", Journal, "frames"),
    ("joining chunks", ChunkJoin, "add"),
    ("steadying", Steadier, "add"),
    ("upsampling the result", upsampling, "upsampled"),
    ("encoding", Writer, "write"),
    ("encoding", Writer, "__exit__"),
)


@dataclass
class Clock:
    """Seconds by stage, on the wall and of the processor; a stage inside another counts for the outer one only."""

    wall: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    cpu: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    running: bool = False

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """This wraps a function so that its seconds are counted."""

        @wraps(function)
        def wrapped(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - passed on as they are
            if self.running:
                return function(*arguments, **named)
            self.running = True
            wall, cpu = time.perf_counter(), time.process_time()
            try:
                return function(*arguments, **named)
            finally:
                self.running = False
                self.wall[stage] += time.perf_counter() - wall
                self.cpu[stage] += time.process_time() - cpu

        return wrapped


def install(clock: Clock) -> None:
    """This puts the clock around every stage, and around the model that will be loaded."""
    for stage, owner, name in STAGES:
        setattr(owner, name, clock.timed(stage, getattr(owner, name)))
    load = catalog.load

    def load_timed(model: str, how: Options | str = "auto") -> Stylizer:
        stylizer: Any = load(model, how)
        stylizer.restyle = clock.timed(MODEL, stylizer.restyle)
        return stylizer  # type: ignore[no-any-return]

    catalog.load = load_timed


def _size(clip: Path) -> tuple[int, int]:
    info = probe(clip)
    return info.width, info.height


def main(arguments: Sequence[str] | None = None) -> None:
    """This prints the ratio and the table, and ends with 1 where it is too much."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path, nargs="?", default=SAMPLE)
    parser.add_argument("--frames", type=int, help="play the clip back and forth until it is as long as this")
    parser.add_argument("--model", default="starter", help="a model's name or folder, or none (default: %(default)s)")
    parser.add_argument("--steady", type=float, default=1.0, help="0 leaves steadying out (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    print(choose_model(chosen.model))
    clock = Clock()
    install(clock)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[PLACE] = folder  # control maps that an earlier run has kept would cost nothing
        clip = chosen.clip
        if chosen.frames:
            clip = draw_loop(Path(folder) / "long.mp4", chosen.frames, *_size(clip), source=clip)
        began = time.process_time()
        settings = settings_for(chosen.model, steady=chosen.steady)
        result = pipeline.restyle(clip, Path(folder) / "result.mp4", settings)
        clock.cpu["everything else"] = time.process_time() - began - sum(clock.cpu.values())
    clock.wall["everything else"] = result.seconds - sum(clock.wall.values())
    print(f"{'':24}{'wall s':>9}{'cpu s':>9}{'cpu ms a frame':>16}")
    for stage, cpu in sorted(clock.cpu.items(), key=lambda item: -item[1]):
        print(f"{stage:24}{clock.wall[stage]:9.2f}{cpu:9.2f}{1000 * cpu / result.frames:16.1f}")
    total = sum(clock.cpu.values())
    print(f"{'whole job':24}{result.seconds:9.2f}{total:9.2f}{1000 * total / result.frames:16.1f}")
    if chosen.model == NO_MODEL:
        return
    wall = result.seconds / result.model_seconds
    print(f"ratio: {wall:.3f} on the wall, {total / clock.cpu[MODEL]:.3f} of the processor, allowed {ALLOWED}")
    sys.exit(wall > ALLOWED)


if __name__ == "__main__":
    main()
