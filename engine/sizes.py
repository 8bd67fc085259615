"""In which sizes a job works and writes, and how a chunk is brought to what the model takes."""

from __future__ import annotations

from dataclasses import dataclass

from engine.diffusion.stylizer import Stylizer
from engine.errors import SettingsError
from engine.media import MediaInfo
from engine.settings import Settings
from engine.windows import Padding, Span


@dataclass(frozen=True)
class Sizes:
    """Heights and widths in pixels: of the result, and of the picture that the model works on."""

    output: tuple[int, int]
    work: tuple[int, int]


def choose_sizes(settings: Settings, info: MediaInfo, side: int) -> Sizes:
    """This takes the result's size from the settings or the source.

    A picture whose shorter side is longer than that of the settings, or else `side`, the model's, is made at that and
    brought to its size with the contours of the source.

    Raises:
        SettingsError: the result would be squashed.
    """
    height, width = settings.height or info.height, settings.width or info.width
    if abs(width - height * info.width / info.height) > max(1, 0.02 * width):
        scale = 2 * round(min(height, width) / 2) / min(info.height, info.width)
        fitting = "x".join(str(2 * round(side * scale / 2)) for side in (info.width, info.height))
        raise SettingsError(
            f"In {width}x{height} all would be squashed: {info.path.name} is {info.width}x{info.height}. "
            f"--size {fitting} keeps its shape; to show a part only, crop the clip first."
        )
    scale = min(1.0, (settings.side or side) / min(height, width))
    return Sizes((height, width), (max(1, round(height * scale)), max(1, round(width * scale))))


def padding_of(chunk: Span, sizes: Sizes, stylizer: Stylizer) -> Padding:
    """This says how a chunk is brought to what the model takes."""
    return Padding(len(chunk), *sizes.work, stylizer.rule)
