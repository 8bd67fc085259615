"""Which preprocessor draws which control."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from engine.detectors import LEARNED, detectors_of, load_detector
from engine.errors import ModelError, SettingsError
from preprocessors.aligned_depth import AlignedDepth
from preprocessors.blur import Blur
from preprocessors.depth_network import DepthNet
from preprocessors.edges import Canny, SoftLines
from preprocessors.flow import DisFlow, FlowMap
from preprocessors.palette import Palette
from preprocessors.preprocessor import Preprocessor
from preprocessors.weights_file import mark_of
from preprocessors.workplace import Workplace

DEPTH = Path(__file__).parent / "starter" / "depth"


@cache
def load_depth(folder: Path) -> DepthNet:
    """This loads the depth network of a folder, whole or not at all."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        net = DepthNet(config["widths"], config["depths"], config["attention"])
        net.load_state_dict({name: weight.float() for name, weight in load_file(folder / "model.safetensors").items()})
    except FileNotFoundError as error:
        raise ModelError(f"There is no depth network at {folder}. Install again, or leave depth out.") from error
    except (ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"The depth network at {folder} is damaged: {error}. Install again.") from error
    return net.requires_grad_(False).eval()


AT_ONCE = 8  # frames

KINDS: Mapping[str, Callable[[], Preprocessor]] = {
    "blur": Blur,
    "canny": Canny,
    "colour": Palette,
    "depth": lambda: AlignedDepth(load_depth(DEPTH), weights=mark_of(DEPTH / "model.safetensors")),
    "edges": SoftLines,
    "flow": lambda: FlowMap(DisFlow()),
}


def load_drawers(
    names: Iterable[str], detectors: Mapping[str, str] | None = None, at: Workplace | None = None
) -> dict[str, Preprocessor]:
    """This makes the preprocessors of these controls; `detectors` names learned ones for some of them.

    at: where those compute, the processor if None.

    Raises:
        SettingsError: nothing here can draw one of them.
        ModelError: the weights of one are missing or damaged.
    """
    chosen, learned = sorted(set(names)), detectors or {}
    unknown = [name for name in chosen if name not in KINDS and name not in learned]
    if unknown and (able := detectors_of(unknown[0])):
        raise SettingsError(
            f"A learned detector draws {unknown[0]} ({', '.join(able)}). Name one: --detector {unknown[0]}={able[0]}; "
            f"or give your own (--control-video {unknown[0]}=FILE)."
        )
    if unknown:
        raise SettingsError(
            f"There is no control called {', '.join(unknown)}. There are: {', '.join(KINDS)}; with a detector also "
            f"{', '.join(LEARNED)}; or give your own (--control-video {unknown[0]}=FILE)."
        )
    at = at or Workplace()
    return {name: load_detector(name, learned[name], at) if name in learned else KINDS[name]() for name in chosen}


def draw(name: str, clip: Tensor) -> Tensor:
    """This draws one control `[T, 1 or 3, H, W]` of a whole shot `[T, 3, H, W]` (or picture, T = 1), fitted to it."""
    return draw_window(load_drawers([name])[name].fit([clip]), clip)


def draw_window(drawer: Preprocessor, frames: Tensor, before: int = 0, number: int = 0) -> Tensor:
    """This draws the maps `[T, 1 or 3, H, W]` of frames `[before + T, 3, H, W]`, the first only to look back on.

    number: which frame of its shot the first drawn one is.
    A few frames at once: a chunk's worth of intermediate pictures takes more memory than its maps.
    """
    maps: Tensor | None = None
    for start in range(before, len(frames), AT_ONCE):
        known = min(start, drawer.lookbehind)
        few = drawer(frames[start - known : start + AT_ONCE], number + start - before - known)[known:]
        maps = few.new_empty(len(frames) - before, *few.shape[1:]) if maps is None else maps
        maps[start - before : start - before + AT_ONCE] = few
    assert maps is not None
    return maps
