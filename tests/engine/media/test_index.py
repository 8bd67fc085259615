"""A file's frames and times are known before anything is decoded; a broken file says what is wrong with it."""

import random
from fractions import Fraction
from pathlib import Path

import av
import pytest

from engine.errors import MediaError
from engine.media import MediaInfo, probe
from tests.engine.media.drawn_clips import STEP, TICK, drawn_frame, film
from tests.engine.media.tiled_photo import draw_tiled_photo


def one_line(path: Path) -> str:
    with pytest.raises(MediaError) as caught:
        probe(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def copied(source: Path, target: Path, skip: int = 0, kinds: tuple[str, ...] = ("video", "audio")) -> Path:
    """This copies packets into another file, without the first `skip` of the picture."""
    with av.open(source) as old, av.open(target, "w") as new:
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams if s.type in kinds}
        for packet in old.demux(*[s for s in old.streams if s.index in streams]):
            if packet.stream.type == "video" and skip > 0:
                skip -= 1
            elif packet.size:
                packet.stream = streams[packet.stream_index]
                new.mux(packet)
    return target


def test_times_are_the_files_own_fractions(tmp_path: Path) -> None:
    ticks = [0, 1001, 3003, 3500, 9001, 9900, 15015]
    info = probe(film(tmp_path / "uneven.mp4", times=ticks))
    assert info.times == tuple(tick * TICK for tick in ticks)
    assert info.variable_rate


def test_end_is_where_the_last_frame_stops(tmp_path: Path) -> None:
    info = probe(film(tmp_path / "even.mp4", count=30))
    assert info.end == 30 * STEP * TICK
    assert info.rate == Fraction(30000, 1001)
    assert not info.variable_rate


def test_a_late_start_is_kept(tmp_path: Path) -> None:
    info = probe(film(tmp_path / "late.mp4", times=[15000 + STEP * n for n in range(10)], sound="aac"))
    assert info.times[0] == Fraction(1, 2)
    assert info.other_streams == ("audio aac",)


def test_pixel_shape_turns_with_the_picture(tmp_path: Path) -> None:
    ratio = Fraction(4, 3)
    assert probe(film(tmp_path / "wide.mp4", count=2, pixel_ratio=ratio)).sample_aspect_ratio == ratio
    turned = probe(film(tmp_path / "turned.mp4", count=2, pixel_ratio=ratio, rotation=90))
    assert (turned.width, turned.height, turned.sample_aspect_ratio) == (64, 96, 1 / ratio)


@pytest.mark.parametrize("name", ["clip.mkv", "clip.ts", "clip.avi", "clip.mov"])
def test_containers_without_a_frame_count_are_counted(tmp_path: Path, name: str) -> None:
    assert probe(film(tmp_path / name, count=37, encoder="mpeg4" if name.endswith("avi") else "libx264")).frames == 37


def test_one_frame_is_a_clip(tmp_path: Path) -> None:
    info = probe(film(tmp_path / "one.mp4", count=1))
    assert info.times == (Fraction(0),)
    assert info.end > 0


def test_frames_that_cannot_be_decoded_at_the_start_are_not_counted(tmp_path: Path) -> None:
    """A recording cut in the middle of a group begins with pictures that lean on what is gone."""
    whole = film(tmp_path / "whole.ts", count=40, options={"g": "10", "bf": "0"})
    assert probe(copied(whole, tmp_path / "cut.ts", skip=5)).frames == 30


def test_hidden_frames_are_not_counted(tmp_path: Path) -> None:
    """Trimming without encoding leaves packets before the cut, which an edit list hides."""
    whole = film(tmp_path / "whole.mp4", count=40, options={"g": "40", "bf": "0"})
    cut = tmp_path / "cut.mp4"
    with av.open(whole) as old, av.open(cut, "w", container_options={"use_editlist": "1"}) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.size and packet.pts is not None and packet.dts is not None:
                packet.pts, packet.dts = packet.pts - 10 * STEP, packet.dts - 10 * STEP
                packet.stream = stream
                new.mux(packet)
    info = probe(cut)
    assert info.frames == 30
    assert info.times[0] == 0


def test_frames_that_share_a_time_are_told_of(tmp_path: Path) -> None:
    path = tmp_path / "doubled.mkv"
    with av.open(path, "w") as target:
        stream = target.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj420p"
        for number in range(6):
            frame = av.VideoFrame.from_ndarray(drawn_frame(number, 96, 64), format="rgb24").reformat(format="yuvj420p")
            frame.pts = number
            for packet in stream.encode(frame):
                packet.pts = packet.dts = 10 * (number // 2)
                target.mux(packet)
    info = probe(path)
    assert info.frames == 3
    assert info.warnings == (f"{path} shows 3 of its frames at the time of another one; they are left out.",)


def test_no_file(tmp_path: Path) -> None:
    assert "no file" in one_line(tmp_path / "absent.mp4")


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    assert "empty" in one_line(tmp_path / "empty.mp4")


def test_garbage(tmp_path: Path) -> None:
    (tmp_path / "garbage.mp4").write_bytes(random.Random(1).randbytes(4096))
    assert "cannot be opened" in one_line(tmp_path / "garbage.mp4")


def test_clip_cut_off_before_its_index(tmp_path: Path) -> None:
    data = film(tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])
    assert "cut off before its index, or not a media file. Copy it once more" in one_line(tmp_path / "cut.mp4")


def test_sound_alone(tmp_path: Path) -> None:
    film(tmp_path / "clip.mp4", sound="aac")
    copied(tmp_path / "clip.mp4", tmp_path / "sound.mp4", kinds=("audio",))
    assert "no moving picture, only: audio" in one_line(tmp_path / "sound.mp4")


def test_a_photo_in_tiles_is_not_taken_for_its_first_tile(tmp_path: Path) -> None:
    photo = draw_tiled_photo(tmp_path / "IMG_0042.HEIC")
    with av.open(photo) as file:
        assert [(tile.width, tile.height) for tile in file.streams.video] == 4 * [(64, 64)]
    assert "JPEG" in one_line(photo)


def test_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    assert "no stills" in one_line(tmp_path / "nothing")


def test_untagged_picture_is_taken_by_its_size(tmp_path: Path) -> None:
    def matrix(**values: int) -> str:
        info: MediaInfo = probe(film(tmp_path / "clip.mp4", count=1, **values))
        return info.matrix

    assert matrix(width=96, height=64) == "bt601"
    assert matrix(width=96, height=720) == "bt709"
    assert matrix(width=1040, height=64) == "bt709"
