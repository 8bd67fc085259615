"""How steady restyled video is, against the truth: `python -m benchmarks.steadiness`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.steadiness.clips import CACHE
from benchmarks.steadiness.controls import CONTROLS
from benchmarks.steadiness.injections import CASES, STRENGTHS
from benchmarks.steadiness.methods import METHODS
from benchmarks.steadiness.outputs import outputs, write_inputs
from benchmarks.steadiness.plot import quality_plot
from benchmarks.steadiness.report import NOTE, farther_table, figure_table, gate_table, quality_table, seam_table
from benchmarks.steadiness.run import Plan, Row, run

ALL = {**CONTROLS, **METHODS}


def main(arguments: Sequence[str] | None = None) -> None:
    """This runs what is asked for and prints its tables."""
    chosen = _parser().parse_args(arguments)
    plan = _plan(chosen)
    if chosen.write_inputs:
        print(f"{write_inputs(plan, chosen.write_inputs)} trials in {chosen.write_inputs}")
        return
    methods = {name: ALL[name] for name in chosen.methods}
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
    tables = {"quality": quality_table, "gates": gate_table, "seams": seam_table, "figures": figure_table}
    if any(row.score.farther for row in rows):
        tables["farther"] = farther_table
    return [make(rows) for name, make in tables.items() if wanted in ("all", name)]


def _plan(chosen: argparse.Namespace) -> Plan:
    height, width = chosen.size
    flows = ("estimated", "true") if chosen.flow == "both" else (chosen.flow,)
    return Plan(tuple(chosen.seeds), tuple(chosen.cases), tuple(chosen.severity), chosen.frames, height, width,
                chosen.overlap, flows, chosen.farther, chosen.cache)  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.steadiness", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(12)), help="clips; kind = seed mod 12")
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--severity", nargs="+", default=["mid"], choices=list(STRENGTHS))
    parser.add_argument("--methods", nargs="*", default=list(ALL), choices=list(ALL))
    parser.add_argument("--size", type=int, nargs=2, default=[216, 384], metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--flow", default="estimated", choices=["estimated", "true", "both"])
    parser.add_argument("--overlap", type=int, default=4, help="frames that chunks share")
    parser.add_argument("--farther", action="store_true", help="also what takes longer: tOF, long range, structure")
    parser.add_argument("--table", default="all", choices=["all", "quality", "gates", "seams", "figures", "farther"])
    parser.add_argument("--json", type=Path, help="write every trial's figures there")
    parser.add_argument("--plot", type=Path, help="draw Q by case there, as SVG")
    parser.add_argument("--write-inputs", type=Path, metavar="FOLDER", help="write what other programs need; stop")
    parser.add_argument("--outputs", type=Path, metavar="FOLDER", help="also score what another program made of them")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where drawn clips are kept")
    return parser


if __name__ == "__main__":
    main()
