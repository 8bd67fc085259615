"""What can be typed after `restyle`: one table, with the words that explain it.

Nothing heavy is imported here, so that `--help` answers at once. What a value may be is checked by `engine.settings`,
the same for Python, TOML and here; this only reads words and numbers.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn

from engine.errors import SettingsError, did_you_mean
from engine.settings import look_names
from engine.weights import Stretch

COMMANDS = {
    "run": "restyle a clip; `restyle CLIP` is short for it, and `restyle run --help` lists all options",
    "proxy": "restyle a render by its own passes: exact motion, depth and outlines from its EXR files",
    "report": "judge a finished job: which seams can be seen, what was kept; as a page, in words or as JSON",
    "controls": "write a control as a video, to look at or to change and hand in again: depth, edges, flow ...",
    "probe": "say what a clip is: size, frames, times, colour, sound",
    "looks": "list the looks",
    "models": "list the models: whether each is here and fits this machine; --pull NAME fetches one",
    "doctor": "say what this machine can run, and why not",
}

EXAMPLES = """\
examples:
  restyle clip.mp4 --look comic                      writes clip.comic.mp4 beside the clip
  restyle clip.mp4 --look oil --strength 0.5         stays closer to the footage
  restyle frames/ --look ink --rate 25 -o ink.mp4    a folder of numbered stills
  restyle proxy render/ --look oil                   a Blender render with its passes
"""

STATUS = """\
exit status:
  0 done; 2 a wrong setting; 3 a file that cannot be read or written; 4 a model that cannot be loaded;
  5 too little memory or disk; 6 a job folder that does not fit; 130 stopped, the same command goes on
"""


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are `SettingsError`s: one line, like all others."""

    def error(self, message: str) -> NoReturn:
        """This refuses."""
        raise SettingsError(f"{message.removeprefix('argument ')}; see `{self.prog} --help`.")


def parse(words: list[str]) -> argparse.Namespace:
    """This reads the command line, without the program's name. `command` says which of `COMMANDS` it is.

    Raises:
        SettingsError: a word is none of ours, or a value is no number where one is wanted.
    """
    parser = _parser()
    chosen, unknown = parser.parse_known_args(_with_command(words))
    if unknown:
        raise SettingsError(_unknown(unknown[0], parser))
    return chosen


def _with_command(words: list[str]) -> list[str]:
    """This puts `run` before what begins with no command: `restyle CLIP` is short for `restyle run CLIP`."""
    if not words:
        return ["--help"]
    if words[0] in (*COMMANDS, "-h", "--help", "--version"):
        return words
    first = Path(words[0])
    if not (words[0].startswith("-") or first.suffix or first.exists()) and (meant := did_you_mean(words[0], COMMANDS)):
        raise SettingsError(f"There is no command and no clip called {words[0]!r}.{meant}")
    return ["run", *words]


def _unknown(word: str, parser: Parser) -> str:
    if not word.startswith("-"):
        return f"What is {word!r}? One clip can be given, and every option before its value; quote names with spaces."
    name = word.partition("=")[0]
    return f"There is no option {name}.{did_you_mean(name, OPTIONS) or f' `{parser.prog} run --help` lists all.'}"


def _parser() -> Parser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = Parser(
        prog="restyle",
        usage="restyle CLIP --look LOOK [options]\n       restyle COMMAND",
        description="Give footage another look, with the same motion, timing and sound.",
        epilog=EXAMPLES + "\n" + STATUS,
        formatter_class=raw,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="say which version this is")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", prog="restyle")
    made = {
        name: commands.add_parser(name, help=text, description=_sentence(text), formatter_class=raw, allow_abbrev=False)
        for name, text in COMMANDS.items()
    }
    made["run"].epilog, made["run"].description = EXAMPLES + "\n" + STATUS, "Restyle a clip."
    made["run"].usage = "restyle CLIP (--look LOOK | --prompt WORDS) [options]"
    made["proxy"].usage = "restyle proxy RENDER (--look LOOK | --prompt WORDS) [options]"
    _add_run(made["run"], "CLIP", CLIP)
    _add_run(made["proxy"], "RENDER", RENDER)
    _add_report(made["report"])
    _add_controls(made["controls"])
    made["probe"].add_argument("clip", type=Path, metavar="CLIP", help=CLIP)
    made["models"].add_argument(
        "--pull", metavar="NAME", help="fetch a model: a name from this list, or owner/name from the Hub"
    )
    for name in ("report", "probe", "looks", "models", "doctor"):
        made[name].add_argument("--json", dest="as_json", action="store_true", help="answer as JSON, for machines")
    return parser


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


CLIP = "a clip, a folder of numbered stills, or stills as shot.%%04d.png"


RENDER = "a folder of EXR files with the passes Combined, Depth and Vector, or one sequence as render/frame.*.exr"


def _add_run(parser: argparse.ArgumentParser, clip: str, what: str) -> None:
    parser.add_argument("clip", type=Path, metavar=clip, help=what)
    for title, options in RUN.items():
        group = parser.add_argument_group(title)
        for names, how in options.items():
            group.add_argument(*names.split(), **how)  # type: ignore[arg-type]  # a table of keywords


def _add_controls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("clip", type=Path, metavar="CLIP", help=CLIP)
    parser.add_argument("--control", required=True, metavar="NAME", help="which: depth, edges, canny, colour, flow")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="an .mkv, or a folder of PNG; if not given, beside the clip"
    )
    for group in RUN.values():
        for name in ("--detector", "--size", "--cuts", "--no-cuts", "--rate", "--reader", "--model"):
            if name in group:
                parser.add_argument(name, **group[name])  # type: ignore[arg-type]  # a table of keywords


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", type=Path, metavar="JOB", help="a result, or the folder <result>.restyle beside it")
    for names, how in REPORT.items():
        parser.add_argument(*names.split(), **how)  # type: ignore[arg-type]  # a table of keywords


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from error


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from error


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; say WIDTHxHEIGHT, as 640x360")
    return int(width), int(height)


def _weight(text: str) -> tuple[str, str]:
    name, _, weight = text.partition(":")
    try:
        return name, str(Stretch.read(weight or "1"))
    except SettingsError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no control: its weight {error} Say NAME:WEIGHT, as edges:0.8"
        ) from error


def _lora(text: str) -> tuple[str, float]:
    file, colon, weight = text.rpartition(":")
    if not colon or "/" in weight or "\\" in weight:  # C:\ink.safetensors has no weight
        return text, 1.0
    try:
        return file, float(weight)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no LoRA; say FILE:WEIGHT, as ink.safetensors:0.8") from error


def _video(text: str) -> tuple[str, str]:
    name, _, path = text.partition("=")
    if not (name and path):
        raise argparse.ArgumentTypeError(f"{text!r} is no pair; say NAME=VALUE, as depth=my_depth.mp4")
    return name, path


RUN: dict[str, dict[str, dict[str, object]]] = {
    "the picture": {
        "--look": {"help": f"how it is to look: {', '.join(look_names())}"},
        "--look-file": {
            "metavar": "FILE",
            "help": 'your own look, a TOML file: title, prompt = "ink drawing, warm", strength, [controls] edges = 1.0',
        },
        "--prompt": {"metavar": "WORDS", "help": 'your own words instead: "pencil sketch on grey paper"'},
        "--strength": {
            "type": _number,
            "metavar": "0-1",
            "help": "how far it may leave the footage: 0.3 tints it, 0.9 paints it anew; a look has its own",
        },
        "--control": {
            "type": _weight,
            "action": "append",
            "metavar": "NAME:WEIGHT",
            "help": "how closely it follows one feature of the footage, 0 (not) to 2, as edges:0.8, or for a part of "
            "the steps only, as edges:0.5@0-0.6; may be repeated, and replaces the look's own",
        },
        "--reference": {
            "action": "append",
            "metavar": "PICTURE",
            "help": "a picture of someone or something that is to be seen, for models that take one; may be repeated",
        },
        "--detector": {
            "type": _video,
            "action": "append",
            "metavar": "NAME=DETECTOR",
            "help": "draw a control by a learned detector: depth=depth-anything-small (Apache-2.0), -base or -large "
            "(CC-BY-NC-4.0)",
        },
        "--control-video": {
            "type": _video,
            "action": "append",
            "metavar": "NAME=FILE",
            "help": "your own control, as depth=my_depth.mp4 or a folder of PNG, in place of what is drawn from the "
            "clip (see `restyle controls`); may be repeated",
        },
        "--steady": {
            "type": _number,
            "metavar": "0-1",
            "help": "how much of the flicker that is left is taken out along the footage's motion: 1 (all that can be, "
            "if not given) to 0 (off); finished chunks are kept when it changes",
        },
        "--steps": {
            "type": _whole,
            "metavar": "N",
            "help": "how often the model goes over each picture: more is finer and takes longer",
        },
        "--seed": {
            "type": _whole,
            "metavar": "N",
            "help": "any whole number: another one gives another variation, the same one the same result",
        },
    },
    "the result": {
        "-o --output": {"type": Path, "metavar": "FILE", "help": "where to write; if not given, beside the clip"},
        "--size": {"type": _size, "metavar": "WxH", "help": "width and height in pixels, as 640x360; else the clip's"},
        "--codec": {
            "help": "h264 plays everywhere, hevc is smaller, prores4444 is for editing and keeps transparency, "
            "png is a folder of stills"
        },
    },
    "a part of the picture": {
        "--mask": {
            "help": "restyle only where this is bright (a clip, a folder of stills, one still for all), or index:3 and "
            "material:2 of a render's passes, or key:#00ff00 for a colour; the rest stays as it is"
        },
        "--palette": {
            "metavar": "PICTURE",
            "help": "give the result the colours of this picture, how they are spread and no more: one change for all",
        },
        "--keyframe": {
            "action": "append",
            "metavar": "TIME=PICTURE",
            "help": "a frame of the result that you have painted, as 0:12.5=painted.png: the result passes through it, "
            "and it spreads along the motion; may be repeated",
        },
        "--mask-invert": {"action": "store_true", "help": "restyle everything but that"},
        "--mask-grow": {"type": _whole, "metavar": "PX", "help": "grow the mask by so many pixels; -3 shrinks it"},
        "--mask-feather": {
            "type": _number,
            "metavar": "PX",
            "help": "how softly it begins, inside its border: 6 pixels if not given, 0 cuts it out",
        },
    },
    "the footage": {
        "--cuts": {
            "metavar": "FILE",
            "help": "a text file that says where scenes change, one a line: a frame number, or seconds with a point "
            "(5.25); else they are found",
        },
        "--no-cuts": {"action": "store_true", "help": "the clip is one scene: look for no cuts"},
        "--rate": {"metavar": "FPS", "help": "how many stills are shown a second: 24, 23.976 or 24000/1001"},
        "--passes": {
            "metavar": "RENDER",
            "help": "the clip's own passes as EXR files, in a folder: motion, depth and outlines are taken from them",
        },
        "--reader": {"help": "which library decodes the clip: pyav reads everything, decord is the second opinion"},
    },
    "the job": {
        "--model": {"help": "a model by name (see `restyle models`) or its folder"},
        "--checkpoint": {
            "metavar": "FILE",
            "help": "another checkpoint in place of the model's own: a .safetensors file, a folder, or owner/name from "
            "the Hub (for AnimateDiff: any Stable Diffusion 1.5)",
        },
        "--lora": {
            "type": _lora,
            "action": "append",
            "metavar": "FILE:WEIGHT",
            "help": "a LoRA (.safetensors) and how strongly it is added, 1 if not given; may be repeated",
        },
        "--memory": {
            "metavar": "PLAN",
            "help": "auto looks at what is free, high is fastest, low keeps most of a model in main memory while a "
            "graphics card computes, and computes less at once",
        },
        "--device": {"help": "where to compute: auto takes a graphics card if there is one; cpu, cuda, cuda:1"},
        "--settings": {
            "type": Path,
            "metavar": "FILE",
            "help": "read settings from a TOML file, as strength = 0.5; what is given here wins",
        },
        "--fresh": {"action": "store_true", "help": "start over, and throw away what an earlier run has finished"},
        "--no-report": {"action": "store_true", "help": "do not judge the result in a few lines at the end"},
        "--json": {"dest": "as_json", "action": "store_true", "help": "tell progress and result as lines of JSON"},
    },
}

REPORT: dict[str, dict[str, object]] = {
    "-o --output": {
        "type": Path,
        "metavar": "PAGE.html",
        "help": "where to write the page; if not given, beside the result, and with --json not at all",
    },
    "--source": {"type": Path, "metavar": "CLIP", "help": "where the source is now, if it has moved"},
}

OPTIONS = [name for group in (*RUN.values(), REPORT) for names in group for name in names.split()]
OPTIONS = [*dict.fromkeys(OPTIONS), "--pull", "--help", "--version"]
