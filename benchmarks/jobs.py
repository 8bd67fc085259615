"""One job for the benchmarks, with a model or with none: `python -m benchmarks.jobs CLIP RESULT`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import resource
from collections.abc import Sequence
from pathlib import Path

from engine import pipeline
from engine.diffusion import catalog
from engine.settings import Settings

NO_MODEL = "none"


def choose_model(model: str) -> str:
    """This names a model for `Settings`, and says in words what runs.

    `none` puts the tests' stand-in in the place of every model: a tint that costs next to nothing, so that all else is
    seen alone.
    """
    if model != NO_MODEL:
        return f"model: {model}"
    from tests.fake_stylizer import FakeStylizer

    catalog.load = lambda model, device="auto": FakeStylizer()
    return "no model: the tests' stand-in tints the frames, everything else is real"


def settings_for(model: str, look: str = "watercolor") -> Settings:
    """This makes the settings of a benchmark's job."""
    return Settings(look=look, model="starter" if model == NO_MODEL else model)


def peak_bytes() -> int:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(arguments: Sequence[str] | None = None) -> None:
    """This runs one job and prints its figures as a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--model", default="starter", help="a model's name or folder, or none (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    choose_model(chosen.model)
    result = pipeline.restyle(chosen.clip, chosen.result, settings_for(chosen.model))
    print(json.dumps({**dataclasses.asdict(result), "peak": peak_bytes()}, default=str))


if __name__ == "__main__":
    main()
