"""The command line: one boundary between people and the engine.

torch and the models are imported inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

import json
import sys
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.errors import JobError, MediaError, ModelError, ResourceError, RestyleError, SettingsError


class Exit(IntEnum):
    """What the program's exit status means."""

    OK = 0
    FAILED = 1
    SETTINGS = SettingsError.exit_code
    MEDIA = MediaError.exit_code
    MODEL = ModelError.exit_code
    RESOURCES = ResourceError.exit_code
    JOB = JobError.exit_code
    INTERRUPTED = 130


EPILOG = (
    "Exit status: 0 done, 2 a wrong setting, 3 a file that cannot be read or written, 4 a model that cannot be loaded, "
    "5 too little memory or disk, 6 a job folder that does not fit, 130 stopped: the same command goes on."
)

app = typer.Typer(
    name="restyle",
    help="Give footage another look, with the same motion, timing and sound.  Example: restyle clip.mp4 --look comic",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command(epilog=EPILOG)
def run(
    clip: Annotated[Path, typer.Argument(help="A clip, a folder of stills, or stills as shot.%04d.png")],
    look: Annotated[str | None, typer.Option(help="A look by name, see `restyle looks`")] = None,
    prompt: Annotated[str | None, typer.Option(help="Words instead of a look")] = None,
    strength: Annotated[float | None, typer.Option(help="How far from the source, 0 to 1")] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps; more is slower and finer")] = None,
    seed: Annotated[int | None, typer.Option(help="Another number, another result")] = None,
    size: Annotated[str | None, typer.Option(help="Size of the result, WIDTHxHEIGHT")] = None,
    model: Annotated[str | None, typer.Option(help="A model by name or folder, see `restyle models`")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:1")] = None,
    control: Annotated[list[str] | None, typer.Option(help="NAME:WEIGHT, as edges:0.8; may be repeated")] = None,
    cuts: Annotated[str | None, typer.Option(help="A file with a frame or a time in seconds a line")] = None,
    no_cuts: Annotated[bool, typer.Option("--no-cuts", help="Take the clip for one shot")] = False,
    codec: Annotated[str | None, typer.Option(help="h264, hevc, prores4444 or png")] = None,
    reader: Annotated[str | None, typer.Option(help="pyav or decord")] = None,
    rate: Annotated[str | None, typer.Option(help="Frames per second of stills")] = None,
    settings: Annotated[Path | None, typer.Option(help="Settings from a TOML file; options win")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Where to write")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Throw away what an earlier run has finished")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line on standard output")] = False,
) -> None:
    """Restyle a clip. `restyle CLIP` is short for `restyle run CLIP`."""
    given: dict[str, Any] = {
        "look": look,
        "prompt": prompt,
        "strength": strength,
        "steps": steps,
        "seed": seed,
        "model": model,
        "device": device,
        "codec": codec,
        "reader": reader,
        "cuts": _cuts(cuts, no_cuts),
        "controls": _weights(control),
        **_size(size),
    }
    from cli.job import run_job

    given = {name: value for name, value in given.items() if value is not None}
    run_job(clip, output, given, settings, rate=rate, fresh=fresh, as_json=as_json)


@app.command()
def probe(clip: Path, as_json: Annotated[bool, typer.Option("--json", help="As JSON")] = False) -> None:
    """Say what a clip is: size, frames, times, colour, sound."""
    from cli.about import describe_clip

    _tell(describe_clip(clip), as_json)


@app.command()
def looks(as_json: Annotated[bool, typer.Option("--json", help="As JSON")] = False) -> None:
    """List the looks."""
    from engine.settings import load_look, look_names

    _tell({name: load_look(name).title for name in look_names()}, as_json)


@app.command()
def models(as_json: Annotated[bool, typer.Option("--json", help="As JSON")] = False) -> None:
    """List the models, and whether each is here."""
    from cli.about import describe_models

    _tell(describe_models(), as_json)


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="As JSON")] = False) -> None:
    """Say what this machine can run, and why not."""
    from cli.about import examine

    _tell(examine(), as_json)


def _tell(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(facts, default=str))
        return
    width = max((len(name) for name in facts), default=0)
    for name, value in facts.items():
        print(f"{name:<{width}}  {value}")


def _cuts(file: str | None, none: bool) -> str | None:
    if none and file:
        raise SettingsError("--cuts and --no-cuts exclude each other.")
    return "none" if none else file


def _weights(entries: list[str] | None) -> dict[str, float] | None:
    if not entries:
        return None
    weights = {}
    for entry in entries:
        name, _, weight = entry.partition(":")
        try:
            weights[name] = float(weight or 1)
        except ValueError as error:
            raise SettingsError(f"--control {entry}: say NAME:WEIGHT, as edges:0.8.") from error
    return weights


def _size(size: str | None) -> dict[str, int]:
    if size is None:
        return {}
    width, _, height = size.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise SettingsError(f"--size {size}: say WIDTHxHEIGHT, as 640x360.")
    return {"width": int(width), "height": int(height)}


def _arguments(arguments: list[str]) -> list[str]:
    """`restyle CLIP` is short for `restyle run CLIP`."""
    if arguments and arguments[0] not in COMMANDS and arguments[0] not in ("--help", "-h"):
        return ["run", *arguments]
    return arguments


COMMANDS = frozenset(command.__name__ for command in (run, probe, looks, models, doctor))


def main() -> None:
    """This runs the command line and ends the program."""
    try:
        app(args=_arguments(sys.argv[1:]), prog_name="restyle")
    except RestyleError as error:
        print(f"restyle: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("restyle: stopped. What is finished is kept; the same command goes on.", file=sys.stderr)
        sys.exit(Exit.INTERRUPTED)
