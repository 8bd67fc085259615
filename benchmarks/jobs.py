"""One job for the benchmarks, with a model or with none: `python -m benchmarks.jobs CLIP RESULT`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import psutil

from engine import pipeline
from engine.diffusion import catalog
from engine.media import open_reader
from engine.settings import Settings

NO_MODEL = "none"
SAMPLE = Path(__file__).parent.parent / "samples" / "harbour.mp4"


def choose_model(model: str) -> str:
    """This prepares for a model, and says in words what runs.

    `none` puts the tests' stand-in in the place of every model: a tint that costs next to nothing, so that all else is
    seen alone.
    """
    if model != NO_MODEL:
        return f"model: {model}"
    from tests.fake_stylizer import FakeStylizer

    catalog.load = lambda model, how="auto": FakeStylizer()
    return "no model: the tests' stand-in tints the frames, everything else is real"


def settings_for(model: str, look: str = "watercolor", cuts: str = "auto", steady: float = 1.0) -> Settings:
    """This makes the settings of a benchmark's job."""
    return Settings(look=look, model="starter" if model == NO_MODEL else model, cuts=cuts, steady=steady)


def peak_bytes() -> int:
    """The most memory that this process has had."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return int(psutil.Process().memory_info().peak_wset)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def draw_loop(path: Path, frames: int, width: int, height: int, source: Path = SAMPLE) -> Path:
    """This plays a clip forwards and backwards until there are so many frames of it, and films that."""
    with open_reader(source) as reader, av.open(path, "w") as target:
        stream = target.add_stream("libx264", rate=24, options={"crf": "17", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        last = reader.info.frames - 1
        for number in range(frames):
            there = last - abs(last - number % (2 * last))
            picture = reader.read(there, there + 1)[0].mul(255).round().byte().permute(1, 2, 0).contiguous()
            frame = av.VideoFrame.from_ndarray(picture.numpy(), format="rgb24").reformat(width, height, "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return path


def start(clip: Path, result: Path, model: str, cuts: str = "auto") -> subprocess.Popen[str]:
    """This starts a job as a process of its own, which prints lines of JSON."""
    command = [sys.executable, "-m", "benchmarks.jobs", str(clip), str(result), "--model", model, "--cuts", cuts]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """This runs one job, and prints its progress and then its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--model", default="starter", help="a model's name or folder, or none (default: %(default)s)")
    parser.add_argument("--cuts", default="auto", help="auto, none, or a list of them (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    choose_model(chosen.model)
    result = pipeline.restyle(
        chosen.clip,
        chosen.result,
        settings_for(chosen.model, cuts=chosen.cuts),
        progress=lambda progress: print(json.dumps(dataclasses.asdict(progress)), flush=True),
    )
    print(json.dumps({**dataclasses.asdict(result), "peak": peak_bytes()}, default=str))


if __name__ == "__main__":
    main()
