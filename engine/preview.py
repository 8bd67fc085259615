"""One frame restyled before the whole clip is: what the settings give, in seconds."""

from __future__ import annotations

from collections.abc import Callable
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
from engine.joining import finished_frames
from engine.journal import Journal
from engine.licences import conditions
from engine.masks import masked
from engine.media import MediaInfo, as_jpeg, open_reader, scaled
from engine.parallel import load_model, workplaces
from engine.pipeline import Progress, set_up
from engine.plan import Plan, check_job, choose_sizes, default_output
from engine.settings import Settings
from engine.sources import open_sources
from engine.timecode import frame_at
from engine.upsampling import delivered
from engine.windows import Span

QUALITY = 92  # of 100, as JPEG


def preview(
    source: Path,
    output: Path | None,
    settings: Settings,
    *,
    moment: Fraction | None = None,
    rate: Fraction | None = None,
    progress: Callable[[Progress], None] = lambda progress: None,
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

    def tell(words: str) -> None:
        progress(Progress("restyling", 0, 0, words))

    with ExitStack() as opened:
        reader = opened.enter_context(open_reader(source, reader=settings.reader, rate=rate))
        number = _number(reader.info, moment)
        sizes = choose_sizes(settings, reader.info, catalog.find(settings.model).side)
        check_job(source, output, settings, reader.info, sizes, fresh=True)
        proxy = open_proxy(reader, settings.passes, sizes.work, lambda done, total: None)
        folder = Path(opened.enter_context(TemporaryDirectory(prefix="restyle-")))
        at = workplaces(settings)[0]
        sources = opened.enter_context(open_sources(settings, reader, sizes, proxy, MapCache(folder), "", at))
        compose = opened.enter_context(masked(settings, sources, sizes.output))
        stylizer = load_model(settings)
        for words in conditions(settings):
            tell(words)
        studio = replace(set_up(compose, stylizer, settings, sizes, Journal(folder, {})), announce=tell)
        only = Plan(((Span(number, number + 1),),))
        for shot, chunks in only.numbered():
            list(restyle_shot(studio, shot, chunks, lambda span: 0))
        (made,) = finished_frames(studio, only, settings.steady)
        (result,) = delivered(made, number, reader, sizes.output, compose)
        shown = scaled(reader.read(number, number + 1), sizes.output)
    picture = output.with_name(f"{output.stem}.preview.jpg")
    picture.write_bytes(as_jpeg(_together(shown[0], result[0]), QUALITY))
    return picture


def _number(info: MediaInfo, moment: Fraction | None) -> int:
    return info.frames // 2 if moment is None else frame_at(moment, info, f"The moment {float(moment):g} s")


def _together(source: Tensor, result: Tensor) -> Tensor:
    """This puts two pictures `[3, H, W]` of one size beside each other, or wide ones below each other."""
    height, width = source.shape[-2:]
    return torch.cat([source, result], dim=-2 if width > height else -1)
