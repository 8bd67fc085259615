"""Give footage another look, with the same motion, timing and sound.

    import restyle
    restyle.video("clip.mp4", look="comic")
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.pipeline import Progress, Result
from engine.pipeline import restyle as _restyle
from engine.settings import Look, Settings

__all__ = ["Look", "Progress", "Result", "Settings", "video"]


def video(
    source: str | Path,
    output: str | Path | None = None,
    *,
    fresh: bool = False,
    progress: Callable[[Progress], None] = lambda report: None,
    **settings: Any,  # noqa: ANN401 - the fields of Settings, which checks them
) -> Result:
    """This restyles a clip or stills into `output`, beside the source if None. `settings` are the fields of `Settings`.

    Raises:
        engine.errors.RestyleError: with what is wrong, where, and what would work.
    """
    where = None if output is None else Path(output)
    return _restyle(Path(source), where, Settings(**settings), fresh=fresh, progress=progress)
