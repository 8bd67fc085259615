"""Whether the report names the seams that are there, and none else: `python -m benchmarks.report`.

Drawn scenes go through real jobs with a stand-in for the model. Its chunks differ as those of a video model do (each
has a colour and a fine texture of its own, which moves with the picture) or are alike; they are put side by side,
joined by the product, or plainly faded, which hides the frame of a seam and not its colour. Nothing is given to the
report but the job's folder.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

import av
import torch
from kornia.filters import gaussian_blur2d
from torch import Tensor

from consistency.warp import warp
from engine import pipeline, plan
from engine.diffusion import catalog
from engine.diffusion.stylizer import Chunk, Request, Styled
from engine.media import Writer
from engine.report import FinishedJob, brief, measure
from engine.settings import Settings
from preprocessors.flow import DisFlow
from samples.scenes import draw_scene
from tests.fake_stylizer import FakeStylizer

SIZE = (144, 256)
FRAMES = 60
LONGEST = 28  # frames a chunk: two seams in each clip
SETTINGS = Settings(look="watercolor", cuts="none")


@dataclass
class UnlikeChunks(FakeStylizer):
    """A stand-in whose chunks differ. colour: the standard deviation of gains, half that of offsets. texture: that of
    the values of a fine texture, drawn anew for every chunk and carried along the motion."""

    colour: float = 0.0
    texture: float = 0.0

    def restyle(self, chunk: Chunk, request: Request) -> Styled:
        """This restyles as the stand-in does, and then gives the chunk its own colour and texture."""
        styled = super().restyle(chunk, request)
        generator = torch.Generator().manual_seed(chunk.seed % 2**31)
        gain = 1 + self.colour * torch.randn(3, 1, 1, generator=generator)
        offset = self.colour / 2 * torch.randn(3, 1, 1, generator=generator)
        fine = gaussian_blur2d(torch.randn(1, 1, *chunk.frames.shape[-2:], generator=generator), (7, 7), (1.2, 1.2))
        fine *= self.texture / fine.std()
        pictures = []
        for number, picture in enumerate(styled.frames):
            if number and self.texture:
                fine = _carried(fine, chunk.frames[number - 1], chunk.frames[number])
            pictures.append((picture - 0.5) * gain + 0.5 + offset + fine[0])
        return Styled(torch.stack(pictures).clamp(0, 1), styled.latents)


def _carried(texture: Tensor, previous: Tensor, current: Tensor) -> Tensor:
    return warp(texture, DisFlow()(previous, current)[None], "bicubic")[0]


def film(path: Path, frames: Tensor) -> Path:
    """This films frames `[T, 3, H, W]`, 0 to 1, of even size."""
    with av.open(path, "w") as target:
        stream = target.add_stream("libx264", rate=24, options={"crf": "15", "threads": "1"})
        stream.height, stream.width, stream.pix_fmt = *frames.shape[-2:], "yuv420p"
        for number, picture in enumerate(frames.permute(0, 2, 3, 1).mul(255).round().byte()):
            frame = av.VideoFrame.from_ndarray(picture.contiguous().numpy(), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return path


class Made(StrEnum):
    """How a result is made of its chunks."""

    JOINED = "joined"
    SIDE_BY_SIDE = "side by side"
    FADED = "faded"


def make_job(source: Path, result: Path, stylizer: FakeStylizer, made: Made) -> FinishedJob:
    """This runs a job, whose result is then replaced unless it is to be the product's own."""
    catalog.load = lambda model, how="auto": stylizer
    plan.LONGEST = LONGEST
    pipeline.restyle(source, result, SETTINGS)
    job = FinishedJob.open(result)
    if made is not Made.JOINED:
        write_anew(job, job.raw if made is Made.SIDE_BY_SIDE else lambda start, stop: faded(job, start, stop))
    return job


def write_anew(job: FinishedJob, frames: Callable[[int, int], Tensor]) -> None:
    """This writes a job's result anew; `frames(start, stop)` gives what is to be in it."""
    with job.opened() as (reader, _):
        info = reader.info
    with Writer(job.result, SETTINGS.codec, info, width=info.width, height=info.height) as writer:
        for start in range(0, info.frames, 8):
            writer.write(frames(start, min(start + 8, info.frames)), None)


def faded(job: FinishedJob, start: int, stop: int) -> Tensor:
    """This mixes the two versions of every overlap, linearly from one to the other."""
    frames = job.raw(start, stop)
    for number, seam in enumerate(job.seams(0)):
        for frame in range(max(start, seam.start), min(stop, seam.start + seam.overlap)):
            take = job.plan.shots[0][number]
            place = frame - take.span.start
            older = job.journal.frames(take, place, place + 1)[0]
            share = (frame - seam.start + 1) / (seam.overlap + 1)
            frames[frame - start] = torch.lerp(older, frames[frame - start], share)
    return frames


@dataclass(frozen=True)
class Verdict:
    """What was named of what is there, and how long it took."""

    there: list[int]
    named: list[int]
    seconds: float

    @classmethod
    def on(cls, job: FinishedJob, shortly: bool) -> Verdict:
        """This judges a job."""
        started = time.perf_counter()
        findings = brief(job) if shortly else measure(job)
        named = [seam.frame for seam in findings.seams if seam.named]
        return cls([seam.seam.start for seam in findings.seams], named, time.perf_counter() - started)


UNLIKE = UnlikeChunks(colour=0.05, texture=0.03)
CASES = {
    "side by side: colour and texture": (UNLIKE, Made.SIDE_BY_SIDE),
    "side by side: texture only": (UnlikeChunks(texture=0.03), Made.SIDE_BY_SIDE),
    "side by side: colour only": (UnlikeChunks(colour=0.05), Made.SIDE_BY_SIDE),
    "side by side: all alike": (UnlikeChunks(), Made.SIDE_BY_SIDE),
    "joined: all alike": (UnlikeChunks(), Made.JOINED),
    "joined: colour and texture": (UNLIKE, Made.JOINED),
    "faded: colour and texture": (UNLIKE, Made.FADED),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """This prints the table, and ends with 1 if a seam was missed or made up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--brief", action="store_true", help="judge as at the end of a run")
    chosen = parser.parse_args(arguments)
    faults = 0
    print(f"{'case':36}{'seams':>7}{'named':>7}{'at its start':>14}{'later':>7}{'seconds each':>14}")
    with tempfile.TemporaryDirectory() as folder:
        clips = [film(Path(folder) / f"{seed}.mp4", draw_scene(seed, FRAMES, *SIZE).frames) for seed in chosen.seeds]
        for case, (model, made) in CASES.items():
            verdicts = []
            for clip in clips:
                job = make_job(clip, clip.with_name(f"{clip.stem} {case}.mp4".replace(":", "")), model, made)
                verdicts.append(Verdict.on(job, chosen.brief))
            there, named = (sum(len(getattr(one, what)) for one in verdicts) for what in ("there", "named"))
            right = sum(len({*one.there} & {*one.named}) for one in verdicts)
            each = sum(one.seconds for one in verdicts) / len(verdicts)
            print(f"{case:36}{there:7}{named:7}{right:14}{named - right:7}{each:14.2f}", flush=True)
            if "alike" in case:
                faults += named
            elif made is Made.SIDE_BY_SIDE:
                faults += (there - right) + (named - right)
    sys.exit(faults > 0)


if __name__ == "__main__":
    main()
