"""Where the weights of learned detectors lie on this machine, and how they come there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import torch

from engine.diffusion import hub
from engine.diffusion.row import Licence, Part
from engine.errors import ModelError


@dataclass(frozen=True)
class Detector:
    """Learned weights: the control that they draw, in words what they are, their licence, and where they are published.

    parts: on the Hub. url: a file elsewhere, whose name ends with the beginning of its SHA-256.
    """

    control: str
    title: str
    licence: Licence
    parts: tuple[Part, ...] = ()
    url: str = ""


def find_files(detector: Detector) -> list[Path] | None:
    """This gives its folders or files, one for each part; None where something is missing. The network is not asked."""
    if detector.url:
        return [place] if (place := _place(detector.url)).is_file() else None
    found = [hub.find_part(part) for part in detector.parts]
    here = [place for place in found if place is not None]
    return here if len(here) == len(found) else None


def fetch(detector: Detector) -> Iterator[str]:
    """This fetches what is missing, and tells of each file before.

    Raises:
        ModelError, ResourceError: with what went wrong, and the next step.
    """
    from huggingface_hub.constants import HF_HUB_OFFLINE  # only now: it takes a while

    from engine.diffusion.fetching import pull

    for file, left in pull(detector.parts):
        yield f"{file.repository}/{file.path}: {file.size / 1e6:.1f} MB, {left / 1e9:.2f} GB to go"
    if detector.url and find_files(detector) is None:
        if HF_HUB_OFFLINE:
            raise ModelError("HF_HUB_OFFLINE is set, so nothing is fetched. Unset it, and give the command again.")
        yield detector.url
        _download(detector.url, _place(detector.url))


def _place(url: str) -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]


def _download(url: str, place: Path) -> None:
    found = re.search(r"-([0-9a-f]{8,})\.\w+$", url)
    assert found
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(place), hash_prefix=found[1], progress=False)
    except (URLError, ConnectionError, TimeoutError) as error:
        why = getattr(error, "reason", error)
        raise ModelError(f"{url} cannot be fetched: {why}. Check the network, or fetch it yourself.") from error
    except RuntimeError as error:  # another hash
        raise ModelError(f"{url} arrived damaged. Give the command again.") from error
    except OSError as error:
        raise ModelError(f"{place} cannot be written: {error.strerror or error}.") from error
