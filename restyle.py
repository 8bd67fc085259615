"""Give footage another look, with the same motion, timing and sound.

From a file to a file, or frame by frame:

    import restyle
    restyle.video("clip.mp4", look="comic")

    for part in restyle.frames(mine, look="comic"):  # mine: [T, 3, H, W], 0 to 1
        ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from torch import Tensor

from engine.pipeline import restyle as _restyle
from engine.pipeline import restyle_frames
from engine.settings import Look, Settings
from engine.telling import Progress, Result

__all__ = ["Look", "Progress", "Result", "Settings", "frames", "video"]


def video(
    source: str | Path,
    output: str | Path | None = None,
    *,
    rate: Fraction | int | None = None,
    fresh: bool = False,
    progress: Callable[[Progress], None] = lambda report: None,
    **settings: Any,  # noqa: ANN401 - the fields of Settings, which checks them
) -> Result:
    """This restyles a clip or stills into `output`, beside the source if None. `settings` are the fields of `Settings`.

    rate: how many stills are shown a second, 24 if None; a clip has its own times. fresh: throw away what an earlier
    run of the same job has finished.

    Raises:
        engine.errors.RestyleError: with what is wrong, where, and what would work.
    """
    where = None if output is None else Path(output)
    shown = None if rate is None else Fraction(rate)
    return _restyle(Path(source), where, Settings(**settings), fresh=fresh, rate=shown, progress=progress)


def frames(
    source: Tensor,
    *,
    rate: Fraction | int = 24,
    progress: Callable[[Progress], None] = lambda report: None,
    **settings: Any,  # noqa: ANN401 - the fields of Settings, which checks them
) -> Iterator[Tensor]:
    """This restyles frames `[T, 3, H, W]`, RGB, 0 to 1, at `rate` a second, and gives `[N, 3, H, W]`, a few at a time.

    Bad input is refused at once; the work begins when the first frames are asked for. `settings` are the fields of
    `Settings`; `codec` and `reader` mean nothing here.

    Raises:
        engine.errors.RestyleError: with what is wrong and what would work.
    """
    return restyle_frames(source, Settings(**settings), rate=Fraction(rate), progress=progress)
