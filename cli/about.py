"""What there is: a clip, the models, this machine."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Any

SOLD = {True: "yes", False: "no", None: "not said"}


def version() -> str:
    """This names the program and its version."""
    try:
        return f"restyle {importlib.metadata.version('restyle')}"
    except importlib.metadata.PackageNotFoundError:
        return "restyle, run from its source without being installed"


def describe_clip(clip: Path) -> dict[str, Any]:
    """This says in words what a clip is."""
    from engine.media import probe

    info = probe(clip)
    return {
        "picture": f"{info.width}x{info.height}, {info.codec} {info.pixel_format}",
        "frames": info.frames,
        "seconds": f"{float(info.end - info.times[0]):.3f}",
        "rate": f"{float(info.rate):.3f} a second{', variable' if info.variable_rate else ''}",
        "turned": f"{info.rotation} degrees",
        "colour": f"{info.transfer}, {info.matrix}, {'full' if info.full_range else 'limited'} range",
        "alpha": info.alpha,
        "interlaced": info.interlaced,
        "timecode": " on reel ".join(filter(None, (info.timecode, info.reel))) or "none",
        "beside it": ", ".join(info.other_streams) or "nothing",
        "notes": " ".join(info.warnings) or "none",
    }


def describe_models() -> dict[str, dict[str, Any]]:
    """This lists the models: whether each is here and fits this machine, its licence, what it takes."""
    from engine.diffusion.catalog import is_here, rows
    from engine.diffusion.fitting import Machine, fit

    machine = Machine.here()
    return {
        row.name: {
            "what": row.title,
            "here": is_here(row),
            "to fetch, GB": round(row.size, 1),
            "fits": fit(row, machine),
            "licence": str(row.licence),
            "results may be sold": SOLD[row.licence.commercial],
            "controls": sorted(row.takes.controls),
            "several controls at once": row.takes.several,
            "weights over time": row.takes.times,
            "reference pictures": row.takes.references,
        }
        for row in rows()
    }


def models_table() -> str:
    """This shows the models on one screen, two lines each."""
    lines = [f"{'':25}{'here':14}fits this machine"]
    for name, told in describe_models().items():
        here = "yes" if told["here"] else f"no, {told['to fetch, GB']:.1f} GB"
        sold = {"yes": "results may be sold", "no": "results may not be sold"}.get(told["results may be sold"], "")
        lines.append(f"{name:25}{here:14}{told['fits']}")
        at_once = "" if told["several controls at once"] else "one of "
        over_time = " with weights over time" if told["weights over time"] else ""
        takes = [at_once + ", ".join(told["controls"]) + over_time]
        takes += ["reference pictures"] if told["reference pictures"] else []
        lines.append(f"  {told['what']}. Takes {'; '.join(takes)}. {told['licence']}{'; ' * bool(sold)}{sold}.")
    return "\n".join([*lines, "", "Learned detectors of controls and masks:", *_detectors(), "", HOW])


def describe_detectors() -> dict[str, dict[str, Any]]:
    """This lists the learned detectors: whether each is here, its licence, what it draws."""
    from engine.detector_files import find_files
    from engine.detectors import DETECTORS

    return {
        name: {
            "what": detector.title,
            "here": find_files(detector) is not None,
            "draws": detector.control,
            "licence": str(detector.licence),
            "results may be sold": SOLD[detector.licence.commercial],
        }
        for name, detector in DETECTORS.items()
    }


def _detectors() -> list[str]:
    return [
        f"{name:25}{'here' if told['here'] else 'not here':14}{told['what']}, draws {told['draws']}. {told['licence']}."
        for name, told in describe_detectors().items()
    ]


HOW = """\
Fetch one that is not here: restyle models --pull NAME (or owner/name, for another from the Hub in diffusers' layout).
Run one: restyle CLIP --model NAME --prompt "..."; a folder or owner/name works in place of NAME.
Draw a control by a detector: restyle CLIP --look ink --control depth:0.8 --detector depth=NAME"""


def pull_model(model: str) -> str:
    """This fetches a model or detector by name, or owner/name, and tells each file as it comes."""
    from engine.detector_files import fetch
    from engine.detectors import DETECTORS
    from engine.diffusion.catalog import find_row
    from engine.diffusion.fetching import pull, pull_repository

    detector = DETECTORS.get(model)
    row = None if detector else find_row(model)
    licence = detector.licence if detector else row.licence if row else None
    if licence and licence.note:
        print(f"restyle: {model} is under this licence: {licence}.", file=sys.stderr)
    if detector:
        for told in fetch(detector):
            print(told, file=sys.stderr)
        return f"{model} is here."
    if row and row.folder:
        return f"{model} comes along: there is nothing to fetch."
    for file, left in pull(row.parts) if row else pull_repository(model):
        print(f"{file.repository}/{file.path}: {file.size / 1e6:.1f} MB, {left / 1e9:.2f} GB to go", file=sys.stderr)
    return f"{model} is here."


def examine() -> dict[str, Any]:
    """This looks at the machine."""
    import psutil
    import torch

    gpus = [f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count())]
    return {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("torch", "diffusers", "transformers", "av")},
        "processor": f"{os.cpu_count()} cores, {torch.get_num_threads()} threads in use",
        "memory": f"{psutil.virtual_memory().available / 1e9:.1f} of {psutil.virtual_memory().total / 1e9:.1f} GB free",
        "disk here": f"{shutil.disk_usage('.').free / 1e9:.1f} GB free",
        "controls kept": _kept(),
        "gpu": ", ".join(gpus) or "none that CUDA finds: models run on the processor",
        "reader decord": "here" if importlib.util.find_spec("decord") else "not here: pip install 'restyle[decord]'",
        "hub": _hub(),
        **{f"model {name}": _in_short(name, told) for name, told in describe_models().items()},
    }


def _kept() -> str:
    from engine.cache import LIMIT, MapCache, cache_folder

    kept = MapCache(cache_folder() / "controls")
    return f"{kept.size() / 2**30:.2f} of at most {LIMIT / 2**30:.0f} GiB in {kept.folder}; may be deleted"


def _hub() -> str:
    from huggingface_hub.constants import HF_HUB_OFFLINE

    from engine.diffusion.hub import cache_folder

    asked = "HF_HUB_OFFLINE is set: nothing is fetched" if HF_HUB_OFFLINE else "nothing is fetched unasked"
    return f"models are kept in {cache_folder()}; {asked}"


def _in_short(name: str, told: dict[str, Any]) -> str:
    here = "here" if told["here"] else f"not here (restyle models --pull {name})"
    return f"{here}; fits: {told['fits']}"
