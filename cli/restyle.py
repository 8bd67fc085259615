"""The command line: one boundary between people and the engine.

torch and the models are imported inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from contextlib import redirect_stdout
from enum import IntEnum
from typing import Any

from cli.arguments import parse
from cli.output import Aside, tell
from engine.errors import JobError, MediaError, ModelError, ResourceError, RestyleError, SettingsError, is_full


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


def main() -> None:
    """This runs the command line and ends the program."""
    _share_cores()
    _hush_opencv()
    status = _guarded(sys.argv[1:])
    if status == Exit.INTERRUPTED and os.name == "posix":
        _end_by_ctrl_c()
    sys.exit(status)


def _end_by_ctrl_c() -> None:
    """This ends the program by the signal itself, which a shell reads as 130.

    Where a program only exits with 130, a shell's loop over many clips goes on with the next one.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.raise_signal(signal.SIGINT)


def _share_cores() -> None:
    """This lets torch's threads on Linux wait asleep, unless someone has decided how they wait.

    They would else spin for their slower neighbours, and with one of two cores busy a job would take ten times as long
    and more. To be called before torch is imported.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def _hush_opencv() -> None:
    """This has OpenCV say nothing of a torn picture, unless someone has decided what it says: the error names the file.

    To be called before it is imported.
    """
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")


def _guarded(words: list[str]) -> int:
    """This turns errors into one line on standard error, and an exit status."""
    try:
        chosen = parse(words)
        with redirect_stdout(Aside(sys.stdout)):
            _obey(chosen)
        sys.stdout.flush()
    except RestyleError as error:
        return _refuse(str(error), error.exit_code)
    except BrokenPipeError:  # `restyle looks | head -1`: nobody listens any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except OSError as error:
        if is_full(error):
            where = f" of {error.filename}" if error.filename else ""
            return _refuse(f"The disk{where} is full. Make room, and give the same command again.", Exit.RESOURCES)
        return _refuse(f"{error.filename or 'A file'}: {error.strerror or error}.", Exit.MEDIA)
    except KeyboardInterrupt as stop:
        return _refuse(f"stopped. {stop}", Exit.INTERRUPTED)
    return Exit.OK


def _refuse(message: str, status: int) -> int:
    print(f"restyle: {' '.join(message.split())}", file=sys.stderr)
    return status


def _obey(chosen: argparse.Namespace) -> None:
    match chosen.command:
        case "run":
            from cli.job import run_job

            run_job(chosen)
        case "proxy":
            from cli.job import run_job
            from cli.render import as_clip

            run_job(as_clip(chosen), named=chosen.clip)
        case "report":
            from cli.report import report

            _tell(report(chosen), chosen.as_json)
        case "controls":
            from cli.controls import write_control

            write_control(chosen)
        case "probe":
            from cli.about import describe_clip

            _tell(describe_clip(chosen.clip), chosen.as_json)
        case "looks":
            from cli.looks import listed, show_looks

            if chosen.clip:
                show_looks(chosen)
            else:
                _tell(listed(), chosen.as_json)
        case "models":
            _models(chosen)
        case "doctor":
            from cli.about import examine

            _tell(examine(), chosen.as_json)
        case _:
            from cli.about import version

            tell(version())


def _models(chosen: argparse.Namespace) -> None:
    from cli.about import describe_detectors, describe_models, models_table, pull_model

    if chosen.pull:
        tell(pull_model(chosen.pull))
    elif chosen.as_json:
        tell(json.dumps({"models": describe_models(), "detectors": describe_detectors()}))
    else:
        tell(models_table())


def _tell(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        tell(json.dumps(facts, default=str))
        return
    width = max((len(name) for name in facts), default=0)
    for name, value in facts.items():
        tell(f"{name:<{width}}  {value}")


if __name__ == "__main__":
    main()
