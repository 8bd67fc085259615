"""What a job looks at, and where each of its controls comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from consistency.palette import Palette
from engine.cache import MapCache
from engine.colours import palette_of
from engine.controls import load_drawers
from engine.detectors import find_detector
from engine.diffusion.stylizer import Request
from engine.drawn import Drawn, control_videos
from engine.errors import SettingsError
from engine.footage import Footage
from engine.given import Given
from engine.keyframes import Keyframe, read_keyframes
from engine.media import Reader
from engine.proxy import Proxy
from engine.settings import Settings
from engine.sizes import Sizes
from preprocessors.preprocessor import Preprocessor
from preprocessors.workplace import Workplace


@dataclass(frozen=True)
class Sources:
    """The clip, what a person has given beside it, and what is kept of drawn controls.

    size: that is worked on. proxy: the passes of its render. mark: what the clip is known by in the cache. detectors:
    learned ones, by the control that they draw. keyframes: painted, at the size of the result. palette: the colours
    that the result is given. workplace: where detectors compute.
    """

    reader: Reader
    size: tuple[int, int]
    proxy: Proxy | None
    cache: MapCache
    mark: str
    videos: Mapping[str, Given]
    detectors: Mapping[str, str]
    keyframes: tuple[Keyframe, ...]
    palette: Palette | None
    workplace: Workplace = field(default_factory=Workplace)

    def controls(self, request: Request) -> dict[str, Given]:
        """This finds each control: a person's video, else the render's pass, else it is drawn."""
        footage = Footage(self.reader, self.size)
        plain = Workplace()
        drawn = {
            name: Drawn(drawer, footage, self.cache, self.mark, self.workplace if name in self.detectors else plain)
            for name, drawer in self.drawers(request).items()
        }
        known = {**drawn, **(self.proxy.givens() if self.proxy else {}), **self.videos}
        return {name: known[name] for name in request.active_controls}

    def drawers(self, request: Request) -> dict[str, Preprocessor]:
        """This makes what draws the controls that nobody has.

        Raises:
            SettingsError: nothing can draw one, or there is a video for one that is not followed.
            ModelError: weights are missing or damaged.
        """
        followed = set(request.active_controls)
        if unused := sorted(set(self.videos) - followed):
            raise SettingsError(
                f"There is a control video for {unused[0]}, but {unused[0]} is not followed. Say how closely: "
                f"--control {unused[0]}:0.8."
            )
        drawn = followed - set(self.videos) - set(self.proxy.givens() if self.proxy else ())
        # Noise and steadying follow the flow, even if the picture does not; of the mask `masked` takes care.
        others = {"mask"} if self.proxy else {"mask", "flow"}
        if unused := sorted(set(self.detectors) - drawn - others):
            raise SettingsError(
                f"There is a detector for {unused[0]}, but nothing has to draw {unused[0]}. Leave it out, or follow "
                f"it: --control {unused[0]}:0.8."
            )
        return load_drawers(drawn, self.detectors, self.workplace)


@contextmanager
def open_sources(
    settings: Settings,
    reader: Reader,
    sizes: Sizes,
    proxy: Proxy | None,
    cache: MapCache,
    mark: str,
    workplace: Workplace,
) -> Iterator[Sources]:
    """This opens what a job looks at beside its clip, and checks it against the clip.

    Raises:
        SettingsError: something does not fit the clip, or means nothing.
        MediaError: a file is missing or damaged.
        ModelError: a detector is not here.
    """
    for control, name in (settings.detectors or {}).items():
        find_detector(control, name)
    keyframes = read_keyframes(settings.keyframes, reader.info, sizes.output)
    palette = palette_of(settings.palette)
    with control_videos(settings.control_videos, reader.info, sizes.work) as videos:
        detectors = settings.detectors or {}
        yield Sources(reader, sizes.work, proxy, cache, mark, videos, detectors, keyframes, palette, workplace)
