"""Which control map a name stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from torch import Tensor

from engine.errors import SettingsError
from preprocessors.colour import blurred_colour
from preprocessors.lines import soft_lines

MAPS: Mapping[str, Callable[[Tensor], Tensor]] = {"edges": soft_lines, "colour": blurred_colour}


def check_controls(names: Iterable[str]) -> None:
    """This refuses controls that nothing here can draw."""
    unknown = sorted(set(names) - set(MAPS))
    if unknown:
        raise SettingsError(f"There is no control called {', '.join(unknown)}. There are: {', '.join(sorted(MAPS))}.")


def control_maps(names: Iterable[str], frames: Tensor) -> dict[str, Tensor]:
    """This draws the named maps `[T, 1 or 3, H, W]` of frames `[T, 3, H, W]`."""
    return {name: MAPS[name](frames) for name in names}
