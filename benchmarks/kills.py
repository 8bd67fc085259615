"""Whether a kill costs anything: `python -m benchmarks.kills`.

One job is killed (SIGKILL) at random moments and started again each time; at the end its frames are decoded and
compared with those of a job that was never stopped, and so are the bytes of the file.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from threading import Timer

import av

from benchmarks.jobs import choose_model, draw_loop, start

REACH = 0.4  # of the whole job's time: within it each kill falls, so that many fall before the last chunk is done


def run(clip: Path, result: Path, model: str, patience: float | None = None) -> tuple[str, bool]:
    """This runs a job, killed after `patience` seconds; gives the last it said of its stage, and whether it ended."""
    job = start(clip, result, model)
    timer = Timer(patience, job.kill) if patience is not None else None
    if timer is not None:
        timer.start()
    said = "starting"
    assert job.stdout is not None
    for line in job.stdout:
        if line.endswith("\n"):
            progress = json.loads(line)
            said = f"{progress['stage']}, {progress['done']} of {progress['total']}" if "stage" in progress else said
    code = job.wait()
    if timer is not None:
        timer.cancel()
    if code not in (0, -9):
        sys.exit(f"the job failed with {code} after: {said}")
    return said, code == 0


def digest(path: Path) -> tuple[int, str]:
    """This counts a clip's frames and sums up their pixels and times."""
    total, count = hashlib.sha256(), 0
    with av.open(path) as file:
        for frame in file.decode(video=0):
            total.update(f"{frame.time}".encode() + frame.to_ndarray().tobytes())
            count += 1
    return count, total.hexdigest()


def main(arguments: Sequence[str] | None = None) -> None:
    """This prints where the kills fell and whether anything differs, and ends with 1 where it does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="starter", help="a model's name or folder, or none (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--size", type=int, nargs=2, default=(192, 108), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    print(choose_model(chosen.model))
    chance = random.Random(chosen.seed)
    with tempfile.TemporaryDirectory() as folder:
        clip = draw_loop(Path(folder) / "clip.mp4", chosen.frames, *chosen.size)
        whole, killed = Path(folder) / "whole.mp4", Path(folder) / "killed.mp4"
        started = time.monotonic()
        run(clip, whole, chosen.model)
        lasts = time.monotonic() - started
        print(f"never stopped: {lasts:.1f} s")
        fell: Counter[str] = Counter()
        ended = 0
        while fell.total() < chosen.kills:
            said, done = run(clip, killed, chosen.model, chance.uniform(0, REACH * lasts))
            ended += done  # before its kill came; what follows joins and writes the finished chunks once more
            if not done:
                fell[said.split(",")[0]] += 1
                print(f"kill {fell.total():3}: {said}", flush=True)
        run(clip, killed, chosen.model)
        frames = digest(whole) == digest(killed)
        same = whole.read_bytes() == killed.read_bytes()
        left = [path.name for path in Path(folder).iterdir() if "unfinished" in path.name]
    print("kills by stage: " + ", ".join(f"{stage} {count}" for stage, count in fell.items()))
    print(f"ended before a kill came: {ended} times")
    print(f"frames {'identical' if frames else 'DIFFERENT'}, file {'identical' if same else 'different'}, left: {left}")
    sys.exit(not frames)


if __name__ == "__main__":
    main()
