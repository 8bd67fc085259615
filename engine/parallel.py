"""Restyle the shots of a job, one after another on one device, or on several in parallel: each takes the longest left.

Shots have nothing in common but the journal, where every chunk has files of its own: who makes which does not show.
Threads do: what takes long is done by devices and libraries that leave the others to their work meanwhile. And threads
end with the program however it ends; processes might live on and write into the job that the next run goes on with.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue

import torch

from engine.ahead import ahead
from engine.beside import works_ahead
from engine.chunks import Finished, Prepared, Studio, prepared, restyled
from engine.diffusion import catalog
from engine.diffusion.loading import Options
from engine.diffusion.setup import find_devices
from engine.diffusion.stylizer import Stylizer
from engine.joining import overlaps
from engine.plan import Plan
from engine.settings import Settings
from engine.stoppable import Stoppable
from engine.take import Take
from preprocessors.workplace import Workplace

Tell = Callable[[], None]
"""Tells something, in the thread of whoever waits."""
Takes = tuple[Take, ...]
"""The chunks of a shot."""


def workplaces(settings: Settings) -> list[Workplace]:
    """This says for every device that was asked for where the detectors of its shots compute: there, too.

    Where models share a device one may be at work at any time, and detectors stay on the processor.
    """
    devices = find_devices(settings.device)
    return [Workplace(device if devices.count(device) == 1 else "cpu") for device in devices]


def load_models(settings: Settings) -> list[Stylizer]:
    """This loads the model once for every device that was asked for. Errors as of `catalog.load`."""
    return _load(settings, [str(device) for device in find_devices(settings.device)])


def load_model(settings: Settings) -> Stylizer:
    """This loads the model for the first of the devices that were asked for."""
    return _load(settings, [str(find_devices(settings.device)[0])])[0]


def _load(settings: Settings, devices: list[str]) -> list[Stylizer]:
    how = Options(memory=settings.memory, checkpoint=settings.checkpoint, loras=settings.loras)
    return [
        catalog.load(settings.model, replace(how, device=device, sharers=devices.count(device))) for device in devices
    ]


def restyle_shots(
    studios: Sequence[Studio], plan: Plan, announce: Callable[[str], None], advance: Callable[[float], None]
) -> Iterator[float]:
    """This restyles what is not finished of a plan, and gives the seconds in the model of each chunk as it is done.

    studios: one for each device, with a reader of its own; what they have to say goes to `announce` and `advance`, in
    this thread. An error of one stops the others, and so does an end of this generator: at once, as Ctrl-C would.
    """
    shots, longest = plan.shots, plan.most(studios[0].stylizer.rule)
    studios = [
        replace(one, ahead=works_ahead(one.stylizer, one.request, one.sizes, longest, len(studios))) for one in studios
    ]
    if len(studios) == 1:
        yield from _restyled(replace(studios[0], announce=announce, advance=advance), shots)
        return
    from engine.diffusion.quiet import quiet  # only now: diffusers takes seconds

    if (idle := len(studios) - len(shots)) > 0:
        count = "1 shot" if len(shots) == 1 else f"{len(shots)} shots"
        announce(f"{idle} of {len(studios)} devices stay idle: the clip has {count}, and each is made on one.")
    with quiet():  # or each would restore what it found, perhaps another's silence
        yield from _in_parallel([replace(one, announce=announce, advance=advance) for one in studios], shots)


def on_devices(stylizers: Sequence[Stylizer]) -> str:
    """This says in words which model computes where, and by which plan for memory."""
    plans: dict[str, list[str]] = {}
    for stylizer in stylizers:
        plans.setdefault(stylizer.memory.words, []).append(str(stylizer.memory.device))
    return "; ".join(f"{stylizers[0].name} on {' and '.join(where)}: {words}" for words, where in plans.items())


def _restyled(studio: Studio, shots: Iterable[Takes]) -> Iterator[float]:
    work = _prepared(studio, shots)
    return restyled(studio, ahead(work) if studio.ahead else work)


def _prepared(studio: Studio, shots: Iterable[Takes]) -> Generator[Prepared | Finished]:
    for takes in shots:
        yield from _prepared_shot(studio, takes)


def _prepared_shot(studio: Studio, takes: Takes) -> Generator[Prepared | Finished]:
    after = overlaps(takes)
    return prepared(studio, takes, lambda span: after[span.start])


def _in_parallel(studios: Sequence[Studio], shots: Sequence[Takes]) -> Iterator[float]:
    left: SimpleQueue[Takes] = SimpleQueue()
    for takes in sorted(shots, key=lambda takes: -sum(len(take.span) for take in takes)):
        left.put(takes)
    done: SimpleQueue[float | Tell | _Worker] = SimpleQueue()
    workers = [_Worker(studio, left, done) for studio in studios]
    for worker in workers:
        worker.start()
    try:
        working = len(workers)
        while working:
            match done.get():
                case _Worker() as worker:
                    working -= 1
                    if worker.error:
                        raise worker.error
                case float(seconds):
                    yield seconds
                case tell:
                    tell()
    finally:
        for worker in workers:
            worker.interrupt()
        for worker in workers:
            worker.join()


class _Worker(Stoppable):
    """One device at work. It puts into `done` a chunk's seconds, what it has to say, and itself when it ends."""

    def __init__(self, studio: Studio, left: SimpleQueue[Takes], done: SimpleQueue[float | Tell | _Worker]) -> None:
        device = studio.stylizer.memory.device
        super().__init__(f"restyle on {device}")
        self.error: Exception | None = None
        self._studio = replace(
            studio,
            announce=lambda words: done.put(partial(studio.announce, f"{device}: {words}")),
            advance=lambda frames: done.put(partial(studio.advance, frames)),
        )
        self._left = left
        self._done = done

    def work(self) -> None:
        """This works until no shot is left."""
        try:
            with _current(self._studio.stylizer.memory.device):
                self._make()
        except Exception as error:  # noqa: BLE001 - raised again by whoever waits for this worker
            self.error = error
        finally:
            self._done.put(self)

    def _make(self) -> None:
        while True:
            try:
                takes = self._left.get_nowait()
            except Empty:
                return
            for seconds in _restyled(self._studio, [takes]):
                self._done.put(seconds)


def _current(device: torch.device) -> AbstractContextManager[object]:
    """This makes a GPU the one that a thread's own kernels run on."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()
