"""Stills in a row: which files belong to it, in which order, and what is missing."""

from __future__ import annotations

import re
from pathlib import Path

from engine.errors import MediaError

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr")
NUMBERED = re.compile(r"(?P<head>.*?)(?P<number>\d+)(?P<tail>\D*\.\w+)")
PLACE = re.compile(r"%(?:0(\d+))?d")
SHOWN = 8  # names in a message
JOB = ".restyle"  # the folder beside a result is called as it is, and this


def is_sequence(path: Path) -> bool:
    """This says whether a path means stills: a folder, a pattern (`shot.%04d.png`), a glob, or one still."""
    if path.is_file():
        return path.suffix.lower() in SUFFIXES
    return path.is_dir() or PLACE.search(path.name) is not None or any(sign in path.name for sign in "*?[")


def find_stills(path: Path) -> tuple[Path, ...]:
    """This finds the stills that a path means, in the order of their numbers, which may begin anywhere.

    Of a folder, pictures that were made of its stills, with their jobs beside them, are left out.

    Raises:
        MediaError: there are none, a number is missing or there twice, or several sequences lie side by side.
    """
    if path.is_file():
        return (path,)
    files = _candidates(path)
    if not files and not path.suffix and not path.exists():
        raise MediaError(f"There is no folder {path}.")
    if not files:
        known = ", ".join(SUFFIXES)
        raise MediaError(f"{path} holds no stills. Known are: {known}. A clip is named itself, not by its folder.")
    numbers: dict[int, Path] = {}
    for file in files:
        number = _number(file, files, path)
        if number in numbers:
            raise MediaError(f"{path}: two stills have the number {number}: {numbers[number].name} and {file.name}.")
        numbers[number] = file
    missing = sorted(set(range(min(numbers), max(numbers))) - set(numbers))
    if missing:
        raise MediaError(f"{path}: stills are missing between {files[0].name} and {files[-1].name}: {_some(missing)}.")
    return tuple(numbers[number] for number in sorted(numbers))


def exr_sequences(path: Path) -> list[tuple[Path, ...]]:
    """This finds the EXR sequences in a folder and the folders in it, or the one that a pattern means.

    A still that stands alone beside sequences is a frame of none: a trial, a poster. Such ones are left out.
    """
    found = _exr_rows(path)
    return [files for files in found if len(files) > 1] or found


def lone_exrs(path: Path) -> tuple[Path, ...]:
    """This gives the stills that `exr_sequences` leaves out."""
    found = _exr_rows(path)
    return tuple(files[0] for files in found if len(files) == 1) if any(len(files) > 1 for files in found) else ()


def _exr_rows(path: Path) -> list[tuple[Path, ...]]:
    if not path.is_dir():
        return [find_stills(path)]
    folders = [path, *(one for one in path.iterdir() if one.is_dir() and not one.name.startswith("."))]
    files = sorted(file for folder in folders for file in folder.iterdir() if _is_exr(file))
    return [find_stills(pattern) for pattern in dict.fromkeys(map(sequence_pattern, files))]


def sequence_pattern(file: Path) -> Path:
    """This makes of `Depth0001.exr` the pattern `Depth%d.exr`: all files of its sequence."""
    name = NUMBERED.fullmatch(file.name)
    return file if name is None else file.with_name(f"{name['head']}%d{name['tail']}")


def _is_exr(file: Path) -> bool:
    return file.suffix.lower() == ".exr" and file.is_file() and not file.name.startswith(".")


def _candidates(path: Path) -> list[Path]:
    if not path.parent.is_dir():
        raise MediaError(f"There is no folder {path.parent}.")
    if path.is_dir():
        found = [file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")]
        found = [file for file in found if not file.with_name(file.name + JOB).is_dir()] or found
    elif place := PLACE.search(path.name):
        digits = rf"\d{{{place[1] or 1},}}"
        name = re.compile(re.escape(path.name[: place.start()]) + digits + re.escape(path.name[place.end() :]))
        found = [file for file in path.parent.iterdir() if name.fullmatch(file.name)]
    else:
        found = [file for file in path.parent.glob(path.name) if file.suffix.lower() in SUFFIXES]
    return sorted(file for file in found if file.is_file())


def _number(file: Path, files: list[Path], path: Path) -> int:
    """The last run of digits counts: `take2.1001.png` is number 1001 of `take2.*.png`."""
    if len(files) == 1:
        return 0
    mine, first = (NUMBERED.fullmatch(name) for name in (file.name, files[0].name))
    if mine is None or first is None:
        nameless = file if mine is None else files[0]
        raise MediaError(f"{path}: {nameless.name} has no number, so its place among {len(files)} stills is unknown.")
    if mine["head"] != first["head"] or mine["tail"] != first["tail"]:
        raise MediaError(f"{path} holds several sequences ({files[0].name}, {file.name}); name one by a pattern.")
    return int(mine["number"])


def _some(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:SHOWN]))
    return shown if len(numbers) <= SHOWN else f"{shown} and {len(numbers) - SHOWN} more"
