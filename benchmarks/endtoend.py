"""Whether whole jobs are steady and stay sharp: `python -m benchmarks.endtoend CLIP ...`.

The frames about the middle of each clip go through whole jobs, in chunks so short that there are seams. The result's
change along the source's motion is told over the source's own, on one flow and mask, and the detail that it keeps of
what the model drew; beside it the same chunks put side by side (hard cuts) or plainly faded, and the same model frame
by frame: without motion modules, with noise of each frame's own, and with nothing done afterwards.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from benchmarks.report import faded, film, write_anew
from benchmarks.sheet import middle
from benchmarks.structure import frame_by_frame, use
from engine import pipeline, plan
from engine.diffusion import catalog
from engine.diffusion.loading import Options
from engine.report import FinishedJob, measure
from engine.report.figures import Figures, figures_of
from engine.settings import Settings, look_names

FRAMES, LONGEST = 48, 28  # of a clip, of a chunk: two seams or more
STEADY, DETAIL, SHARPNESS = 1.2, 0.9, (0.85, 1.15)
"""What is asked for: change over the source's; share of the raw chunks' detail; its energy over theirs."""


def even(frames: Tensor) -> Tensor:
    """This leaves out a last row or column that a film of colours at half the size cannot have."""
    height, width = (side // 2 * 2 for side in frames.shape[-2:])
    return frames[..., :height, :width]


def job(clip: Path, result: Path, settings: Settings) -> FinishedJob:
    """This runs a whole job with the model that is in use."""
    pipeline.restyle(clip, result, settings)
    return FinishedJob.open(result)


def passes(made: Figures) -> bool:
    """Whether a result is as steady as its source allows, and as sharp as its chunks."""
    least, most = SHARPNESS
    return made.warp_ratio <= STEADY and made.detail >= DETAIL and least <= made.sharpness <= most


def row(clip: str, method: str, ratio: float, made: Figures | None = None) -> str:
    """This is a line of the table."""
    told = f"{clip:36}{method:16}{ratio:8.2f}"
    if made is None:
        return told
    kept = f"{100 * made.detail:8.0f}{100 * made.sharpness:8.0f}{100 * made.motion:8.0f}"
    return f"{told}{kept}{made.seam_ratio:8.2f}{made.colour_step:8.2f}{made.drift:8.2f}  {'' if passes(made) else '!'}"


def main(arguments: Sequence[str] | None = None) -> None:
    """This prints the table, and ends with 1 if a job's result is not steady or not sharp enough."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.endtoend", description=__doc__)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--look", action="append", choices=look_names(), help="default: watercolor")
    parser.add_argument("--model", default="starter", help="a model of AnimateDiff's family (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=FRAMES, help="of each clip (default: %(default)s)")
    parser.add_argument("--side", type=int, default=216, help="shorter side in pixels (default: %(default)s)")
    parser.add_argument("--alone", action="store_true", help="the product alone, and hard cuts")
    chosen = parser.parse_args(arguments)
    stylizer = catalog.load(chosen.model, Options())
    plan.LONGEST, bad = LONGEST, False
    print(
        f"{'clip':36}{'method':16}{'warp':>8}{'detail':>8}{'energy':>8}{'motion':>8}{'seam':>8}{'step':>8}{'drift':>8}"
    )
    with tempfile.TemporaryDirectory() as folder:
        for clip in chosen.clips:
            source = film(Path(folder) / f"{clip.stem}.mkv", even(middle(clip, chosen.frames, chosen.side)))
            for look in chosen.look or ["watercolor"]:
                settings, name = Settings(look=look, cuts="none"), f"{clip.stem}, {look}"
                place = source.with_name(f"{clip.stem}-{look}")
                use(stylizer)
                ours = job(source, place.with_suffix(".mp4"), settings)
                made = figures_of(measure(ours))
                print(row(name, "ours", made.warp_ratio, made))
                print(row(name, "hard cuts", made.warp_ratio_raw), flush=True)
                bad = bad or not passes(made)
                if chosen.alone:
                    continue
                write_anew(ours, lambda start, stop, ours=ours: faded(ours, start, stop))  # type: ignore[misc]
                plain = figures_of(measure(ours))
                print(row(name, "fades", plain.warp_ratio, plain))
                use(frame_by_frame(stylizer))
                singly = figures_of(measure(job(source, place.with_suffix(".singly.mp4"), settings)))
                print(row(name, "frame by frame", singly.warp_ratio_raw), flush=True)
    print(f"! change above {STEADY} of the source's, below {DETAIL} of the detail, or energy not within {SHARPNESS}")
    sys.exit(bad)


if __name__ == "__main__":
    main()
