"""Kept maps: what was drawn once is found again bit by bit, never more than the limit, and nothing false."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from engine import cache as place
from engine import drawn
from engine.cache import MapCache, cache_folder
from engine.media import in_levels
from engine.settings import ReaderName
from engine.windows import Span

ABOUT: dict[str, Any] = {"control": "depth", "key": "", "footage": "clip", "shot": [0, 40], "size": (9, 16)}
BLOCK = Span(0, 4)


def maps(seed: int = 0, channels: int = 1) -> Tensor:
    return in_levels(torch.rand(4, channels, 9, 16, generator=torch.Generator().manual_seed(seed)))


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.avi"))


@pytest.mark.parametrize("channels", [1, 3])
def test_maps_come_back_bit_by_bit(tmp_path: Path, channels: int) -> None:
    MapCache(tmp_path).entry(ABOUT).put(BLOCK, maps(channels=channels))
    found = MapCache(tmp_path).entry(ABOUT).get(BLOCK)
    assert found is not None
    assert torch.equal(found, maps(channels=channels))


@pytest.mark.parametrize(
    "change", [{"control": "edges"}, {"key": "x"}, {"footage": "b"}, {"shot": [0, 41]}, {"size": (9, 17)}]
)
def test_whatever_decides_them_keeps_maps_apart(tmp_path: Path, change: dict[str, Any]) -> None:
    MapCache(tmp_path).entry(ABOUT).put(BLOCK, maps())
    assert MapCache(tmp_path).entry({**ABOUT, **change}).get(BLOCK) is None
    assert MapCache(tmp_path).entry(ABOUT).get(Span(4, 8)) is None


def test_other_code_draws_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    MapCache(tmp_path).entry(ABOUT).put(BLOCK, maps())
    monkeypatch.setattr(place, "_code", lambda: "later")
    assert MapCache(tmp_path).entry(ABOUT).get(BLOCK) is None


def test_a_source_that_is_read_otherwise_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photo.png").write_bytes(b"of these bytes other frames are read")
    before = drawn.source_mark(tmp_path / "photo.png", ReaderName.PYAV)
    monkeypatch.setattr(drawn, "READING", drawn.READING + 1)
    assert drawn.source_mark(tmp_path / "photo.png", ReaderName.PYAV) != before


def test_a_damaged_file_is_thrown_away(tmp_path: Path) -> None:
    entry = MapCache(tmp_path).entry(ABOUT)
    entry.put(BLOCK, maps())
    (path,) = files(tmp_path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)
    assert entry.get(BLOCK) is None
    assert not files(tmp_path)


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    import os

    probe = MapCache(tmp_path / "probe")
    probe.entry(ABOUT).put(BLOCK, maps())
    cache = MapCache(tmp_path / "kept", limit=int(2.5 * probe.size()))
    old, new, third = (cache.entry({**ABOUT, "key": key}) for key in ("old", "new", "third"))
    for entry, used in ((old, 1), (new, 2)):
        entry.put(BLOCK, maps())
        os.utime(entry.folder, (used, used))
    third.put(BLOCK, maps())
    assert cache.size() <= cache.limit
    assert old.get(BLOCK) is None
    assert new.get(BLOCK) is not None
    assert third.get(BLOCK) is not None
    assert not cache.notes


def test_more_than_the_limit_is_not_kept_and_said(tmp_path: Path) -> None:
    cache = MapCache(tmp_path, limit=100)
    cache.entry(ABOUT).put(BLOCK, maps())
    assert cache.entry(ABOUT).get(BLOCK) is None
    assert not files(tmp_path)
    assert "is full" in cache.notes[0]


@pytest.mark.parametrize("trouble", ["no room", "no folder"])
def test_a_cache_that_cannot_be_written_stops_no_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    folder = tmp_path / "kept"
    if trouble == "no room":
        monkeypatch.setattr(place, "RESERVE", 1 << 60)
    else:
        folder.write_text("a file where the folder should be")
    cache = MapCache(folder)
    cache.entry(ABOUT).put(BLOCK, maps())
    assert "not kept" in cache.notes[0]
    assert cache.entry(ABOUT).get(BLOCK) is None


def test_the_folder_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RESTYLE_CACHE", str(tmp_path / "elsewhere"))
    assert cache_folder() == tmp_path / "elsewhere"
    monkeypatch.delenv("RESTYLE_CACHE")
    assert "restyle" in str(cache_folder()).lower()
