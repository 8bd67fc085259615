"""Frames come out as a player shows them, whichever window is asked for first."""

import random
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil
import pytest
import torch

from engine.errors import MediaError, SettingsError
from engine.media import open_reader, pyav_reader
from engine.media.pyav_reader import PyavReader
from tests.engine.media.drawn_clips import STEP, TICK, drawn_tensor, film, number_in

OPEN_GOP = {"x264-params": "open-gop=1:keyint=12:min-keyint=12:bframes=3:scenecut=0"}


def assert_random_equals_sequential(path: Path, tries: int = 25) -> None:
    with open_reader(path) as reader:
        frames = torch.cat([reader.read(number, number + 1) for number in range(reader.info.frames)])
    chance = random.Random(5)
    with open_reader(path) as reader:
        for _ in range(tries):
            start = chance.randrange(reader.info.frames)
            stop = min(start + chance.randrange(1, 9), reader.info.frames)
            assert torch.equal(reader.read(start, stop), frames[start:stop]), f"frames {start} to {stop}"


def test_every_frame_is_delivered_once_and_in_order(tmp_path: Path) -> None:
    with open_reader(film(tmp_path / "clip.mp4", count=40)) as reader:
        frames = reader.read(0, 40)
    assert frames.shape == (40, 3, 64, 96)
    assert frames.dtype == torch.float32
    assert [number_in(frame) for frame in frames] == list(range(40))


def test_frames_are_the_drawn_ones(tmp_path: Path) -> None:
    path = film(tmp_path / "clip.mkv", count=4, encoder="ffv1", pixels="bgr0")
    with open_reader(path) as reader:
        torch.testing.assert_close(reader.read(0, 4), drawn_tensor(4, 96, 64))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("open.mp4", {"options": OPEN_GOP}),
        ("x265.mp4", {"encoder": "libx265", "options": {"x265-params": "log-level=none:keyint=12:bframes=3"}}),
        ("vp9.webm", {"encoder": "libvpx-vp9", "options": {"g": "12", "speed": "8"}}),
        ("av1.mp4", {"encoder": "libsvtav1", "options": {"preset": "12", "svtav1-params": "keyint=12"}}),
        ("mpeg4.avi", {"encoder": "mpeg4", "options": {"bf": "2", "g": "12"}}),
        ("stream.ts", {"options": {"g": "12"}}),
        ("every_frame_a_key.mov", {"encoder": "prores_ks", "pixels": "yuv422p10le"}),
    ],
)
def test_random_access_gives_the_sequential_frames(tmp_path: Path, name: str, values: dict[str, object]) -> None:
    path = film(tmp_path / name, count=50, **values)
    assert_random_equals_sequential(path)
    with open_reader(path) as reader:
        assert [number_in(frame) for frame in reader.read(0, 50)] == list(range(50))


def test_windows_that_follow_or_overlap_cost_no_seek(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[int] = []
    begin = PyavReader._start

    def start(self: PyavReader, key: int) -> None:
        starts.append(key)
        begin(self, key)

    monkeypatch.setattr(PyavReader, "_start", start)
    with open_reader(film(tmp_path / "clip.mp4", count=60)) as reader:
        for first in range(0, 48, 8):
            window = reader.read(first, first + 12)
            assert [number_in(frame) for frame in window] == list(range(first, first + 12))
    assert len(starts) == 1


@pytest.mark.parametrize("clockwise", [90, 180, 270])
def test_rotation_is_applied(tmp_path: Path, clockwise: int) -> None:
    path = film(tmp_path / "turned.mp4", count=2, rotation=-clockwise)
    with open_reader(path) as reader, open_reader(film(tmp_path / "plain.mp4", count=2)) as plain:
        assert reader.info.rotation == clockwise
        expected = torch.rot90(plain.read(0, 2), -clockwise // 90, (2, 3))
        assert (reader.info.height, reader.info.width) == expected.shape[2:]
        assert torch.equal(reader.read(0, 2), expected)


def test_mirrored_display_matrix_is_applied(tmp_path: Path) -> None:
    path = tmp_path / "mirrored.mp4"
    with av.open(film(tmp_path / "plain.mp4", count=2)) as source, av.open(path, "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        stream.set_display_matrix((-65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30))
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    with open_reader(path) as reader, open_reader(tmp_path / "plain.mp4") as plain:
        assert torch.equal(reader.read(0, 2), plain.read(0, 2).flip(3))


@pytest.mark.parametrize(
    ("matrix", "full", "height", "pixels"),
    [(1, False, 64, "yuv444p"), (6, False, 64, "yuv444p"), (1, True, 64, "yuv444p"), (6, True, 64, "yuv444p"),
     (9, False, 64, "yuv444p10le"), (1, False, 64, "yuv444p10le"), (2, False, 64, "yuv444p"),
     (2, False, 720, "yuv444p")],
)  # fmt: skip
def test_matrix_and_range_are_honoured(tmp_path: Path, matrix: int, full: bool, height: int, pixels: str) -> None:
    """Code values are computed here by the definition of BT.601, BT.709 and BT.2020; untagged HD counts as BT.709."""
    red, blue = {1: (0.2126, 0.0722), 9: (0.2627, 0.0593)}.get(matrix, (0.299, 0.114))
    if matrix == 2 and height >= 720:
        red, blue = 0.2126, 0.0722
    patches = np.random.default_rng(3).uniform(0.05, 0.95, (8, 3))
    luma = patches @ (red, 1 - red - blue, blue)
    planes = np.stack([luma, (patches[:, 2] - luma) / (2 - 2 * blue), (patches[:, 0] - luma) / (2 - 2 * red)])
    depth = 10 if "10" in pixels else 8
    top = (1 << depth) - 1
    step = 1 << (depth - 8)
    luma_scale, chroma_scale, black = (top, top, 0) if full else (219 * step, 224 * step, 16 * step)
    codes = np.stack([planes[0] * luma_scale + black, *(planes[1:] * chroma_scale + 128 * step)]).round()
    picture = np.repeat(codes[:, None, :], height, 1).repeat(16, 2).astype(np.uint8 if depth == 8 else "<u2")
    path = tmp_path / "patches.mkv"
    with av.open(path, "w") as target:
        stream = target.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, height, pixels
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, 2 if full else 1
        frame = av.VideoFrame(128, height, pixels)
        for plane, values in zip(frame.planes, picture, strict=True):
            padded = np.zeros((height, plane.line_size // values.itemsize), values.dtype)
            padded[:, :128] = values
            plane.update(padded.tobytes())
        frame.pts, frame.colorspace, frame.color_range = 0, matrix, 2 if full else 1
        target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    with open_reader(path) as reader:
        found = reader.read(0, 1)[0, :, height // 2, 8::16].T
    assert np.abs(found.numpy() - patches).max() < (2 if depth == 8 else 0.6) / 255  # 8 bits alone are up to 1.7 off


def test_interlaced_clip_becomes_whole_pictures_at_the_same_times(tmp_path: Path) -> None:
    """A bar moves 4 pixels from field to field: woven it shows combs, deinterlaced it shows none."""
    path = tmp_path / "woven.mp4"
    with av.open(path, "w") as target:
        stream = target.add_stream("libx264", rate=25, options={"x264-params": "tff=1", "crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
        for number in range(12):
            picture = np.full((64, 128, 3), 60, np.uint8)
            picture[0::2, 8 * number : 8 * number + 24] = 200
            picture[1::2, 8 * number + 4 : 8 * number + 28] = 200
            frame = av.VideoFrame.from_ndarray(picture)
            frame.pts = number
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    with open_reader(path) as reader:
        assert reader.info.interlaced
        assert reader.info.times == tuple(Fraction(number, 25) for number in range(12))
        frames = reader.read(0, 12)
    combs = (frames[:, 0, 1:-1] - (frames[:, 0, :-2] + frames[:, 0, 2:]) / 2).abs()
    assert combs[2:-2].mean() < 0.01
    assert 0.25 < frames.mean() < 0.5
    assert_random_equals_sequential(path)


def damaged(path: Path, target: Path, seed: int) -> Path:
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat")
    size = int.from_bytes(data[start - 4 : start], "big")
    chance = random.Random(seed)
    for _ in range(25):
        spot = chance.randrange(start + 1500, start + size - 64)
        data[spot : spot + 24] = chance.randbytes(24)
    target.write_bytes(data)
    return target


@pytest.mark.parametrize("seed", [0, 1, 5, 6])
def test_damaged_frames_are_delivered_and_warned_of(tmp_path: Path, seed: int) -> None:
    """Of some of these clips whole groups are lost; frames are not even given in their order."""
    options = {"g": "15", "crf": "5", "threads": "1"}
    clip = film(tmp_path / "clip.mp4", count=60, width=256, height=128, options=options)
    path = damaged(clip, tmp_path / "damaged.mp4", seed)
    with open_reader(path) as reader:
        assert reader.info.frames == 60
        assert reader.read(0, 60).shape[0] == 60
        assert "of 60 frames are faulty" in reader.warnings[-1]
        assert reader.warnings[-1].count("\n") == 0
    assert_random_equals_sequential(path)


def test_cut_off_clip_delivers_what_is_there_and_says_how_many(tmp_path: Path) -> None:
    options = {"movflags": "faststart"}
    clip = film(tmp_path / "clip.mp4", count=60, width=256, height=128)
    whole = tmp_path / "whole.mp4"
    with av.open(clip) as source, av.open(whole, "w", container_options=options) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.7)])
    with open_reader(path) as reader:
        count = reader.info.frames
        assert 0 < count < 60
        assert reader.info.warnings == (f"{path} is damaged: {count} of 60 frames can be read.",)
        assert [number_in(frame) for frame in reader.read(0, count)] == list(range(count))
        assert reader.info.end == (reader.info.times[-1] + STEP * TICK)


def test_memory_does_not_grow_with_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyav_reader, "KEPT_FRAMES", 8)
    path = film(tmp_path / "long.mp4", count=240, width=640, height=360, encoder="mpeg4")
    process = psutil.Process()
    with open_reader(path) as reader:
        used = []
        for start in range(0, 240, 8):
            reader.read(start, start + 8)
            used.append(process.memory_info().rss)
    assert used[-1] - used[5] < 30 << 20  # 160 decoded frames would be 55 MB, as tensors 440


def test_windows_beyond_the_clip_are_refused(tmp_path: Path) -> None:
    with open_reader(film(tmp_path / "clip.mp4", count=5)) as reader:
        for start, stop in ((-1, 2), (3, 6), (2, 2)):
            with pytest.raises(ValueError, match="has 0 to 5"):
                reader.read(start, stop)


def test_alpha_of_a_clip_without_alpha_is_refused(tmp_path: Path) -> None:
    with open_reader(film(tmp_path / "clip.mp4", count=2)) as reader, pytest.raises(MediaError, match="no alpha"):
        reader.read_alpha(0, 1)


def test_rate_for_a_clip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="own frame times"):
        open_reader(film(tmp_path / "clip.mp4", count=2), rate=Fraction(25))
