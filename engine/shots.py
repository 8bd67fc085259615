"""Where the cuts are: every frame belongs to exactly one shot."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from consistency.flashes import Sight, without_flashes
from engine.errors import SettingsError
from engine.windows import Span

BESIDE = 2  # frames on either side that a change is compared with
DETECTION_HEIGHT = 180  # pixels: cuts are seen at thumbnail size, and twenty times faster


def detect_cuts(windows: Iterable[Tensor]) -> list[int]:
    """This finds the first frame of every shot but the first, in frames `[T, 3, H, W]` that are streamed by window.

    PySceneDetect's content detector, fed frame by frame: its scores compare a frame with the one before it, so a cut
    is placed on the exact frame. Its adaptive form asks for a window of such scores and keeps whip pans whole. It does
    not see flashes: without them it tells whether the scene is another one.
    """
    from scenedetect import FrameTimecode
    from scenedetect.detectors import AdaptiveDetector

    detector = AdaptiveDetector(min_scene_len=1, window_width=BESIDE)
    seen: deque[Sight] = deque(maxlen=BESIDE + 1)
    cuts: set[int] = set()
    for number, sight in enumerate(_drawn_out(without_flashes(_thumbnails(windows)))):
        seen.append(sight)
        if detector.process_frame(FrameTimecode(number, 25.0), sight.glimpse.picture) and not seen[0].same:
            cuts.add(seen[0].begins)  # it judges the frame before the last BESIDE ones
    return sorted(cuts)


def _drawn_out(sights: Iterable[Sight]) -> Iterator[Sight]:
    """This shows the first and the last picture longer, so that a cut may lie right beside them.

    A stray frame of the next scene is a common end of a clip.
    """
    last = None
    for sight in sights:
        if last is None:
            yield from [sight] * BESIDE
        yield sight
        last = sight
    if last is not None:
        yield from [last] * BESIDE


def _thumbnails(windows: Iterable[Tensor]) -> Iterator[np.ndarray]:
    for frames in windows:
        height, width = frames.shape[-2:]
        scale = min(1.0, DETECTION_HEIGHT / min(height, width))
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        small = F.interpolate(frames, size=size, mode="area")
        for picture in (small * 255).round().byte().flip(1).permute(0, 2, 3, 1):
            yield np.ascontiguousarray(picture.numpy())  # as PySceneDetect wants it: BGR


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


def list_cuts(cuts: Sequence[int], times: tuple[Fraction, ...]) -> str:
    """This writes cuts as `read_cuts` reads them, each with its time in seconds."""
    lines = [f"{cut}  # {float(times[cut] - times[0]):.3f} s" for cut in cuts]
    return "\n".join(["# Frames at which a scene begins, but the first.", *lines]) + "\n"


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


def shots_between(cuts: Sequence[int], frames: int) -> list[Span]:
    """This turns cuts into the shots between them."""
    edges = [0, *cuts, frames]
    return [Span(a, b) for a, b in pairwise(edges)]


def listed_shots(choice: str, times: tuple[Fraction, ...]) -> list[Span]:
    """This gives the shots without looking: one for all (`none`), or read from a file of cuts (its path)."""
    return shots_between([] if choice == "none" else read_cuts(Path(choice), times), len(times))


def find_shots(choice: str, times: tuple[Fraction, ...], windows: Callable[[], Iterable[Tensor]]) -> list[Span]:
    """This gives the shots: found (`auto`), or as `listed_shots` does."""
    return shots_between(detect_cuts(windows()), len(times)) if choice == "auto" else listed_shots(choice, times)
