"""decord gives PyAV's frames, or is refused with the reason."""

import builtins
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import MediaError
from engine.media import open_reader
from engine.media.decord_reader import DecordReader
from engine.settings import ReaderName
from tests.engine.media.drawn_clips import film, number_in

CLOSED = {"x264-params": "open-gop=0:keyint=20:bframes=3"}
needs_decord = pytest.mark.usefixtures("_decord")


@pytest.fixture
def _decord() -> None:
    pytest.importorskip("decord", reason="decord has no wheel for this machine")


@needs_decord
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_frames_are_those_of_pyav(tmp_path: Path, rotation: int) -> None:
    path = film(tmp_path / "clip.mp4", count=40, options=CLOSED, rotation=rotation)
    with open_reader(path, ReaderName.DECORD) as second, open_reader(path) as first:
        assert second.info == first.info
        for start, stop in ((0, 16), (12, 28), (39, 40), (5, 6)):
            found = second.read(start, stop)
            assert (found - first.read(start, stop)).abs().mean() < 2 / 255
            if rotation == 0:
                assert [number_in(frame) for frame in found] == list(range(start, stop))


@needs_decord
def test_long_windows_are_read_by_several_readers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film(tmp_path / "clip.mp4", count=30, options=CLOSED)
    monkeypatch.setattr("engine.media.decord_reader.AHEAD_BYTES", 7 * 96 * 64 * 3)
    with open_reader(path, ReaderName.DECORD) as reader:
        opened: list[int] = []
        once = DecordReader._open

        def count(self: DecordReader) -> object:
            opened.append(1)
            return once(self)

        monkeypatch.setattr(DecordReader, "_open", count)
        assert [number_in(frame) for frame in reader.read(0, 30)] == list(range(30))
    assert len(opened) == 5


@needs_decord
@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"options": {"x264-params": "open-gop=1:keyint=6:min-keyint=6:bframes=3:scenecut=0"}}, "before the key frame"),
        ({"encoder": "libsvtav1", "options": {"preset": "12"}}, "av1"),
        ({"encoder": "libx265", "pixels": "yuv420p10le", "options": {"x265-params": "log-level=none"}}, "8 bits"),
        ({"times": [15000, 16001, 17002]}, "begin at 0"),
        ({"height": 720, "count": 2}, "not tagged"),
    ],
)
def test_what_decord_gets_wrong_is_refused(tmp_path: Path, values: dict[str, object], reason: str) -> None:
    path = film(tmp_path / "clip.mp4", **values)
    with pytest.raises(MediaError, match=rf"{reason}.*--reader pyav"):
        open_reader(path, ReaderName.DECORD)
    with open_reader(path) as reader:
        assert reader.read(0, 1).shape[0] == 1


def test_missing_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load: Callable[..., object] = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name == "decord":
            raise ModuleNotFoundError(name)
        return load(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MediaError, match=r"pip install 'restyle\[decord\]'"):
        open_reader(film(tmp_path / "clip.mp4"), ReaderName.DECORD)
