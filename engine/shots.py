"""Where the cuts are: every frame belongs to exactly one shot."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from torch import Tensor

from engine.errors import SettingsError
from engine.media.changes import changes
from engine.windows import Span

BESIDE = 2  # frames on either side that a change is compared with
LEAST_CHANGE = 15.0  # 8-bit levels
OVER_NEIGHBOURS = 3.0  # times


def detect_cuts(windows: Iterable[Tensor]) -> list[int]:
    """This finds the first frame of every shot but the first, in frames `[T, 3, H, W]` that are streamed by window.

    A frame begins a shot where it differs much from the one before, and several times as much as its neighbours from
    theirs: whip pans stay whole. The rule and its figures are those of PySceneDetect's adaptive detector. Before the
    first and after the last frame nothing changes, so that a cut may lie right beside them: a stray frame of the next
    scene is a common end of a clip.
    """
    found = [*([0.0] * BESIDE), *changes(windows), *([0.0] * BESIDE)]
    return [frame for frame in range(len(found) - 2 * BESIDE) if _stands_out(found[frame : frame + 2 * BESIDE + 1])]


def _stands_out(found: list[float]) -> bool:
    middle = found[BESIDE]
    beside = (sum(found) - middle) / (2 * BESIDE)
    return middle >= LEAST_CHANGE and middle >= OVER_NEIGHBOURS * beside


def read_cuts(path: Path, times: tuple[Fraction, ...]) -> list[int]:
    """This reads cuts from a text file, one a line: a frame number, or a time in seconds with a point (`5.25`).

    A time names the first frame that is shown at or after it, to half a millisecond. Empty lines and what follows a
    `#` are ignored.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = "it is not text" if isinstance(error, ValueError) else error.strerror
        raise SettingsError(f"The list of cuts {path} cannot be read: {why}.") from error
    cuts = set()
    for number, line in enumerate(lines, 1):
        entry = line.partition("#")[0].strip()
        if entry:
            cuts.add(_cut(entry, times, f"{path}, line {number}"))
    return sorted(cuts - {0})


def _cut(entry: str, times: tuple[Fraction, ...], where: str) -> int:
    try:
        value = Fraction(entry)
    except (ValueError, ZeroDivisionError) as error:
        raise SettingsError(f"{where}: {entry!r} is neither a frame number nor a time in seconds.") from error
    if "." in entry:
        start = times[0]
        frame = next((i for i, time in enumerate(times) if time - start >= value - Fraction(1, 2000)), len(times))
    else:
        frame = int(value)
    if not 0 <= frame < len(times):
        raise SettingsError(f"{where}: {entry} lies outside the clip, which has {len(times)} frames.")
    return frame


def shots_between(cuts: list[int], frames: int) -> list[Span]:
    """This turns cuts into the shots between them."""
    edges = [0, *cuts, frames]
    return [Span(a, b) for a, b in pairwise(edges)]


def find_shots(
    choice: str, times: tuple[Fraction, ...], windows: Callable[[], Iterable[Tensor]]
) -> list[Span]:
    """This gives the shots: found (`auto`), one for all (`none`), or read from a file of cuts (its path)."""
    if choice == "none":
        cuts: list[int] = []
    elif choice == "auto":
        cuts = detect_cuts(windows())
    else:
        cuts = read_cuts(Path(choice), times)
    return shots_between(cuts, len(times))
