"""What a person can ask for: frozen, checked when built, the same from Python, TOML and the command line."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Any, Self, TypeVar

from engine.checks import (
    check_steady,
    check_strength,
    check_whole,
    check_words,
    read_duotone,
    read_finish,
    read_loras,
    read_mask,
    read_member,
    read_table,
    read_texts,
)
from engine.errors import SettingsError, did_you_mean
from engine.weights import Weight, Weighted, read_weights

LOOKS = Path(__file__).parent / "looks"
ONE_OF = ("look", "look_file", "prompt")
WORDS = (*ONE_OF, "negative_prompt", "model", "device", "checkpoint", "cuts", "passes", "palette", "background")
PLACES = ("look_file", "model", "checkpoint", "cuts", "passes", "mask", "palette", "background")
"""Settings that may name a file or a folder, and in Python be a path."""

T = TypeVar("T")


class Codec(StrEnum):
    """How the result is encoded. The file's suffix must fit: mp4 or mov, mov for ProRes, a folder for PNG."""

    H264 = "h264"
    HEVC = "hevc"
    PRORES4444 = "prores4444"
    PNG = "png"


class ReaderName(StrEnum):
    """Which library decodes the source. PyAV is exact everywhere; decord is refused where it would be wrong."""

    PYAV = "pyav"
    DECORD = "decord"


class Memory(StrEnum):
    """How a model uses memory: by what is free, as much as is fast, or as little as can be."""

    AUTO = "auto"
    HIGH = "high"
    LOW = "low"


@dataclass(frozen=True)
class Look:
    """A named look: words for the model and how tightly it holds to the source.

    `strength` (0 to 1) is how far the picture may leave the source; `controls` maps a control's name to its weight
    (0 free, 1 tight), a number or as `engine.weights` reads it. `duotone`: a dark and a light colour, as
    `#rrggbb`, between which all of the result lies: what a drawing is made with and on, a film's black and white.
    `finish`: how frames of a small model are gone over, as `consistency.finish` says; a large one needs none of it.
    """

    name: str
    title: str = ""
    prompt: str = ""
    negative_prompt: str = ""
    strength: float = 0.6
    controls: Mapping[str, Weighted] = field(default_factory=dict)
    duotone: tuple[str, str] | None = None
    finish: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("title", "prompt", "negative_prompt"):
            check_words(name, getattr(self, name))
        if not self.prompt.strip():
            raise SettingsError(f'The look {self.name} has no prompt. Give it words, as prompt = "ink drawing, warm".')
        check_strength(self.strength)
        object.__setattr__(self, "controls", MappingProxyType(read_weights(self.controls)))
        if self.duotone is not None:
            read_duotone(self.duotone)
        object.__setattr__(self, "finish", read_finish(self.finish))

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """This reads a look from its TOML file; the file's stem is its name."""
        return _build(cls, {"name": path.stem, **_read_toml(path)}, path)


def look_names() -> list[str]:
    """This lists the looks that come with the engine, sorted."""
    return sorted(path.stem for path in LOOKS.glob("*.toml"))


def load_look(name: str) -> Look:
    """This loads a bundled look; an unknown name is refused with the list of known ones."""
    if name not in look_names():
        meant = did_you_mean(name, look_names())
        raise SettingsError(f"There is no look called {name!r}.{meant} There are: {', '.join(look_names())}.")
    return Look.from_toml(LOOKS / f"{name}.toml")


@dataclass(frozen=True)
class Settings:
    """One job. What is `None` is taken from the look, the model or the source."""

    look: str | None = None
    look_file: str | None = None
    prompt: str | None = None
    negative_prompt: str | None = None
    strength: float | None = None
    steps: int | None = None
    seed: int = 0
    reseed: tuple[str, ...] = ()
    width: int | None = None
    height: int | None = None
    side: int | None = None
    model: str = "starter"
    device: str = "auto"
    checkpoint: str | None = None
    loras: Mapping[str, float] = field(default_factory=dict)
    memory: Memory = Memory.AUTO
    controls: Mapping[str, Weighted] | None = None
    references: tuple[str, ...] = ()
    control_videos: Mapping[str, str] = field(default_factory=dict)
    detectors: Mapping[str, str] | None = None
    cuts: str = "auto"
    passes: str | None = None
    mask: str | tuple[str, ...] | None = None
    mask_invert: bool = False
    mask_grow: int = 0
    mask_feather: float = 6.0
    background: str | None = None
    keyframes: tuple[str, ...] = ()
    palette: str | None = None
    steady: float = 1.0
    codec: Codec = Codec.H264
    reader: ReaderName = ReaderName.PYAV

    def __post_init__(self) -> None:
        for name in PLACES:
            if isinstance(place := getattr(self, name), PurePath):
                object.__setattr__(self, name, str(place))
        for name in WORDS:
            check_words(name, getattr(self, name))
        if sum(getattr(self, name) is not None for name in ONE_OF) != 1:
            raise SettingsError(
                'Say a look (--look ink, --look-file FILE) or a prompt (--prompt "..."), one of the two.'
            )
        if self.prompt is not None and not self.prompt.strip():
            raise SettingsError('The prompt is empty. Say how it is to look, as --prompt "ink drawing, warm".')
        self.load_look()
        check_strength(self.strength)
        check_steady(self.steady)
        object.__setattr__(self, "mask", read_mask(self.mask))
        if type(self.mask_invert) is not bool:
            raise SettingsError(f"mask_invert is {self.mask_invert!r}; it must be true or false.")
        check_whole("mask_grow", self.mask_grow, -500, 500)
        if type(self.mask_feather) not in (int, float) or not 0 <= self.mask_feather <= 500:
            raise SettingsError(f"mask_feather is {self.mask_feather!r}; it must be a number of pixels, 0 to 500.")
        check_whole("steps", self.steps, 1, 200)
        check_whole("seed", self.seed, 0, 2**63 - 1)
        check_whole("width", self.width, 16, 16384)
        check_whole("height", self.height, 16, 16384)
        check_whole("side", self.side, 64, 4096)
        if (self.width is None) != (self.height is None):
            raise SettingsError("Give width and height together (--size 640x360), or neither.")
        if self.controls is not None:
            object.__setattr__(self, "controls", MappingProxyType(read_weights(self.controls)))
        object.__setattr__(self, "loras", read_loras(self.loras))
        object.__setattr__(self, "control_videos", read_table("control_videos", self.control_videos, "d.mkv"))
        if self.detectors is not None:
            object.__setattr__(self, "detectors", read_table("detectors", self.detectors, "depth-anything-small"))
        object.__setattr__(self, "references", read_texts("references", self.references, "style.png:0.6"))
        object.__setattr__(self, "reseed", read_texts("reseed", self.reseed, "0:42.5=7"))
        object.__setattr__(self, "keyframes", read_texts("keyframes", self.keyframes, "12.5=painted.png"))
        object.__setattr__(self, "memory", read_member("memory", Memory, self.memory))
        object.__setattr__(self, "codec", read_member("codec", Codec, self.codec))
        object.__setattr__(self, "reader", read_member("reader", ReaderName, self.reader))

    @classmethod
    def from_toml(cls, path: Path, **overrides: Any) -> Self:  # noqa: ANN401 - values are checked by the fields
        """This reads settings from a TOML file whose keys are the field names; `overrides` win.

        A look given over the file's prompt replaces it, and the other way round.
        """
        values = _read_toml(path)
        if overrides.keys() & ONE_OF:
            values = {name: value for name, value in values.items() if name not in ONE_OF}
        return _build(cls, {**values, **overrides}, path)

    def load_look(self) -> Look | None:
        """This loads the look that was asked for, bundled or from its file; None where a prompt was given instead."""
        if self.look_file is not None:
            return Look.from_toml(Path(self.look_file))
        return None if self.look is None else load_look(self.look)

    def to_dict(self) -> dict[str, Any]:
        """This gives plain values, ready for TOML or JSON, without what is `None`."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {name: _plain(value) for name, value in values.items() if value is not None}

    def to_toml(self) -> str:
        """This gives them as the text of a TOML file that `from_toml` reads, without what is `None`."""
        values = self.to_dict()
        lines = [f"{name} = {_toml(value)}" for name, value in values.items() if not isinstance(value, dict)]
        for name, table in values.items():
            if isinstance(table, dict):
                lines += ["", f"[{name}]", *(f"{_toml(key)} = {_toml(value)}" for key, value in table.items())]
        return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:  # noqa: ANN401 - words, numbers, lists of them
    return json.dumps(value, ensure_ascii=False)  # of such values TOML and JSON are written alike


def _plain(value: Any) -> Any:  # noqa: ANN401 - any field of the settings
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, Weight):
        return value.plain()
    return str(value) if isinstance(value, StrEnum) else value


def _build(cls: type[T], values: dict[str, Any], path: Path) -> T:
    known = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise SettingsError(f"{path} has unknown keys: {', '.join(unknown)}. Known are: {', '.join(known)}.")
    try:
        return cls(**values)
    except (TypeError, SettingsError) as error:
        raise SettingsError(f"{path}: {error}") from error


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"The file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is no text, so no TOML file.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error
