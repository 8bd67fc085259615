"""What a person should know of the licences of what a job uses."""

from __future__ import annotations

from collections.abc import Iterator

from engine.detectors import DETECTORS
from engine.diffusion import catalog
from engine.settings import Settings


def conditions(settings: Settings) -> Iterator[str]:
    """This names the licence of each model and detector that has one with conditions, in words."""
    used = {settings.model: catalog.find(settings.model).licence}
    used |= {name: DETECTORS[name].licence for name in (settings.detectors or {}).values() if name in DETECTORS}
    for name, licence in used.items():
        if licence.note:
            yield f"{name} is under this licence: {licence}."
