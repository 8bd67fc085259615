"""How steady restyled video is, against the truth: `python -m benchmarks.steadiness`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.steadiness import real
from benchmarks.steadiness.bounds import BOUNDS
from benchmarks.steadiness.clips import CACHE
from benchmarks.steadiness.controls import CONTROLS
from benchmarks.steadiness.injections import CASES, STRENGTHS
from benchmarks.steadiness.methods import METHODS
from benchmarks.steadiness.outputs import outputs, write_inputs
from benchmarks.steadiness.peers import PEERS, left_out
from benchmarks.steadiness.plot import quality_plot
from benchmarks.steadiness.report import (
    NOTE,
    difference_table,
    farther_table,
    figure_table,
    gate_table,
    quality_table,
    seam_table,
)
from benchmarks.steadiness.run import Plan, Row, run
from samples.kinds import Kind

USUAL = {**CONTROLS, **PEERS, **METHODS}
ALL = {**USUAL, **BOUNDS}
TABLES = ("all", "quality", "pairs", "gates", "seams", "figures", "farther")


def main(arguments: Sequence[str] | None = None) -> None:
    """This runs what is asked for and prints its tables."""
    chosen = _parser().parse_args(arguments)
    plan = _plan(chosen)
    if chosen.write_inputs:
        print(f"{write_inputs(plan, chosen.write_inputs)} trials in {chosen.write_inputs}")
        return
    absent = left_out()
    methods = {name: ALL[name] for name in chosen.methods if name not in absent}
    _tell((name, absent[name]) for name in chosen.methods if name in absent)
    if chosen.outputs:
        methods[chosen.outputs.name] = outputs(chosen.outputs)
    rows: list[Row] = []
    for row in run(plan, methods):
        rows.append(row)
        print(f"{row.clip} {row.case} {row.severity} {row.method}: Q {row.score.quality:.3f}", file=sys.stderr)
    print("\n\n".join(_tables(rows, chosen.table)), NOTE, sep="\n\n")
    if chosen.json:
        chosen.json.write_text(json.dumps([row.as_dict() for row in rows], indent=1))
    if chosen.plot:
        chosen.plot.write_text(quality_plot(rows))


def _tables(rows: list[Row], wanted: str) -> list[str]:
    tables = {"quality": quality_table, "pairs": difference_table, "gates": gate_table, "seams": seam_table,
              "figures": figure_table}  # fmt: skip
    if any(row.score.farther for row in rows):
        tables["farther"] = farther_table
    return [make(rows) for name, make in tables.items() if wanted in ("all", name)]


def _tell(absent: Iterable[tuple[str, str]]) -> None:
    for name, why in absent:
        print(f"left out: {name}: {why}", file=sys.stderr)


def _plan(chosen: argparse.Namespace) -> Plan:
    height, width = chosen.size
    flows = ("estimated", "true") if chosen.flow == "both" else (chosen.flow,)
    if chosen.suite == "B" and flows != ("estimated",):
        raise SystemExit("suite B is footage, whose true motion nobody knows: leave --flow out")
    seeds = _shots(chosen.seeds) if chosen.suite == "B" else tuple(chosen.seeds or range(len(Kind)))
    return Plan(seeds, tuple(chosen.cases), tuple(chosen.severity), chosen.frames, height, width,
                chosen.overlap, flows, chosen.farther, chosen.cache, chosen.suite)  # fmt: skip


def _shots(wanted: Sequence[int] | None) -> tuple[int, ...]:
    """This gives the numbers of the clips that are there, and says which are not."""
    names, absent = list(real.SHOTS), real.missing()
    numbers = range(len(names)) if wanted is None else wanted
    if any(not 0 <= number < len(names) for number in numbers):
        raise SystemExit(f"suite B has clips 0 to {len(names) - 1}")
    _tell((names[number], absent[names[number]]) for number in numbers if names[number] in absent)
    found = tuple(number for number in numbers if names[number] not in absent)
    if not found:
        raise SystemExit("none of these clips is here: suite B cannot run")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.steadiness", description=__doc__)
    parser.add_argument("--suite", default="A", choices=["A", "B"], help="A: drawn clips (default); B: real footage")
    parser.add_argument("--seeds", type=int, nargs="+", help="clips: in A kind = seed mod 12, in B the clips' numbers")
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--severity", nargs="+", default=["mid"], choices=list(STRENGTHS))
    parser.add_argument("--methods", nargs="*", default=list(USUAL), choices=list(ALL),
                        help="default: all but those that know a part of the answer")  # fmt: skip
    parser.add_argument("--size", type=int, nargs=2, default=[216, 384], metavar=("HEIGHT", "WIDTH"),
                        help="in B the longer of them is that of the clips")  # fmt: skip
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--flow", default="estimated", choices=["estimated", "true", "both"])
    parser.add_argument("--overlap", type=int, default=4, help="frames that chunks share")
    parser.add_argument("--farther", action="store_true", help="also what takes longer: tOF, long range, structure")
    parser.add_argument("--table", default="all", choices=TABLES)
    parser.add_argument("--json", type=Path, help="write every trial's figures there")
    parser.add_argument("--plot", type=Path, help="draw Q by case there, as SVG")
    parser.add_argument("--write-inputs", type=Path, metavar="FOLDER", help="write what other programs need; stop")
    parser.add_argument("--outputs", type=Path, metavar="FOLDER", help="also score what another program made of them")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where drawn clips are kept")
    return parser


if __name__ == "__main__":
    main()
