"""One control of a whole clip, written as a video or stills: what a job would be steered by, to the last bit."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from engine.agreement import open_proxy
from engine.cache import MapCache, cache_folder
from engine.controls import load_drawers
from engine.diffusion import catalog
from engine.drawn import BLOCK, Drawn, source_mark
from engine.errors import SettingsError
from engine.footage import Footage, slices
from engine.given import Given
from engine.media import MapWriter, check_map_output, open_reader
from engine.naming import stem_of
from engine.parallel import workplaces
from engine.settings import Settings
from engine.shots import find_shots
from engine.sizes import choose_sizes
from engine.telling import CUTS, PASSES, Progress, Report, told
from engine.windows import Span
from preprocessors.workplace import Workplace


def draw_control(
    source: Path,
    name: str,
    output: Path | None,
    settings: Settings,
    rate: Fraction | None,
    progress: Report,
) -> Path:
    """This writes control `name` of a clip, beside it if `output` is None, and gives the file's name.

    Of the settings it follows size, model (at whose size it is drawn), device (where a detector computes), cuts, reader
    and passes, of which it is taken if they have it; `rate` is that of stills. What is drawn is kept in the cache, so a
    job with this control on such a device need not draw it again.

    Raises:
        RestyleError: with what is wrong and what would work; before any work.
    """
    if settings.passes and settings.detectors:
        raise SettingsError(f"A control is drawn once: have {name} of the passes, or by the detector.")
    at = workplaces(settings)[0] if name in (settings.detectors or {}) else Workplace()
    drawer = load_drawers([name], settings.detectors, at)[name]
    stem = stem_of(source)
    output = output or stem.with_name(f"{stem.name}.{name}.mkv")
    check_map_output(output)
    if output.is_file():
        raise SettingsError(f"{output} is there already, perhaps changed by hand. Move it, or name another (-o).")
    with open_reader(source, reader=settings.reader, rate=rate) as reader:
        info = reader.info
        size = choose_sizes(settings, info, catalog.find(settings.model).side).work
        proxy = open_proxy(reader, settings.passes, size, told(progress, PASSES))
        shots = find_shots(settings.cuts, info.times, lambda: slices(reader, told(progress, CUTS)))
        mark, footage = source_mark(source, settings.reader), Footage(reader, size)
        control: Given = (proxy.givens() if proxy else {}).get(name) or Drawn(
            drawer, footage, MapCache(cache_folder() / "controls"), mark, at
        )
        with MapWriter(output, info, size) as writer:
            for shot in shots:
                fitted = control.fit(shot)
                for block in _blocks(shot):
                    writer.write(fitted(block, footage.read(block)))
                    progress(Progress(f"drawing {name}", block.stop, info.frames, " ".join(at.news())))
    return output


def _blocks(shot: Span) -> Iterator[Span]:
    for start in range(shot.start, shot.stop, BLOCK):
        yield Span(start, min(start + BLOCK, shot.stop))
