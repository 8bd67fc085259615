"""List the looks, or show them all on one frame of a clip."""

from __future__ import annotations

import argparse
import json
import os
import sys

from cli.output import tell
from cli.progress import shown_on


def listed() -> dict[str, str]:
    """This gives each look's title and words by its name."""
    from engine.settings import load_look, look_names

    return {look.name: f'{look.title} ("{look.prompt}")' for look in map(load_look, look_names())}


def show_looks(chosen: argparse.Namespace) -> None:
    """This writes the sheet that was asked for."""
    from engine.plan import stills_rate
    from engine.preview import all_looks
    from engine.settings import Settings, look_names

    width, height = chosen.size or (None, None)
    names = ("model", "device", "reader", "side", "seed", "memory")
    given = {"width": width, "height": height, **{name: getattr(chosen, name) for name in names}}
    settings = Settings(look=look_names()[0], **{name: value for name, value in given.items() if value is not None})
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing here is to reach the network
    shown = shown_on(chosen.as_json)
    try:
        rate = stills_rate(chosen.rate)
        sheet = all_looks(chosen.clip, chosen.output, settings, moment=chosen.at, rate=rate, progress=shown)
    finally:
        shown.close()
    if chosen.as_json:
        tell(json.dumps({"event": "done", "looks": str(sheet)}))
    else:
        print(f"{sheet}: the source and one frame in every look", file=sys.stderr)
