"""What a model costs with our loop around it and without, at real sizes: `python -m benchmarks.gpu`.

Models as large as the real ones with random weights (see `benchmarks.real_size`), in half precision on a GPU. First,
one window: seconds of a step, and the most memory of a whole run, by ours and by the library's own pipeline, loaded one
after the other in this process. Then a job of 300 frames, each step in windows, with `--memory high` and `low`.

`--compile` tells, besides, what a step costs with the blocks that a net repeats compiled by PyTorch, where it has such,
what the first run costs with that, and whether the same window comes out bit by bit the same after another one.

`--tiny` takes the tests' small models, to see on any machine that it runs. On a processor no memory is measured and
nothing is judged.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import diffusers
import torch

from benchmarks.jobs import draw_loop
from benchmarks.real_size import CASES, TINY, Case, Run
from engine import pipeline
from engine.diffusion import catalog
from engine.diffusion.loading import Options
from engine.diffusion.quiet import quiet
from engine.diffusion.setup import Setup
from engine.diffusion.stylizer import Chunk, Request, Stylizer
from engine.diffusion.video_model import VideoModel
from engine.settings import Memory, Settings

LIBRARY: Any = diffusers  # its classes reach a type checker as dummies
ALLOWED = 1.05
FEW = 2  # steps of the shorter of two runs, whose difference is what steps take alone


@dataclass(frozen=True)
class Cost:
    """Seconds of a step, those of a whole run, and the most memory in GB, None where it was not measured."""

    step: float
    whole: float
    peak: float | None


def ours(model: Stylizer, case: Case) -> Run:
    """This is one window of a shot, as a job asks for it."""
    noise = torch.randn(model.rule.latents(case.frames), *model.noise_shape(*case.size))
    chunk = Chunk(case.maps(0), noise, {name: case.maps(1 + n) for n, name in enumerate(case.controls)})
    weights = dict.fromkeys(case.controls, 1.0)
    return lambda steps: model.restyle(chunk, Request("ink", 1.0, steps, case.guidance, controls=weights))


def cost(run: Run, device: torch.device, steps: int, repeat: int) -> Cost:
    """This times a run of few steps and of `steps` more, each the fastest of some; the first of all is not counted."""
    run(FEW)
    with _watched(device) as peak:
        few, many = (min(_seconds(run, count, device) for _ in range(repeat)) for count in (FEW, FEW + steps))
    return Cost((many - few) / steps, many, peak())


def _seconds(run: Run, steps: int, device: torch.device) -> float:
    started = time.perf_counter()
    run(steps)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


@contextmanager
def _watched(device: torch.device) -> Iterator[Callable[[], float | None]]:
    _sweep()
    if device.type != "cuda":
        yield lambda: None
        return
    torch.cuda.reset_peak_memory_stats(device)
    yield lambda: torch.cuda.max_memory_allocated(device) / 1e9


def compiled(model: Stylizer, case: Case, setup: Setup, chosen: argparse.Namespace) -> dict[str, Any] | None:
    """This compiles the repeated blocks of a model's nets for any length, and tells what that costs and gives."""
    nets = [net for net in model.nets if net._repeated_blocks] if isinstance(model, VideoModel) else []
    for net in nets:
        net.compile_repeated_blocks(dynamic=True)
    if not nets:
        print("  not compiled: its nets name no blocks that they repeat")
        return None
    run, shorter = ours(model, case), ours(model, replace(case, frames=model.rule.length(case.frames // 2)))
    first = _seconds(run, FEW, setup.device)
    made = cost(run, setup.device, chosen.steps, chosen.repeat)
    _tell("ours, blocks compiled", made)
    before: Any = run(FEW)
    shorter(FEW)
    after: Any = run(FEW)
    same = torch.equal(before.latents, after.latents)
    print(f"    the first run {first:.1f} s; {'the same' if same else 'OTHER'} bits after another length", flush=True)
    return {"first run": first, **asdict(made), "same bits": same}


def _sweep() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def long_job(folder: Path, case: Case, setup: Setup, memory: Memory, chosen: argparse.Namespace) -> dict[str, Any]:
    """This restyles a drawn clip of many windows, as one shot, and gives its figures."""
    height, width = case.size
    clip = draw_loop(folder / "clip.mp4", chosen.frames, width, height)
    notes: list[str] = []
    settings = Settings(
        prompt="ink",
        model=str(folder),
        device=str(setup.device),
        memory=memory,
        steps=chosen.steps,
        controls=dict.fromkeys(case.controls, 1.0),
        cuts="none",
        steady=0,
    )
    with _watched(setup.device) as peak:
        done = pipeline.restyle(clip, folder / f"{memory}.mp4", settings, progress=lambda told: notes.append(told.note))
        most = peak()
    return {
        "memory": str(memory),
        "plan": [note.removeprefix(str(folder)).strip() for note in notes if note],
        "frames": done.frames,
        "chunks": done.chunks,
        "seconds": done.seconds,
        "frame step": done.model_seconds / done.frames / chosen.steps,
        "peak GB": most,
    }


def measure(case: Case, setup: Setup, chosen: argparse.Namespace) -> dict[str, Any]:
    """This measures one model, and prints what it finds."""
    print(f"{case.name}: {case.frames} frames of {case.size[1]}x{case.size[0]}, guided")
    with tempfile.TemporaryDirectory() as place, quiet():
        folder = case.build(Path(place))
        found = one_window(folder, case, setup, chosen)
        jobs = []
        for memory in (Memory.HIGH, Memory.LOW):
            job = long_job(folder, case, setup, memory, chosen)
            print(f"  {job['frames']} frames, --memory {job['memory']}: {'; '.join(job['plan'])}")
            speed = f"{job['seconds']:.1f} s, {1000 * job['frame step']:.1f} ms of the model for a frame and step"
            print(f"    {speed}{_gigabytes(job['peak GB'])}", flush=True)
            jobs.append(job)
    return {"model": case.name, **found, "jobs": jobs}


def one_window(folder: Path, case: Case, setup: Setup, chosen: argparse.Namespace) -> dict[str, Any]:
    """This measures one window: ours, compiled where it is asked for, and the library's own pipeline."""
    model = catalog.load(str(folder), Options(device=str(setup.device), memory=Memory.HIGH))
    own = cost(ours(model, case), setup.device, chosen.steps, chosen.repeat)
    _tell("ours", own)
    faster = compiled(model, case, setup, chosen) if chosen.compile else None
    del model
    _sweep()  # the other is to have the card for itself
    with torch.no_grad():
        plain = cost(case.plain(folder, setup, case), setup.device, chosen.steps, chosen.repeat)
    _tell("the library's pipeline", plain)
    ratio, judged = own.step / plain.step, f"allowed {ALLOWED}" if _judged(setup, chosen) else "not judged here"
    print(f"  ratio of a step {ratio:.3f}, {judged}", flush=True)
    told = {"ours": asdict(own), "plain": asdict(plain), "compiled": faster}
    return {**told, "ratio": ratio, "frame step of one window": own.step / case.frames}


def _tell(who: str, what: Cost) -> None:
    print(f"  {who:24}{what.step:9.3f} s a step{what.whole:9.2f} s a run{_gigabytes(what.peak)}", flush=True)


def _judged(setup: Setup, chosen: argparse.Namespace) -> bool:
    return setup.device.type == "cuda" and not chosen.tiny


def _gigabytes(peak: float | None) -> str:
    return ", memory not measured" if peak is None else f"{peak:9.2f} GB at most"


def main(arguments: Sequence[str] | None = None) -> None:
    """This prints the figures, then all as one line of JSON, and ends with 1 where a step costs too much on a GPU."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="small models, to see that it runs")
    parser.add_argument("--device", default="auto", help="(default: %(default)s)")
    parser.add_argument("--steps", type=int, default=8, help="that are timed (default: %(default)s)")
    parser.add_argument("--repeat", type=int, default=2, help="the fastest of so many counts (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=300, help="of the long job (default: %(default)s)")
    parser.add_argument("--compile", action="store_true", help="measure compiled blocks, too; that takes minutes more")
    parser.add_argument("--model", choices=tuple(CASES), help="this one alone")
    chosen = parser.parse_args(arguments)
    setup = Setup.of(chosen.device)
    card = "a processor, where memory, bfloat16 and what waits elsewhere are not measured"
    if setup.device.type == "cuda":
        card = torch.cuda.get_device_name(setup.device)
    where = f"{datetime.date.today()}, {card}, torch {torch.__version__}, diffusers {LIBRARY.__version__}"
    print(f"{where}, {str(setup.dtype)[6:]}{', tiny models: times mean nothing' if chosen.tiny else ''}")
    cases = TINY if chosen.tiny else CASES
    found = [measure(case, setup, chosen) for name, case in cases.items() if chosen.model in (None, name)]
    print(json.dumps({"where": where, "tiny": chosen.tiny, "models": found}))
    sys.exit(_judged(setup, chosen) and any(one["ratio"] > ALLOWED for one in found))


if __name__ == "__main__":
    main()
