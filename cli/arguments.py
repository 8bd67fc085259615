"""What can be typed after `restyle`: its commands, each with its options from `cli.options`.

Nothing heavy is imported here, so that `--help` answers at once. What a value may be is checked by `engine.settings`,
the same for Python, TOML and here; this only reads words and numbers.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn

from cli.options import OPTIONS, REPORT, RUN
from cli.words import moment
from engine.errors import SettingsError, did_you_mean

COMMANDS = {
    "run": "restyle a clip; `restyle CLIP` is short for it, and `restyle run --help` lists all options",
    "proxy": "restyle a render by its own passes: exact motion, depth and outlines from its EXR files",
    "report": "judge a finished job: which seams can be seen, what was kept; as a page, in words or as JSON",
    "controls": "write a control as a video, to look at or to change and hand in again: depth, edges, flow ...",
    "probe": "say what a clip is: size, frames, times, colour, sound",
    "looks": "list the looks; with a CLIP, show one frame of it in all of them",
    "models": "list the models: whether each is here and fits this machine; --pull NAME fetches one",
    "doctor": "say what this machine can run, and why not",
}

EXAMPLES = """\
examples:
  restyle clip.mp4 --look comic                      writes clip.comic.mp4 beside the clip
  restyle clip.mp4 --look oil --strength 0.5         stays closer to the footage
  restyle photo.jpg --look ink                       writes photo.ink.png; -o ink.jpg writes that
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
        return (
            f"What is {word!r}? One clip can be given, and every option before its value; quote names with spaces, "
            "and of stills name the folder, or all by one pattern, as shot.%04d.png."
        )
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
    _add_looks(made["looks"])
    made["probe"].add_argument("clip", type=Path, metavar="CLIP", help=CLIP)
    made["models"].add_argument(
        "--pull", metavar="NAME", help="fetch a model: a name from this list, or owner/name from the Hub"
    )
    for name in ("report", "probe", "looks", "models", "doctor"):
        made[name].add_argument("--json", dest="as_json", action="store_true", help="answer as JSON, for machines")
    return parser


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


CLIP = "a clip, a picture, a folder of numbered stills, or stills as shot.%%04d.png"


RENDER = "a folder of EXR files with the passes Combined, Depth and Vector, or one sequence as render/frame.%%d.exr"


def _add_run(parser: argparse.ArgumentParser, clip: str, what: str) -> None:
    parser.add_argument("clip", type=Path, metavar=clip, help=what)
    for title, options in RUN.items():
        group = parser.add_argument_group(title)
        for names, how in options.items():
            group.add_argument(*names.split(), **how)  # type: ignore[arg-type]  # a table of keywords


def _add_controls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("clip", type=Path, metavar="CLIP", help=CLIP)
    parser.add_argument(
        "--control",
        required=True,
        action="append",
        metavar="NAME",
        help="which: depth, edges, canny, colour, blur, flow",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="an .mkv, or a folder of PNG; if not given, beside the clip"
    )
    _add_of_run(
        parser,
        *("--detector", "--device", "--size", "--side", "--cuts", "--no-cuts", "--rate", "--passes", "--reader"),
        "--model",
    )


def _add_of_run(parser: argparse.ArgumentParser, *wanted: str) -> None:
    for group in RUN.values():
        for name in wanted:
            if name in group:
                parser.add_argument(name, **group[name])  # type: ignore[arg-type]  # a table of keywords


def _add_looks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("clip", type=Path, nargs="?", metavar="CLIP", help=CLIP)
    parser.add_argument("--at", type=moment, metavar="TIME", help="which frame, as 0:12.5; if not given, the middle")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="a .jpg; if not given, beside the clip")
    _add_of_run(parser, "--model", "--device", "--memory", "--side", "--size", "--seed", "--rate", "--reader")


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", type=Path, metavar="JOB", help="a result, or the folder <result>.restyle beside it")
    for names, how in REPORT.items():
        parser.add_argument(*names.split(), **how)  # type: ignore[arg-type]  # a table of keywords
