"""Write a control as a video."""

from __future__ import annotations

import argparse
import shlex
import sys

from cli.progress import shown_on
from engine.errors import SettingsError


def write_control(chosen: argparse.Namespace) -> None:
    """This draws the control that was chosen, of the whole clip, as a job would."""
    from engine.control_clip import draw_control
    from engine.plan import stills_rate
    from engine.settings import Settings

    if chosen.cuts and chosen.no_cuts:
        raise SettingsError("--cuts and --no-cuts exclude each other.")
    width, height = chosen.size or (None, None)
    given = {
        "cuts": "none" if chosen.no_cuts else chosen.cuts,
        "passes": chosen.passes,
        "reader": chosen.reader,
        "model": chosen.model,
        "device": chosen.device,
        "width": width,
        "height": height,
        "side": chosen.side,
        "detectors": dict(chosen.detector) if chosen.detector else None,
    }
    if len(chosen.control) > 1:
        raise SettingsError(
            f"One control at a time; here are {' and '.join(chosen.control)}. Give the command for each."
        )
    (control,) = chosen.control
    settings = Settings(prompt="none", **{name: value for name, value in given.items() if value is not None})
    shown = shown_on(as_json=False)
    try:
        written = draw_control(chosen.clip, control, chosen.output, settings, stills_rate(chosen.rate), shown)
    finally:
        shown.close()
    print(f"{written}: hand it in with --control-video {shlex.quote(f'{control}={written}')}", file=sys.stderr)
