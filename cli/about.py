"""What there is: a clip, the models, this machine."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from pathlib import Path
from typing import Any


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
        "beside it": ", ".join(info.other_streams) or "nothing",
        "notes": " ".join(info.warnings) or "none",
    }


def describe_models() -> dict[str, Any]:
    """This lists the models: what each is, its licence, and whether its files are here."""
    from engine.diffusion.catalog import is_here, rows

    return {row.name: f"{row.title} [{row.licence.name}; {'here' if is_here(row) else 'not here'}]" for row in rows()}


def examine() -> dict[str, Any]:
    """This looks at the machine."""
    import psutil
    import torch

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("torch", "diffusers", "transformers", "av")},
        "processor": f"{os.cpu_count()} cores, {torch.get_num_threads()} threads in use",
        "memory": f"{psutil.virtual_memory().available / 1e9:.1f} of {psutil.virtual_memory().total / 1e9:.1f} GB free",
        "disk here": f"{shutil.disk_usage('.').free / 1e9:.1f} GB free",
        "gpu": ", ".join(gpus) or "none that CUDA finds: models run on the processor",
        "reader decord": "here" if importlib.util.find_spec("decord") else "not here: pip install 'restyle[decord]'",
        **{f"model {name}": text for name, text in describe_models().items()},
    }
