"""What a model costs with our loop around it and without, at real sizes: `python -m benchmarks.gpu`.

Models as large as the real ones with random weights (see `benchmarks.real_size`), in half precision on a GPU. First,
one window: seconds of a step, and the most memory of a whole run, by ours and by the library's own pipeline, loaded one
after the other in this process. Then a job of 300 frames, each step in windows, with `--memory high` and `low`.

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch
from transformers import CLIPTextModel, CLIPTokenizer

from benchmarks import real_size
from benchmarks.jobs import draw_loop
from engine import pipeline
from engine.diffusion import catalog
from engine.diffusion.loading import Options
from engine.diffusion.quiet import quiet
from engine.diffusion.setup import Setup
from engine.diffusion.stylizer import Chunk, Request, Stylizer
from engine.settings import Memory, Settings
from tests.engine.diffusion import tiny_sd15, tiny_wan

LIBRARY: Any = diffusers  # its classes reach a type checker as dummies
ALLOWED = 1.05
FEW = 2  # steps of the shorter of two runs, whose difference is what steps take alone
Run = Callable[[int], object]
"""Runs so many steps."""


@dataclass(frozen=True)
class Case:
    """A model: how it is built and run by the library, and the frames, height and width of one window."""

    name: str
    build: Callable[[Path], Path]
    plain: Callable[[Path, Setup, Case], Run]
    frames: int
    size: tuple[int, int]
    controls: tuple[str, ...]
    guidance: float = 5.0

    def maps(self, seed: int) -> torch.Tensor:
        """This draws frames, or a control map in three channels, `[T, 3, H, W]`."""
        return torch.rand(self.frames, 3, *self.size, generator=torch.Generator().manual_seed(seed))


@dataclass(frozen=True)
class Cost:
    """Seconds of a step, those of a whole run, and the most memory in GB, None where it was not measured."""

    step: float
    whole: float
    peak: float | None


def plain_animatediff(folder: Path, setup: Setup, case: Case) -> Run:
    """This is AnimateDiff as the library runs it."""
    kinds = {"unet": "UNet2DConditionModel", "motion_adapter": "MotionAdapter", "vae": "AutoencoderKL"}
    nets = {name: _load(folder, name, kind, setup.dtype) for name, kind in kinds.items()}
    controlnets = [_load(folder, f"controlnet_{name}", "ControlNetModel", setup.dtype) for name in case.controls]
    made = LIBRARY.AnimateDiffVideoToVideoControlNetPipeline(
        tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        text_encoder=CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=setup.dtype),
        controlnet=controlnets,
        scheduler=LIBRARY.DDIMScheduler.from_pretrained(folder / "scheduler"),
        **nets,
    ).to(setup.device)
    made.set_progress_bar_config(disable=True)
    frames, maps = list(case.maps(0)), [list(case.maps(1 + number)) for number in range(len(controlnets))]
    return lambda steps: made(
        video=frames,
        prompt="ink",
        conditioning_frames=maps,
        controlnet_conditioning_scale=[1.0] * len(controlnets),
        num_inference_steps=steps,
        strength=1.0,
        guidance_scale=case.guidance,
        height=case.size[0],
        width=case.size[1],
        output_type="pt",
    )


def plain_wan(folder: Path, setup: Setup, case: Case) -> Run:
    """This is Wan VACE as the library runs it, words read already."""
    transformer = _load(folder, "transformer", "WanVACETransformer3DModel", setup.dtype)
    made = LIBRARY.WanVACEPipeline(
        tokenizer=None,
        text_encoder=None,
        transformer=transformer,
        vae=_load(folder, "vae", "AutoencoderKLWan", torch.float32),
        scheduler=LIBRARY.UniPCMultistepScheduler.from_pretrained(folder / "scheduler"),
    ).to(setup.device)
    made.set_progress_bar_config(disable=True)
    words = torch.randn(2, 1, 512, transformer.config.text_dim).to(setup.device, setup.dtype)
    control = case.maps(1)[None]
    return lambda steps: made(
        video=control,
        mask=torch.ones_like(control),
        prompt_embeds=words[0],
        negative_prompt_embeds=words[1],
        num_inference_steps=steps,
        num_frames=case.frames,
        guidance_scale=case.guidance,
        height=case.size[0],
        width=case.size[1],
        output_type="pt",
    )


def _load(folder: Path, part: str, kind: str, dtype: torch.dtype) -> Any:  # noqa: ANN401
    return getattr(LIBRARY, kind).from_pretrained(folder, subfolder=part, dtype=dtype)


SD15, WAN = "Stable Diffusion 1.5 with two ControlNets", "Wan VACE 1.3B"
CASES = {
    "sd15": Case(SD15, real_size.build_sd15, plain_animatediff, 16, (512, 512), real_size.CONTROLS),
    "wan": Case(WAN, real_size.build_wan, plain_wan, 81, (480, 832), ("depth",)),
}
TINY = {
    "sd15": Case(SD15, tiny_sd15.build, plain_animatediff, 8, (48, 64), tiny_sd15.CONTROLS),
    "wan": Case(WAN, tiny_wan.build, plain_wan, 9, (32, 48), ("depth",)),
}


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
    with tempfile.TemporaryDirectory() as place, quiet():
        folder = case.build(Path(place))
        model = catalog.load(str(folder), Options(device=str(setup.device), memory=Memory.HIGH))
        own = cost(ours(model, case), setup.device, chosen.steps, chosen.repeat)
        del model
        _sweep()  # the other is to have the card for itself
        with torch.no_grad():
            plain = cost(case.plain(folder, setup, case), setup.device, chosen.steps, chosen.repeat)
        ratio = own.step / plain.step
        print(f"{case.name}: {case.frames} frames of {case.size[1]}x{case.size[0]}, guided")
        for who, what in (("ours", own), ("the library's pipeline", plain)):
            print(f"  {who:24}{what.step:9.3f} s a step{what.whole:9.2f} s a run{_gigabytes(what.peak)}", flush=True)
        judged = f"allowed {ALLOWED}" if _judged(setup, chosen) else "not judged here"
        print(f"  ratio of a step {ratio:.3f}, {judged}")
        jobs = [long_job(folder, case, setup, memory, chosen) for memory in (Memory.HIGH, Memory.LOW)]
    for job in jobs:
        print(f"  {job['frames']} frames, --memory {job['memory']}: {'; '.join(job['plan'])}")
        speed = f"{job['seconds']:.1f} s, {1000 * job['frame step']:.1f} ms of the model for a frame and step"
        print(f"    {speed}{_gigabytes(job['peak GB'])}", flush=True)
    once = {"ours": own.__dict__, "plain": plain.__dict__, "ratio": ratio}
    return {"model": case.name, "frame step of one window": own.step / case.frames, **once, "jobs": jobs}


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
