"""What the catalogue says of a model: its family, where its parts lie, what it may be used for, what it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.diffusion.stylizer import Capabilities, Defaults

SEEING = ("ip_adapter", "image_encoder")
"""Parts for reference pictures: the one is small, the other is gone before the denoiser works."""


@dataclass(frozen=True)
class Licence:
    """A licence by its name. `commercial`: may the results be sold? None where it does not say.

    One with a `note`, a condition on who uses it, is named before the model is fetched and before a job uses it.
    """

    name: str
    commercial: bool | None
    note: str = ""

    def __str__(self) -> str:
        return f"{self.name}, {self.note}".removesuffix(", ")


UNSAID = Licence("see the folder", commercial=None)


@dataclass(frozen=True)
class Part:
    """One component of a model, in a repository on the Hub.

    `folder` holds it there, "" is the repository's top; `file` names its weights where others lie beside them, or where
    there is nothing else. `size` is what has to be fetched, in GB.
    """

    component: str
    repository: str
    folder: str = ""
    file: str = ""
    revision: str = "main"
    size: float = 0.0

    @property
    def optional(self) -> bool:
        """Whether jobs that do not ask for it run without it: a ControlNet, what sees reference pictures."""
        return self.component.startswith(("controlnet_", "iclora_")) or self.component in SEEING


def parts(repository: str, revision: str = "main", **sizes: float) -> tuple[Part, ...]:
    """This lists components that each lie in the folder of their own name, with their sizes in GB: `vae=0.2`."""
    return tuple(Part(name, repository, name, revision=revision, size=size) for name, size in sizes.items())


@dataclass(frozen=True)
class Row:
    """A model that a person can ask for.

    `window` is how many frames at once it was trained on, `side` the shorter side of its pictures, in pixels: larger
    ones are made at that and scaled up. Its files lie in `folder`, or are `parts` from the Hub. `takes` is what it
    could take with all its parts here. `scheduler` is the config of one that takes the place of the checkpoint's own;
    `loras` weighs those of the parts that are LoRAs, by component. `working` is an estimate of what a window needs
    beside the weights, in GB and half precision.
    """

    name: str
    title: str
    family: Family
    licence: Licence
    window: int
    defaults: Defaults
    takes: Capabilities
    side: int = 512
    folder: Path | None = None
    parts: tuple[Part, ...] = ()
    scheduler: Mapping[str, Any] | None = None
    loras: Mapping[str, float] = field(default_factory=dict)
    working: float = 1.5

    @property
    def size(self) -> float:
        """What has to be fetched for all of it, in GB."""
        files = {(part.repository, part.revision, part.folder, part.file): part.size for part in self.parts}
        return sum(files.values())

    @property
    def weights(self) -> float:
        """What of it a job with one control holds, in GB and half precision."""
        controls = [part.size for part in self.parts if part.optional and part.component not in SEEING]
        return sum(part.size for part in self.parts if not part.optional) + max(controls, default=0.0)


@dataclass(frozen=True)
class Family:
    """What the models of one kind have in common; what a folder of one is asked for that says nothing itself.

    `module` is the file beside this one that runs them: its `load` gives a `Stylizer`. `classes` are those by which
    folders are known: of model_index.json, or of the config of `unet` or `transformer`. The rest is as in `Row`.
    """

    module: str
    classes: frozenset[str]
    window: int
    side: int
    defaults: Defaults
    takes: Capabilities
    licence: Licence = UNSAID
    working: float = 1.5

    def row(self, name: str, title: str, **own: Any) -> Row:  # noqa: ANN401 - fields of a row
        """This makes the row of a model: as all of its family, but for its own fields."""
        common: dict[str, Any] = {
            "licence": self.licence,
            "window": self.window,
            "side": self.side,
            "defaults": self.defaults,
            "takes": self.takes,
            "working": self.working,
        }
        return Row(name, title, self, **{**common, **own})
