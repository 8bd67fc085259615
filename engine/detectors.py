"""Learned detectors that may draw a control in place of what comes along, by name, with their licence."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ModelError, SettingsError, did_you_mean
from preprocessors.aligned_depth import AlignedDepth
from preprocessors.depth_anything import DepthAnything
from preprocessors.preprocessor import Preprocessor

WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class Detector:
    """Weights on the Hub, and the control that they draw."""

    control: str
    repository: str
    licence: str


DETECTORS: Mapping[str, Detector] = {
    "depth-anything-small": Detector("depth", "depth-anything/Depth-Anything-V2-Small-hf", "Apache-2.0"),
    "depth-anything-base": Detector("depth", "depth-anything/Depth-Anything-V2-Base-hf", "CC-BY-NC-4.0"),
    "depth-anything-large": Detector("depth", "depth-anything/Depth-Anything-V2-Large-hf", "CC-BY-NC-4.0"),
}


def load_detector(control: str, name: str) -> Preprocessor:
    """This loads what draws `control`: a detector by name, or the folder of a Depth Anything in transformers' layout.

    Raises:
        SettingsError: there is none of that name, or it draws another control.
        ModelError: its weights are not here, or damaged; nothing is ever fetched by itself.
    """
    detector = DETECTORS.get(name)
    folder = Path(name).expanduser()
    if (detector.control if detector else "depth") != control or not (detector or folder.is_dir()):
        fitting = [one for one, known in DETECTORS.items() if known.control == control]
        raise SettingsError(
            f"No detector {name!r} draws {control}.{did_you_mean(name, fitting)} "
            f"There are: {', '.join(fitting) or 'none'}."
        )
    folder = _fetched(name, detector) if detector else folder
    from engine.diffusion.quiet import quiet  # only now: diffusers takes seconds

    try:
        with quiet():
            network = DepthAnything.load(folder)
        mark = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelError(f"The detector at {folder} cannot be loaded: {error}") from error
    return AlignedDepth(network, weights=mark)


def _fetched(name: str, detector: Detector) -> Path:
    from huggingface_hub import try_to_load_from_cache

    found = [try_to_load_from_cache(detector.repository, file) for file in ("config.json", WEIGHTS)]
    for path in found:
        if not isinstance(path, str):
            raise ModelError(
                f"The detector {name} ({detector.licence}) is not here. Fetch it: hf download {detector.repository} "
                f"config.json {WEIGHTS}"
            )
    return Path(str(found[0])).parent
