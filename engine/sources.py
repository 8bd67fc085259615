"""What a job looks at, and where each of its controls comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.cache import MapCache
from engine.controls import load_drawers
from engine.diffusion.stylizer import Request
from engine.drawn import Drawn
from engine.errors import SettingsError
from engine.footage import Footage
from engine.given import Given
from engine.media import Reader
from engine.proxy import Proxy
from preprocessors.preprocessor import Preprocessor


@dataclass(frozen=True)
class Sources:
    """The clip, its render's passes and its control videos where there are any, and what is kept of drawn controls.

    mark: what the clip is known by in the cache. detectors: learned ones, by the control that they draw.
    """

    reader: Reader
    proxy: Proxy | None
    videos: Mapping[str, Given]
    cache: MapCache
    mark: str
    detectors: Mapping[str, str]

    def controls(self, request: Request, size: tuple[int, int]) -> dict[str, Given]:
        """This finds each control at `size`: a person's video, else the render's pass, else it is drawn."""
        footage = Footage(self.reader, size)
        drawers = find_drawers(request, self.videos, self.proxy, self.detectors)
        drawn = {name: Drawn(drawer, footage, self.cache, self.mark) for name, drawer in drawers.items()}
        known = {**drawn, **(self.proxy.givens() if self.proxy else {}), **self.videos}
        return {name: known[name] for name in request.active_controls}


def find_drawers(
    request: Request, videos: Mapping[str, Given], proxy: Proxy | None, detectors: Mapping[str, str]
) -> dict[str, Preprocessor]:
    """This makes what draws the controls that nobody has.

    Raises:
        SettingsError: nothing can draw one, or there is a video for one that is not followed.
        ModelError: weights are missing or damaged.
    """
    followed = set(request.active_controls)
    if unused := sorted(set(videos) - followed):
        raise SettingsError(
            f"There is a control video for {unused[0]}, but {unused[0]} is not followed. Say how closely: "
            f"--control {unused[0]}:0.8."
        )
    drawn = followed - set(videos) - set(proxy.givens() if proxy else ())
    estimated = set() if proxy else {"flow"}  # noise and steadying follow it, even if the picture does not
    if unused := sorted(set(detectors) - drawn - estimated):
        raise SettingsError(
            f"There is a detector for {unused[0]}, but nothing has to draw {unused[0]}. Leave it out, or follow it: "
            f"--control {unused[0]}:0.8."
        )
    return load_drawers(drawn, detectors)
