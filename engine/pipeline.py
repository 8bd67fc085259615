"""The way of a frame, on one screen: read, shots, windows, controls, diffusion, seams, steady, write."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import Tensor

from consistency.finish import Finish
from consistency.palette import Duotone
from engine.agreement import open_proxy
from engine.beside import writes_beside
from engine.cache import MapCache, cache_folder
from engine.checks import read_duotone
from engine.chunks import Studio
from engine.diffusion import catalog
from engine.diffusion.stylizer import Stylizer
from engine.drawn import source_mark
from engine.identity import identity_of, result_mark
from engine.joining import finished_frames
from engine.journal import Journal
from engine.licences import conditions
from engine.masks import Compose, masked, masked_beside
from engine.media import TensorReader, open_reader
from engine.motion import estimated, same_for_all
from engine.naming import as_named, default_output, job_folder
from engine.parallel import load_models, on_devices, restyle_shots, workplaces
from engine.plan import Plan, check_job, check_moments, look_of, make_request
from engine.planning import make_plan
from engine.room import bytes_of_job, bytes_of_result, bytes_there, check_room
from engine.settings import Look, Settings
from engine.sizes import Sizes, choose_sizes
from engine.sources import open_sources
from engine.telling import CUTS, MASK, PASSES, STILLS, WRITING, Progress, Report, Result, noted, silent, told
from engine.upsampling import delivered
from engine.writing import Delivery, Desk


def restyle(
    source: Path,
    output: Path | None,
    settings: Settings,
    *,
    fresh: bool = False,
    rate: Fraction | None = None,
    progress: Report = silent,
) -> Result:
    """This restyles a clip (or stills) into `output`, beside the source if None, and tells `progress` on the way.

    All that can be refused is refused before a frame is restyled. What is finished stays in the folder
    `<output>.restyle`: the same call goes on after a stop anywhere, and gives the same frames.

    Raises:
        RestyleError: with what is wrong, where, and what would work.
    """
    started = time.monotonic()
    output = output or default_output(source, settings)
    settings = as_named(settings, output)
    with ExitStack() as opened:
        read = partial(open_reader, source, reader=settings.reader, rate=rate)
        reader = opened.enter_context(read())
        sizes = choose_sizes(settings, reader.info, catalog.find(settings.model).side)
        warnings = check_job(source, output, settings, reader.info, sizes, fresh)
        proxy = open_proxy(reader, settings.passes, sizes.work, told(progress, PASSES))
        cache, mark = MapCache(cache_folder() / "controls"), source_mark(source, settings.reader)
        beside = partial(open_sources, settings, sizes=sizes, proxy=proxy, cache=cache, mark=mark)
        first, *others = workplaces(settings)
        sources = [opened.enter_context(beside(reader, workplace=first))]
        parts = [opened.enter_context(masked(settings, sources[0], sizes.output, told(progress, MASK)))]
        stylizers = load_models(settings)
        _tell_licences(settings, progress)
        for one in others:
            sources.append(opened.enter_context(beside(opened.enter_context(read()), workplace=one)))
        parts += [opened.enter_context(masked_beside(parts[0], one)) for one in sources[1:]]
        identity = identity_of(source, settings, stylizers[0], sizes, rate)
        journal = Journal(job_folder(output), identity)
        pairs = zip(parts, stylizers, strict=True)
        studios = [set_up(part, stylizer, settings, sizes, journal) for part, stylizer in pairs]
        with journal.locked():
            journal.begin(fresh, settings.to_toml())
            plan = _planned(studios, settings, progress)
            resumed = plan.finished(journal)
            asked = result_mark(identity, settings, plan)
            seconds, freed = 0.0, bytes_there(journal.folder) if fresh else 0
            if resumed == plan.chunks and journal.is_finished(output, asked):
                warnings += (f"{output} is finished already, and stays. Delete it to have it written again.",)
            else:
                need = bytes_of_job(plan.shots, journal.has, sizes.work, stylizers[0])
                check_room(output, need + bytes_of_result(settings.codec, reader.info.frames, sizes.output) - freed)
                journal.make_way()
                delivery, desk = Delivery(studios[0], plan, output, settings, parts[0]), None
                if _writes_beside(studios, plan):
                    sources.append(replace(sources[0], reader=opened.enter_context(read())))
                    desk = Desk(opened.enter_context(delivery.read_by(sources[-1].reader)))
                seconds = _make(studios, delivery, desk, resumed, progress)
                journal.finish(source, output, asked, plan.takes)
        seen = max((one.reader.warnings for one in sources), key=len)
        notes = (*warnings, *(proxy.passes.notes if proxy else ()), *seen, *cache.notes)
        return Result(
            output=output,
            frames=reader.info.frames,
            shots=len(plan.shots),
            chunks=plan.chunks,
            resumed_chunks=resumed,
            seconds=time.monotonic() - started,
            model_seconds=seconds,
            warnings=tuple(dict.fromkeys(notes)),
        )


def restyle_frames(
    frames: Tensor, settings: Settings, *, rate: Fraction = Fraction(24), progress: Report = silent
) -> Iterator[Tensor]:
    """This restyles frames `[T, 3, H, W]`, 0 to 1, that are shown at `rate` a second, and gives them a few at a time.

    What is wrong with frames or settings is said at once; then nothing is computed before the first frames are asked
    for. No audio, no file, no resuming: what the work needs on disk lies in a temporary folder.

    Raises:
        RestyleError: with what is wrong and what would work.
    """
    reader = TensorReader(frames, rate)
    sizes = choose_sizes(settings, reader.info, catalog.find(settings.model).side)
    proxy = open_proxy(reader, settings.passes, sizes.work, told(progress, PASSES))
    beside = partial(open_sources, settings, reader, sizes, proxy, mark="")
    places = workplaces(settings)
    check_moments(settings, reader.info)
    with beside(cache=MapCache(Path()), workplace=places[0]) as known:
        with masked(settings, known, sizes.output):  # else refused now
            stylizers = load_models(settings)
        _tell_licences(settings, progress)
        known.drawers(make_request(settings, stylizers[0]))

    def finished() -> Iterator[Tensor]:
        with ExitStack() as opened:
            finding = told(progress, MASK)
            folder = Path(opened.enter_context(TemporaryDirectory(prefix="restyle-")))
            sources = [opened.enter_context(beside(cache=MapCache(folder), workplace=one)) for one in places]
            parts = [opened.enter_context(masked(settings, sources[0], sizes.output, finding))]
            parts += [opened.enter_context(masked_beside(parts[0], one)) for one in sources[1:]]
            journal, pairs = Journal(folder, {}), zip(parts, stylizers, strict=True)
            studios = [set_up(part, stylizer, settings, sizes, journal) for part, stylizer in pairs]
            plan = _planned(studios, settings, progress)
            _diffuse(studios, plan, 0, progress)
            done = 0
            for led in finished_frames(studios[0], plan, settings.steady):
                _tell_news(studios[0], progress)
                yield from delivered(led, done, reader, sizes.output, parts[0])
                done += len(led.frames)

    return finished()


def _planned(studios: list[Studio], settings: Settings, progress: Report) -> Plan:
    stage = CUTS if settings.cuts == "auto" else STILLS
    return make_plan(studios, settings, told(progress, stage), noted(progress, stage))


def _tell_licences(settings: Settings, progress: Report) -> None:
    for words in conditions(settings):
        progress(Progress("loading", 0, 0, words))


def _tell_news(studio: Studio, progress: Report) -> None:
    for words in studio.workplace.news():
        progress(Progress(WRITING, 0, 0, words))


def set_up(part: Compose, stylizer: Stylizer, settings: Settings, sizes: Sizes, journal: Journal) -> Studio:
    """This puts together what restyling a chunk needs. part: of the picture, that is restyled."""
    request, sources = make_request(settings, stylizer), part.sources
    controls, proxy, look = sources.controls(request), sources.proxy, look_of(settings, stylizer)
    motions = same_for_all(proxy) if proxy else estimated(sources.detectors.get("flow"), sources.workplace)
    return Studio(
        reader=sources.reader,
        stylizer=stylizer,
        request=request,
        journal=journal,
        sizes=sizes,
        motions=motions,
        controls=controls,
        keyframes=sources.keyframes,
        palette=sources.palette,
        duotone=Duotone(*read_duotone(look.duotone)) if look and look.duotone else None,
        finish=_finish(look, stylizer),
        inside=part.inside if stylizer.capabilities.masks else None,
        workplace=sources.workplace,
    )


def _finish(look: Look | None, stylizer: Stylizer) -> Finish | None:
    """This is how a look has the frames of a model that needs it gone over."""
    return Finish(**look.finish) if look and look.finish and stylizer.defaults.finished else None


def _writes_beside(studios: list[Studio], plan: Plan) -> bool:
    first = studios[0]
    return writes_beside(first.stylizer, first.request, first.sizes, plan.most(first.stylizer.rule), len(studios))


def _make(studios: list[Studio], delivery: Delivery, desk: Desk | None, resumed: int, progress: Report) -> float:
    """This makes the chunks that are missing and writes the result, at a desk meanwhile if there is one."""
    with desk or nullcontext():
        seconds = _diffuse(studios, delivery.plan, resumed, progress, desk.check if desk else lambda: None)
        for done in desk.rest() if desk else delivery.written():
            _tell_news(studios[0], progress)
            progress(Progress(WRITING, done, studios[0].reader.info.frames))
    return seconds


def _diffuse(
    studios: list[Studio], plan: Plan, resumed: int, progress: Report, check: Callable[[], None] = lambda: None
) -> float:
    """This makes the chunks that are missing, and gives the seconds in the model. check: of what is done beside."""
    total = sum(len(take.span) for take in plan.takes)
    done: float = sum(len(take.span) for take in plan.takes if studios[0].journal.has(take))

    def advance(frames: float) -> None:
        nonlocal done
        check()
        done += frames
        progress(Progress("restyling", int(done + 1e-6), total))  # parts of a frame add up to a hair less than one

    progress(Progress("restyling", int(done), total, on_devices([studio.stylizer for studio in studios])))
    if resumed:
        progress(Progress("restyling", 0, 0, f"going on: {resumed} of {plan.chunks} chunks are finished"))
    return sum(restyle_shots(studios, plan, noted(progress, "restyling"), advance))
