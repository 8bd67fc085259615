"""What a job will do, decided and checked before its first frame is restyled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from pathlib import Path
from typing import Any, Self

from engine.diffusion.memory import Ladder
from engine.diffusion.stylizer import Request, Stylizer
from engine.errors import JobError, ResourceError, SettingsError
from engine.journal import PLAN, Journal
from engine.media import MediaInfo, check_output
from engine.naming import default_output, job_folder
from engine.references import read_references
from engine.reseeding import read_reseeds
from engine.room import KEPT, bytes_of_result, bytes_there, check_room
from engine.settings import Codec, Look, Settings
from engine.shots import read_cuts
from engine.sizes import Sizes
from engine.take import Take
from engine.weights import Weighted, check_times
from engine.windows import FrameRule, Span, plan_chunks
from engine.words import look_in

LONGEST = 96  # frames denoised together; more saves little and delays what is safe on disk
OVERLAP = 8  # frames that neighbouring chunks share
DEPTH_OF_PASSES = 0.5  # weight of a render's depth where nobody has chosen controls


def make_request(settings: Settings, stylizer: Stylizer) -> Request:
    """This says what is asked of the model: the settings, then the look, then what the model does best."""
    defaults = stylizer.defaults
    look = look_of(settings, stylizer)
    strength = settings.strength if settings.strength is not None else look.strength if look else 0.6
    controls = settings.controls if settings.controls is not None else _controls_of(look, stylizer)
    takes = stylizer.capabilities
    if settings.passes and settings.controls is None and takes.several and "depth" in takes.controls:
        controls = {"depth": DEPTH_OF_PASSES, **controls}
    avoid = look.negative_prompt if look else ""
    request = Request(
        prompt=look.prompt if look else settings.prompt or "",
        negative_prompt=avoid if settings.negative_prompt is None else settings.negative_prompt,
        strength=strength,
        steps=settings.steps or defaults.steps_at(strength),
        guidance=defaults.guidance,
        controls=controls,
        references=read_references(settings.references),
    )
    stylizer.check(request)
    return request


def look_of(settings: Settings, stylizer: Stylizer) -> Look | None:
    """This is the look that was asked for; of a model whose frames are finished, also one that the prompt names."""
    if settings.prompt is not None and stylizer.defaults.finished:
        return look_in(settings.prompt)
    return settings.load_look()


def check_moments(settings: Settings, info: MediaInfo) -> None:
    """This refuses what is asked for at a time that the clip does not have: seeds of shots, weights of controls."""
    read_reseeds(settings.reseed, info)
    look = settings.load_look()
    check_times(look.controls if look and settings.controls is None else settings.controls or {}, info)


def _controls_of(look: Look | None, stylizer: Stylizer) -> Mapping[str, Weighted]:
    """This takes a look's controls where the model has them all; another model follows those that suit it best."""
    takes = stylizer.capabilities
    if look and set(look.controls) <= takes.controls and (takes.several or len(look.controls) < 2):
        return look.controls
    return stylizer.defaults.controls


def longest_chunk(stylizer: Stylizer, sizes: Sizes) -> int:
    """This chooses how many frames are denoised together, by the memory that is free; too little is refused.

    Before it is, the model goes over to its smaller plans for memory.
    """
    free = stylizer.memory.free_bytes()
    height, width = (stylizer.rule.side(side) for side in sizes.work)
    shortest = max(stylizer.window, 2 * OVERLAP + 1 + stylizer.rule.stride * stylizer.rule.weak)
    for frames in range(LONGEST, shortest - 1, -OVERLAP):
        need = stylizer.peak_bytes(stylizer.rule.length(frames), height, width)
        if need <= free:
            return stylizer.rule.length(frames)
    need = stylizer.peak_bytes(stylizer.rule.length(shortest), height, width)
    if need > free:
        if stylizer.memory.spare():
            return longest_chunk(stylizer, sizes)
        raise ResourceError(
            f"{stylizer.name} needs {need / 1e9:.1f} GB of memory for {shortest} frames of {width}x{height}; "
            f"{free / 1e9:.1f} GB can be had. Close other programs or ask for a smaller --size."
        )
    return stylizer.rule.length(shortest)


@dataclass(frozen=True)
class Plan:
    """Where the cuts are and how each shot is cut into chunks.

    longest: frames of a chunk, at most; other cuts keep it, so that a shot that stays has the chunks that it had.
    eight_bits: whether chunks are made with weights in 8 bits. All are made with the same. found: the first frames of
    shots, but of the first, where they were looked for; others may have been given since.
    """

    shots: tuple[tuple[Take, ...], ...]
    longest: int
    eight_bits: bool = False
    found: tuple[int, ...] | None = None

    @classmethod
    def of(
        cls,
        shots: Sequence[Span],
        seeds: Sequence[int],
        longest: int,
        rule: FrameRule,
        *,
        eight_bits: bool = False,
        found: tuple[int, ...] | None = None,
    ) -> Self:
        """This plans the chunks of every shot. seeds: of each."""
        pairs = zip(shots, seeds, strict=True)
        takes = (_takes(_chunks(shot, longest, rule), seed) for shot, seed in pairs)
        return cls(tuple(takes), longest, eight_bits, found)

    @classmethod
    def from_json(cls, plan: Any, job: Path) -> Self:  # noqa: ANN401 - plain JSON
        """This reads what `to_json` gave.

        Raises:
            JobError: the plan of `job` is of a version that knew chunks by their numbers.
        """
        if not isinstance(plan, dict) or "seeds" not in plan:
            raise JobError(f"{job} is of an earlier version of restyle. Make it again: the same command, with --fresh.")
        pairs = zip(plan["shots"], plan["seeds"], strict=True)
        shots = tuple(_takes([Span(*chunk) for chunk in chunks], seed) for chunks, seed in pairs)
        found = plan["found"]
        return cls(shots, plan["longest"], plan["eight_bits"], None if found is None else tuple(found))

    def to_json(self) -> dict[str, Any]:
        """This gives plain values."""
        return {
            "shots": [[[take.span.start, take.span.stop] for take in takes] for takes in self.shots],
            "seeds": [takes[0].seed for takes in self.shots],
            "longest": self.longest,
            "eight_bits": self.eight_bits,
            "found": None if self.found is None else list(self.found),
        }

    def keep_to_weights(self, ladders: Sequence[Ladder], job: Path) -> None:
        """This has models go over to plans for memory with the weights that the chunks of `job` are made with.

        Raises:
            ResourceError: there is no room for these any more.
        """
        for ladder in ladders:
            if not ladder.keep_to(self.eight_bits):
                raise ResourceError(
                    f"{job} holds chunks made with weights in 8 bits, for which there is too little memory on "
                    f"{ladder.device} now. Close other programs, leave --memory out, or start over with --fresh."
                )

    @property
    def chunks(self) -> int:
        """Number of chunks in all shots."""
        return len(self.takes)

    @property
    def takes(self) -> list[Take]:
        """The chunks of all shots."""
        return [take for takes in self.shots for take in takes]

    def most(self, rule: FrameRule) -> int:
        """This gives the most frames that a chunk is made with."""
        return max(len(rule.made(take.span, take.shot)) for take in self.takes)

    @property
    def cuts(self) -> tuple[int, ...]:
        """The first frame of every shot but the first."""
        return tuple(takes[0].shot.start for takes in self.shots[1:])

    @property
    def cuts_found(self) -> bool:
        """Whether the cuts are those that were found, not corrected, given or switched off."""
        return self.cuts == self.found

    def finished(self, journal: Journal) -> int:
        """This counts the chunks that are finished."""
        return sum(map(journal.has, self.takes))


def _chunks(shot: Span, longest: int, rule: FrameRule) -> list[Span]:
    planned = plan_chunks(len(shot), longest, OVERLAP, rule)
    return [Span(shot.start + chunk.start, shot.start + chunk.stop) for chunk in planned]


def _takes(chunks: Sequence[Span], seed: int) -> tuple[Take, ...]:
    shot = Span(chunks[0].start, chunks[-1].stop)
    return tuple(Take(shot, chunk, seed) for chunk in chunks)


def check_job(
    source: Path, output: Path, settings: Settings, info: MediaInfo, sizes: Sizes, fresh: bool
) -> tuple[str, ...]:
    """This refuses what could only fail later: an output over the source, a bad suffix, cuts or reseeds, a full disk.

    So it does an output that is there and has no job beside it, unless `fresh` says that it may go.
    """
    if output.is_dir() and settings.codec is not Codec.PNG:
        inside = output / default_output(source, settings).name
        raise SettingsError(f"{output} is a folder. Name a file, as {inside}.")
    read_references(settings.references)
    if settings.cuts not in ("auto", "none"):
        read_cuts(Path(settings.cuts), info.times)
    check_moments(settings, info)
    height, width = sizes.output
    warnings = check_output(output, settings.codec, info, width, height)
    if not fresh and not job_folder(output).exists() and _holds_something(output):
        raise JobError(
            f"{output} is there already, and no job beside it that has made it. "
            "Choose another output (-o), or write over it with --fresh."
        )
    if fresh or not (job_folder(output) / PLAN).exists():  # else what is missing is told exactly, a little later
        # At least so much: how many frames chunks share, and what each hands on, is known when the cuts are.
        chunks = max(0, KEPT * info.frames * prod(sizes.work) - bytes_there(job_folder(output)))
        check_room(output, chunks + bytes_of_result(settings.codec, info.frames, sizes.output))
    return warnings


def _holds_something(output: Path) -> bool:
    return any(output.iterdir()) if output.is_dir() else output.exists()


def stills_rate(text: str | None) -> Fraction | None:
    """This reads a frame rate: `24`, `23.976` or `24000/1001`."""
    if text is None:
        return None
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise SettingsError(f"The rate {text!r} is no number. Say 24, 23.976 or 24000/1001.") from error
    if not 0 < rate <= 1000:
        raise SettingsError(f"The rate is {text}; it must be above 0 and at most 1000 frames per second.")
    return rate
