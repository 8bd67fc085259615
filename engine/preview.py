"""One frame restyled before the whole clip is: what the settings give in seconds, or all looks on a sheet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from engine.agreement import open_proxy
from engine.cache import MapCache
from engine.chunks import restyle_shot
from engine.diffusion import catalog
from engine.diffusion.stylizer import Stylizer
from engine.errors import SettingsError
from engine.joining import finished_frames
from engine.journal import Journal
from engine.licences import conditions
from engine.masks import masked
from engine.media import MediaInfo, Reader, as_jpeg, captioned, open_reader, scaled, source_files
from engine.naming import as_named, default_output, stem_of
from engine.parallel import load_model, workplaces
from engine.pipeline import set_up
from engine.plan import Plan, check_job
from engine.settings import Settings, look_names
from engine.sizes import choose_sizes
from engine.sources import open_sources
from engine.take import Take
from engine.telling import Progress, Report
from engine.timecode import frame_at
from engine.upsampling import delivered
from engine.windows import Span

QUALITY = 92  # of 100, as JPEG
COLUMNS = 3  # of pictures on a sheet
TILE = 480  # pixels of the longer side of each


def preview(
    source: Path,
    output: Path | None,
    settings: Settings,
    *,
    moment: Fraction | None = None,
    rate: Fraction | None = None,
    progress: Report = lambda progress: None,
) -> Path:
    """This restyles one frame of a clip and writes it beside its source as a picture, beside the `output` of the job.

    moment: seconds from the first frame, the clip's middle if None. Mask, control videos, passes and a painted frame of
    that moment count as in the job. What a job normalises over a shot is taken from that frame alone, and nothing is
    there yet to be steadied. Nothing of it stays but the picture, whose name is returned. `progress` is told what a
    person should know.

    Raises:
        RestyleError: with what is wrong, where, and what would work; all that the job would refuse is refused.
    """
    output = output or default_output(source, settings)
    if settings.reseed:
        seed = f"the preview is made with seed {settings.seed}: it knows no shots, to which seeds of their own belong"
        progress(Progress("restyling", 0, 0, seed))
    settings = as_named(settings, output)
    picture = output.with_name(f"{output.stem}.preview.jpg")
    _spare(source, picture, "preview")
    with open_reader(source, reader=settings.reader, rate=rate) as reader:
        number = _number(reader.info, moment)
        ((shown, made),) = _restyled(source, reader, number, {output: settings}, progress)
    picture.write_bytes(as_jpeg(_together(shown, made), QUALITY))
    return picture


def all_looks(
    source: Path,
    output: Path | None,
    settings: Settings,
    *,
    moment: Fraction | None = None,
    rate: Fraction | None = None,
    progress: Report = lambda progress: None,
) -> Path:
    """This shows one frame of a clip in every look that comes along: a sheet `CLIP.looks.jpg`, the source first.

    settings: of a job in any look. output: another name for it, a .jpg. The rest is as in `preview`.
    """
    if output is not None and output.suffix.lower() not in (".jpg", ".jpeg"):
        raise SettingsError(f"{output} is to be a sheet of pictures: give it a name that ends in .jpg.")
    stem = stem_of(source)
    picture = output or stem.with_name(f"{stem.name}.looks.jpg")
    _spare(source, picture, "sheet")
    names = look_names()
    asked = [replace(settings, look=name, look_file=None, prompt=None) for name in names]
    with open_reader(source, reader=settings.reader, rate=rate) as reader:
        number = _number(reader.info, moment)
        outputs = [picture.with_name(default_output(source, one).name) for one in asked]
        jobs = {output: as_named(one, output) for one, output in zip(asked, outputs, strict=True)}
        tiles: list[Tensor] = []
        for name, (shown, made) in zip(names, _restyled(source, reader, number, jobs, progress), strict=True):
            size = _fitted(*shown.shape[-2:])
            tiles = tiles or [captioned(scaled(shown[None], size)[0], stem.name)]
            tiles.append(captioned(scaled(made[None], size)[0], name))
            progress(Progress("restyling", len(tiles) - 1, len(names)))
    tiles += [torch.ones_like(tiles[0])] * (-len(tiles) % COLUMNS)
    rows = [torch.cat(tiles[first : first + COLUMNS], dim=2) for first in range(0, len(tiles), COLUMNS)]
    picture.write_bytes(as_jpeg(torch.cat(rows, dim=1), QUALITY))
    return picture


def _spare(source: Path, picture: Path, kind: str) -> None:
    """This refuses to write a picture over its source."""
    if picture.exists() and any(picture.samefile(file) for file in source_files(source)):
        raise SettingsError(f"{picture} is of the source itself; choose another name (-o) for the {kind}.")


def _restyled(
    source: Path, reader: Reader, number: int, jobs: Mapping[Path, Settings], progress: Report
) -> Iterator[tuple[Tensor, Tensor]]:
    """This gives a frame at the size of the result, and what each job by its output makes of it, `[3, H, W]` both.

    The model is the first job's.
    """

    def tell(words: str) -> None:
        progress(Progress("restyling", 0, 0, words))

    stylizer: Stylizer | None = None
    for output, settings in jobs.items():
        with ExitStack() as opened:
            sizes = choose_sizes(settings, reader.info, catalog.find(settings.model).side)
            check_job(source, output, settings, reader.info, sizes, fresh=True)
            proxy = open_proxy(reader, settings.passes, sizes.work, lambda done, total: None)
            folder = Path(opened.enter_context(TemporaryDirectory(prefix="restyle-")))
            at = workplaces(settings)[0]
            sources = opened.enter_context(open_sources(settings, reader, sizes, proxy, MapCache(folder), "", at))
            compose = opened.enter_context(masked(settings, sources, sizes.output))
            if stylizer is None:
                stylizer = load_model(settings)
                for words in conditions(settings):
                    tell(words)
            studio = replace(set_up(compose, stylizer, settings, sizes, Journal(folder, {})), announce=tell)
            frame = Span(number, number + 1)
            only = Plan(((Take(frame, frame, settings.seed),),), longest=1)
            list(restyle_shot(studio, only.shots[0], lambda span: 0))
            (made,) = finished_frames(studio, only, settings.steady)
            (result,) = delivered(made, number, reader, sizes.output, compose)
            yield scaled(reader.read(number, number + 1), sizes.output)[0], result[0]


def _number(info: MediaInfo, moment: Fraction | None) -> int:
    return info.frames // 2 if moment is None else frame_at(moment, info, f"The moment {float(moment):g} s")


def _together(source: Tensor, result: Tensor) -> Tensor:
    """This puts two pictures `[3, H, W]` of one size beside each other, or wide ones below each other."""
    height, width = source.shape[-2:]
    return torch.cat([source, result], dim=-2 if width > height else -1)


def _fitted(height: int, width: int) -> tuple[int, int]:
    """This is the size of a picture on a sheet."""
    share = min(1.0, TILE / max(height, width))
    return max(1, round(height * share)), max(1, round(width * share))
