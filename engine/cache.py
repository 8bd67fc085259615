"""Control maps that were drawn once are kept, so that another prompt or strength draws none of them again.

They lie in the user's cache folder, one folder for each shot and control, named by all that decides them. The cache
never grows beyond its limit: what was not used for longest goes first. It may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from torch import Tensor

import preprocessors
from engine.errors import MediaError
from engine.media import read_lossless, write_lossless
from engine.room import free_disk
from engine.windows import Span

LIMIT = 4 << 30
"""Bytes."""
RESERVE = 2 << 30
"""Bytes that are left free on the disk: the cache is a comfort, the job is not."""
PLACE = "RESTYLE_CACHE"
"""The variable of the environment that names another folder."""


def cache_folder() -> Path:
    """This names the folder where this user's programs keep what they can make again."""
    if named := os.environ.get(PLACE):
        return Path(named).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "restyle" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "restyle"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "restyle"


@dataclass
class MapCache:
    """Kept maps in `folder`, no more than `limit` bytes. `notes` tell, for people, why something could not be kept."""

    folder: Path
    limit: int = LIMIT
    notes: list[str] = field(default_factory=list)

    def entry(self, about: Mapping[str, Any]) -> Entry:
        """This finds the place of the maps that `about` decides: source, shot, size, control and its settings."""
        told = json.dumps({**about, "code": _code()}, sort_keys=True, default=str)
        name = f"{about['control']}-{hashlib.sha256(told.encode()).hexdigest()[:24]}"
        return Entry(self, self.folder / name, told)

    def size(self) -> int:
        """This counts the bytes that are kept."""
        return sum(_size(entry) for entry in self._entries())

    def make_room(self, spared: Path) -> bool:
        """This deletes what was not used for longest, but `spared`, until the limit holds; says whether it does."""
        total = self.size()
        for entry in sorted(self._entries(), key=lambda entry: entry.stat().st_mtime):
            if total > self.limit and entry != spared:
                total -= _size(entry)
                shutil.rmtree(entry, ignore_errors=True)
        return total <= self.limit

    def _entries(self) -> list[Path]:
        return [entry for entry in self.folder.glob("*-*") if entry.is_dir()]


@dataclass(frozen=True)
class Entry:
    """The kept maps of one control and shot, in blocks of frames."""

    cache: MapCache
    folder: Path
    about: str

    def get(self, block: Span) -> Tensor | None:
        """This reads a block's maps `[T, C, H, W]`; None if they are not kept, or damaged."""
        for path in self.folder.glob(f"{block.start:07d}-{block.stop:07d}-*.avi"):
            try:
                if _mark(path) == path.stem.split("-")[2]:
                    os.utime(self.folder)
                    return read_lossless(path)
                path.unlink()
            except (FileNotFoundError, MediaError):  # another job has made room
                return None
        return None

    def put(self, block: Span, maps: Tensor) -> None:
        """This keeps a block's maps, unless the disk or the limit has no room for them."""
        if free_disk(self.folder) < RESERVE:
            self._note(f"Controls are not kept for the next run: the disk of {self.cache.folder} is nearly full.")
            return
        unnamed = self.folder / f"{block.start:07d}-{block.stop:07d}-{os.getpid()}.unfinished.avi"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / "about.json").write_text(self.about, encoding="utf-8")
            write_lossless(unnamed, maps, bits=16)
            named = f"{block.start:07d}-{block.stop:07d}-{_mark(unnamed)}.avi"
            unnamed.replace(self.folder / named)
        except (OSError, MediaError) as error:
            self._note(f"Controls are not kept for the next run: {error}")
            return
        if not self.cache.make_room(self.folder):
            (self.folder / named).unlink(missing_ok=True)
            self._note(f"Not all controls are kept for the next run: {self.cache.folder} is full.")

    def _note(self, note: str) -> None:
        if not self.cache.notes:
            self.cache.notes.append(note)


def _size(folder: Path) -> int:
    sizes = 0
    for path in folder.glob("*"):
        try:
            sizes += path.stat().st_size
        except FileNotFoundError:  # another job has made room
            continue
    return sizes


def _mark(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:24]


@cache
def _code() -> str:
    """A mark of the code that draws: other code may draw other maps."""
    total = hashlib.sha256()
    for path in sorted(Path(str(preprocessors.__file__)).parent.glob("*.py")):
        total.update(path.read_bytes())
    return total.hexdigest()
