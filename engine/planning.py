"""How the plan of a job comes about: cuts that are found or listed, and what an earlier run has finished."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from engine.chunks import Studio
from engine.footage import Looked, read_stills, slices
from engine.journal import CUTS, Journal
from engine.plan import Plan, longest_chunk
from engine.reseeding import read_reseeds, seeds_of
from engine.settings import Settings
from engine.shots import detect_cuts, list_cuts, listed_shots, shots_between


def make_plan(studios: Sequence[Studio], settings: Settings, looked: Looked, announce: Callable[[str], None]) -> Plan:
    """This plans a job, or goes on with its plan. With other cuts than before, shots between the same cuts stay.

    looked: hears through how many frames of how many has been looked, for cuts or for torn stills. announce: is told in
    words what a person should know.

    Raises:
        SettingsError: cuts cannot be read, or one shot is to have two seeds.
        MediaError: a still is torn.
        ResourceError: there is no room for what is planned.
    """
    first, ladders = studios[0], [studio.stylizer.memory for studio in studios]
    journal, stored = first.journal, first.journal.plan()
    before = None if stored is None else Plan.from_json(stored, journal.folder)
    found, info = before.found if before else None, first.reader.info
    if settings.cuts == "auto":
        found = _find_cuts(first, looked, announce) if found is None else found
        shots = shots_between(found, info.frames)
    else:
        shots = listed_shots(settings.cuts, info.times)
        if before is None:
            read_stills(first.reader, looked)
    if before:
        longest, eight_bits = before.longest, before.eight_bits
    else:
        longest = min(longest_chunk(studio.stylizer, studio.sizes) for studio in studios)
        eight_bits = all(ladder.plan.eight_bits for ladder in ladders)
    seeds, rule = seeds_of(shots, settings.seed, read_reseeds(settings.reseed, info)), first.stylizer.rule
    plan = Plan.of(shots, seeds, longest, rule, eight_bits=eight_bits, found=found)
    if plan.finished(journal) < plan.chunks:
        plan.keep_to_weights(ladders, journal.folder)
    if before and before.shots != plan.shots:
        announce(_kept(before, plan, journal))
    journal.store_plan(plan.to_json())
    return plan


def _find_cuts(studio: Studio, looked: Looked, announce: Callable[[str], None]) -> tuple[int, ...]:
    times = studio.reader.info.times
    cuts = detect_cuts(slices(studio.reader, looked))
    listed = shlex.quote(str(studio.journal.folder / CUTS))
    count = {0: "no cut", 1: "1 cut"}.get(len(cuts), f"{len(cuts)} cuts")
    correct = f"; to correct the list, change it and give --cuts {listed}" if cuts else ""
    if not studio.journal.store_cuts(list_cuts(cuts, times)):
        correct = f"; the other list that is there stays, to go by it give --cuts {listed}"
    announce(f"{count} found{correct}")
    return tuple(cuts)


def _kept(before: Plan, plan: Plan, journal: Journal) -> str:
    what = "cuts" if before.cuts != plan.cuts else "seeds"
    shots, kept = len(plan.shots), sum(all(map(journal.has, takes)) for takes in plan.shots)
    return f"other {what} than before: {kept} of {shots} shots are finished already and kept"
