"""Run one job."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.output import tell
from cli.progress import Bar, Lines, shown_on
from cli.report import brief_facts, brief_words
from cli.words import MIDDLE
from engine.errors import SettingsError

if TYPE_CHECKING:
    from engine.settings import Settings
    from engine.telling import Result


def run_job(chosen: argparse.Namespace, named: Path | None = None) -> None:
    """This runs a job from what was chosen on the command line, over a file of settings where there is one.

    named: what a result is named after whose name is not given, the clip if None.
    """
    from engine.settings import Settings

    given = _given(chosen)
    settings = Settings.from_toml(chosen.settings, **given) if chosen.settings else Settings(**given)
    output = chosen.output or _default_output(named or chosen.clip, settings)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing here is to reach the network
    if chosen.preview is not None:
        _show_preview(chosen, output, settings)
        return
    shown = shown_on(chosen.as_json)
    try:
        result = _restyle(chosen, output, settings, shown)
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(_what_is_kept(output)) from stop
    finally:
        shown.close()
    if chosen.as_json:
        judged = {} if chosen.no_report else {"report": brief_facts(result.output)}
        tell(json.dumps({"event": "done", **dataclasses.asdict(result), **judged}, default=str))
        return
    for warning in result.warnings:
        print(f"restyle: note: {warning}", file=sys.stderr)
    count = "1 frame" if result.frames == 1 else f"{result.frames} frames"
    print(f"{result.output}: {count} in {result.seconds:.1f} s", file=sys.stderr)
    if not chosen.no_report:
        for line in brief_words(result.output):
            print(line, file=sys.stderr)


def _show_preview(chosen: argparse.Namespace, output: Path, settings: Settings) -> None:
    from engine.plan import stills_rate
    from engine.preview import preview

    moment = None if chosen.preview == MIDDLE else chosen.preview
    rate, shown = stills_rate(chosen.rate), shown_on(chosen.as_json)
    picture = preview(chosen.clip, output, settings, moment=moment, rate=rate, progress=shown)
    if chosen.as_json:
        tell(json.dumps({"event": "done", "preview": str(picture)}))
    else:
        print(f"{picture}: the source and one frame of the result", file=sys.stderr)


def _restyle(chosen: argparse.Namespace, output: Path, settings: Settings, shown: Bar | Lines) -> Result:
    from engine.pipeline import restyle
    from engine.plan import stills_rate

    rate = stills_rate(chosen.rate)
    return restyle(chosen.clip, output, settings, fresh=chosen.fresh, rate=rate, progress=shown)


def _default_output(clip: Path, settings: Settings) -> Path:
    from engine.naming import default_output

    return default_output(clip, settings)


def _what_is_kept(output: Path) -> str:
    from engine.naming import job_folder

    folder = job_folder(output)
    return f"What is finished is kept in {folder}; the same command goes on." if folder.exists() else ""


def _given(chosen: argparse.Namespace) -> dict[str, Any]:
    """This gathers the settings that were given, by their names."""
    if chosen.cuts and chosen.no_cuts:
        raise SettingsError("--cuts and --no-cuts exclude each other.")
    width, height = chosen.size or (None, None)
    given = {
        **{name: getattr(chosen, name) for name in SAME},
        "cuts": "none" if chosen.no_cuts else chosen.cuts,
        "loras": dict(chosen.lora) if chosen.lora else None,
        "references": chosen.reference,
        "keyframes": chosen.keyframe,
        "controls": _by_name(chosen.control),
        "detectors": dict(chosen.detector) if chosen.detector else None,
        "control_videos": dict(chosen.control_video) if chosen.control_video else None,
        "mask_invert": chosen.mask_invert or None,
        "width": width,
        "height": height,
    }
    return {name: value for name, value in given.items() if value is not None}


def _by_name(given: list[tuple[str, str]] | None) -> dict[str, list[str]] | None:
    """This gathers weights by their control: one may have several, each for a part of the steps or of the clip."""
    if given is None:
        return None
    return {name: [weight for one, weight in given if one == name] for name, _ in given}


SAME = (
    "look",
    "look_file",
    "prompt",
    "strength",
    "steady",
    "steps",
    "seed",
    "reseed",
    "side",
    "model",
    "checkpoint",
    "memory",
    "device",
    "codec",
    "reader",
    "passes",
    *("mask", "mask_grow", "mask_feather", "background", "palette"),
)
"""Settings that are called on the command line as they are everywhere."""
