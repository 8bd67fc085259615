"""Whether memory grows with the clip: `python -m benchmarks.memory`.

The same job on a clip and on one ten times longer, each in a process of its own. The short one is as long as the
longest chunk, since less than one chunk takes less memory. Both are one shot, the hardest case: its state is carried.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.jobs import choose_model, draw_loop, start
from engine.plan import LONGEST

ALLOWED = 1.05


def main(arguments: Sequence[str] | None = None) -> None:
    """This prints the peaks and their ratio, and ends with 1 where it is too much."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="starter", help="a model's name or folder, or none (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=LONGEST, help="of the short clip (default: %(default)s)")
    parser.add_argument("--times", type=int, default=10, help="how much longer the other is (default: %(default)s)")
    parser.add_argument("--size", type=int, nargs=2, default=(384, 216), metavar=("WIDTH", "HEIGHT"))
    chosen = parser.parse_args(arguments)
    print(choose_model(chosen.model))
    print(f"{'frames':>8}{'chunks':>8}{'peak MB':>10}{'seconds':>9}")
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        for frames in (chosen.frames, chosen.frames * chosen.times):
            clip = draw_loop(Path(folder) / f"{frames}.mp4", frames, *chosen.size)
            output, _ = start(clip, clip.with_suffix(".restyled.mp4"), chosen.model, cuts="none").communicate()
            figures = json.loads(output.splitlines()[-1])
            peaks.append(figures["peak"])
            print(f"{frames:8}{figures['chunks']:8}{figures['peak'] / 1e6:10.1f}{figures['seconds']:9.1f}", flush=True)
    print(f"ratio {peaks[1] / peaks[0]:.3f}, allowed {ALLOWED}")
    sys.exit(peaks[1] > ALLOWED * peaks[0])


if __name__ == "__main__":
    main()
