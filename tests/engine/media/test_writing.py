"""A result has its source's frames, times, sound and shape, and its name only when it is whole."""

import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

from engine.errors import MediaError, SettingsError
from engine.media import MapWriter, Writer, check_output, open_reader, probe, write_lossless
from engine.media.info import Transfer
from engine.settings import Codec
from tests.engine.media.drawn_clips import TICK, drawn_tensor, film, number_in


def rewrite(source: Path, target: Path, codec: Codec = Codec.H264) -> tuple[str, ...]:
    """This writes a source's own frames again, in windows of 7, and gives the warnings."""
    with open_reader(source) as reader, Writer(target, codec, reader.info) as writer:
        for start in range(0, reader.info.frames, 7):
            stop = min(start + 7, reader.info.frames)
            alpha = reader.read_alpha(start, stop) if codec is Codec.PRORES4444 and reader.info.alpha else None
            writer.write(reader.read(start, stop), alpha)
        return writer.warnings


def other_packets(path: Path) -> list[tuple[str, Fraction | None, Fraction | None, bytes]]:
    with av.open(path) as source:
        streams = [stream for stream in source.streams if stream.type in ("audio", "subtitle")]
        return [
            (
                packet.stream.type,
                None if packet.pts is None else packet.pts * packet.time_base,
                None if packet.dts is None else packet.dts * packet.time_base,
                bytes(packet),
            )
            for packet in (source.demux(*streams) if streams else ())
            if packet.size
        ]


UNEVEN = [0, 1001, 3003, 3500, 9001, 9900, 15015, 15016, 20000]
SOURCES: dict[str, dict[str, Any]] = {
    "even.mp4": {"count": 30, "sound": "aac"},
    "uneven.mp4": {"times": UNEVEN, "sound": "aac"},
    "late.mp4": {"times": [2500 + 1001 * n for n in range(20)], "sound": "aac"},
    "sound.mp4": {"times": [1000 * n for n in range(12)], "sound": "aac", "sound_from": Fraction(8545, 48000)},
    "one.mp4": {"count": 1},
    "odd.mp4": {"count": 5, "width": 97, "height": 63, "pixels": "yuv444p"},
    "turned.mov": {"count": 5, "rotation": 90, "sound": "pcm_s16le"},
    "wide.mp4": {"count": 5, "pixel_ratio": Fraction(64, 45)},
    "film.mkv": {"times": [0, 990, 2010, 3000, 9000], "sound": "libopus"},
}


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("codec", [Codec.H264, Codec.HEVC])
def test_result_has_the_sources_frames_times_sound_and_shape(tmp_path: Path, name: str, codec: Codec) -> None:
    source = film(tmp_path / name, **SOURCES[name])
    target = tmp_path / f"result{source.suffix}"
    rewrite(source, target, codec)
    old, new = probe(source), probe(target)
    assert new.times == old.times
    assert new.end == old.end
    assert (new.width, new.height, new.rotation) == (old.width, old.height, 0)
    assert new.sample_aspect_ratio == old.sample_aspect_ratio
    assert other_packets(target) == other_packets(source)
    with open_reader(target) as reader:
        assert [number_in(torch.rot90(f, (old.rotation // 90), (1, 2))) for f in reader.read(0, new.frames)] == list(
            range(old.frames)
        )


@pytest.mark.parametrize("codec", [Codec.H264, Codec.HEVC, Codec.PRORES4444])
def test_colours_survive_and_are_tagged(tmp_path: Path, codec: Codec) -> None:
    patches = torch.from_numpy(np.random.default_rng(4).uniform(0, 1, (3, 4, 6))).float()
    frame = patches.repeat_interleave(16, 1).repeat_interleave(16, 2)[None]
    target = tmp_path / "colours.mov"
    info = probe(film(tmp_path / "clip.mov", count=3))
    with Writer(target, codec, info) as writer:
        writer.write(frame.expand(3, 3, 64, 96))
    with open_reader(target) as reader:
        assert (reader.info.matrix, reader.info.full_range) == ("bt709", False)
        found = reader.read(1, 2)[0, :, 8::16, 8::16]
    assert (found - patches).abs().max() < 8 / 255
    assert (found - patches).abs().mean() < 1.5 / 255
    with av.open(target) as clip:
        decoded = next(clip.decode(video=0))
        assert (decoded.color_range, decoded.colorspace, decoded.color_trc, decoded.color_primaries) == (1, 1, 1, 1)
        if codec is Codec.HEVC:
            assert clip.streams.video[0].codec_tag == "hvc1"


@pytest.mark.parametrize("kind", [".mov", ".mp4", ".mkv"])
@pytest.mark.parametrize("result", ["h264.mov", "h264.mp4", "h264.mkv", "prores4444.mov"])
def test_timecode_goes_along_and_is_not_told_as_lost(tmp_path: Path, kind: str, result: str) -> None:
    source = film(tmp_path / f"clip{kind}", count=20, timecode="10:59:58;12", sound="aac")
    assert rewrite(source, tmp_path / result, Codec(result.split(".")[0])) == ()
    assert probe(tmp_path / result).timecode == probe(source).timecode == "10:59:58;12"
    assert probe(tmp_path / result).other_streams == ("audio aac",)
    assert rewrite(source, tmp_path / "frames", Codec.PNG) == (
        "Left out, since a folder of frames cannot hold it: audio aac, timecode.",
    )


def test_timecode_counts_on_the_sources_reel_and_stays_with_uneven_times(tmp_path: Path) -> None:
    source = film(tmp_path / "clip.mov", times=UNEVEN, timecode="01:00:00:00", reel="A001C003")
    rewrite(source, tmp_path / "result.mov")
    found = probe(tmp_path / "result.mov")
    assert (found.timecode, found.reel) == ("01:00:00:00", "A001C003")
    assert found.times == probe(source).times


def test_index_comes_before_the_data(tmp_path: Path) -> None:
    rewrite(film(tmp_path / "clip.mp4"), tmp_path / "result.mp4")
    data = (tmp_path / "result.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_same_frames_give_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    source = film(tmp_path / f"clip{suffix}", count=40, sound="aac")
    rewrite(source, tmp_path / f"one{suffix}")
    rewrite(source, tmp_path / f"two{suffix}")
    assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()


def test_prores_keeps_alpha(tmp_path: Path) -> None:
    info = probe(film(tmp_path / "clip.mov", count=3))
    alpha = torch.linspace(0, 1, 96).expand(3, 1, 64, 96)
    with Writer(tmp_path / "result.mov", Codec.PRORES4444, info) as writer:
        writer.write(drawn_tensor(3, 96, 64), alpha)
    with open_reader(tmp_path / "result.mov") as reader:
        assert reader.info.alpha
        assert (reader.read_alpha(0, 3) - alpha).abs().max() < 1 / 255
        assert (reader.read(0, 3) - drawn_tensor(3, 96, 64)).abs().mean() < 2 / 255


def test_alpha_of_the_source_that_is_lost_is_told(tmp_path: Path) -> None:
    film(tmp_path / "clip.mov", count=2, encoder="prores_ks", pixels="yuva444p10le", options={"profile": "4444"})
    assert "alpha" in rewrite(tmp_path / "clip.mov", tmp_path / "result.mov")[0]
    assert rewrite(tmp_path / "clip.mov", tmp_path / "kept.mov", Codec.PRORES4444) == ()


def test_png_folder_holds_every_frame_and_replaces_an_older_one(tmp_path: Path) -> None:
    source = film(tmp_path / "clip.mkv", count=9, encoder="ffv1", pixels="bgr0", sound="aac")
    for _ in range(2):
        warnings = rewrite(source, tmp_path / "frames", Codec.PNG)
    assert "audio aac" in warnings[0]
    with open_reader(tmp_path / "frames") as reader:
        torch.testing.assert_close(reader.read(0, 9), drawn_tensor(9, 96, 64))
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mkv", "frames"}


def test_another_size_can_be_written(tmp_path: Path) -> None:
    info = probe(film(tmp_path / "clip.mp4", count=4))
    with Writer(tmp_path / "result.mp4", Codec.H264, info, width=64, height=48) as writer:
        writer.write(drawn_tensor(4, 64, 48))
    result = probe(tmp_path / "result.mp4")
    assert (result.width, result.height, result.times) == (64, 48, info.times)


def test_stills_become_a_clip_of_their_rate(tmp_path: Path) -> None:
    rewrite(film(tmp_path / "clip.mkv", count=6, encoder="ffv1", pixels="bgr0"), tmp_path / "frames", Codec.PNG)
    with open_reader(tmp_path / "frames", rate=TICK**-1 / 1001) as reader:
        with Writer(tmp_path / "result.mp4", Codec.H264, reader.info) as writer:
            writer.write(reader.read(0, 6))
        assert probe(tmp_path / "result.mp4").times == reader.info.times


def test_subtitles_are_copied_where_they_fit(tmp_path: Path) -> None:
    source = with_subtitles(tmp_path)
    assert rewrite(source, tmp_path / "result.mkv") == ()
    assert other_packets(tmp_path / "result.mkv") == other_packets(source)
    assert any(kind == "subtitle" for kind, *_ in other_packets(source))
    warnings = rewrite(source, tmp_path / "result.mp4")
    assert warnings == ("Left out, since the result cannot hold it: subtitle subrip.",)


def with_subtitles(folder: Path) -> Path:
    words = "1\n00:00:00,100 --> 00:00:00,400\nHello\n\n2\n00:00:00,500 --> 00:00:00,900\nBye\n"
    (folder / "words.srt").write_text(words)
    source = film(folder / "silent.mkv", count=30, sound="aac")
    path = folder / "talking.mkv"
    with av.open(source) as old, av.open(folder / "words.srt") as subtitles, av.open(path, "w") as new:
        copies = {(id(c), s.index): new.add_stream_from_template(s) for c in (old, subtitles) for s in c.streams}
        for container in (old, subtitles):
            for packet in container.demux():
                if packet.size:
                    packet.stream = copies[id(container), packet.stream_index]
                    new.mux(packet)
    return path


def test_failure_leaves_nothing_and_keeps_the_old_result(tmp_path: Path) -> None:
    info = probe(film(tmp_path / "clip.mp4", count=20, sound="aac"))
    (tmp_path / "result.mp4").write_text("older")
    for wrong in (torch.zeros(1, 3, 8, 8), torch.zeros(30, 3, 64, 96), None):
        with pytest.raises(ValueError), Writer(tmp_path / "result.mp4", Codec.H264, info) as writer:  # noqa: PT011, PT012
            writer.write(drawn_tensor(3, 96, 64))
            if wrong is not None:  # without it the writer is closed too early
                writer.write(wrong)
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mp4", "result.mp4"}
    assert (tmp_path / "result.mp4").read_text() == "older"


def test_frames_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    info = probe(film(tmp_path / "clip.mp4", count=2))
    for frames, alpha, words in (
        (torch.zeros(1, 3, 10, 96), None, r"\[T, 3, 64, 96\]"),
        (torch.zeros(3, 3, 64, 96), None, "more frames"),
        (torch.zeros(1, 3, 64, 96), torch.zeros(1, 1, 64, 96), "no alpha"),
    ):
        with pytest.raises(ValueError, match=words), Writer(tmp_path / "result.mp4", Codec.H264, info) as writer:
            writer.write(frames, alpha)


@pytest.mark.parametrize(
    ("name", "codec", "words"),
    [
        ("result.avi", Codec.H264, r"\.mp4, \.m4v, \.mov or \.mkv"),
        ("result.jpg", Codec.H264, r"not to result\.jpg\. For pictures say --codec png and name a folder\.$"),
        ("result.mp4", Codec.PRORES4444, r"written to \.mov, not to result\.mp4\.$"),
        ("result.mp4", Codec.PNG, "Name it result"),
        ("clip.mp4", Codec.H264, "source itself"),
        (".", Codec.PNG, "source itself or its folder"),
    ],
)
def test_mismatched_names_are_refused_with_what_would_work(tmp_path: Path, name: str, codec: Codec, words: str) -> None:
    info = probe(film(tmp_path / "clip.mp4"))
    with pytest.raises(SettingsError, match=words):
        check_output(tmp_path / name, codec, info)


def test_a_folder_with_other_things_is_not_replaced(tmp_path: Path) -> None:
    info = probe(film(tmp_path / "clip.mp4"))
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "thesis.txt").write_text("all my work")
    with pytest.raises(SettingsError, match="other things"):
        check_output(tmp_path / "frames", Codec.PNG, info)


@pytest.mark.parametrize(("name", "codec"), [("result.mp4", Codec.H264), ("frames", Codec.PNG)])
@pytest.mark.parametrize(("transfer", "told"), [(Transfer.HLG, ["HLG"]), (Transfer.PQ, ["PQ"]), (Transfer.SDR, [])])
def test_it_is_told_that_the_result_of_an_hdr_clip_is_not(
    tmp_path: Path, name: str, codec: Codec, transfer: Transfer, told: list[str]
) -> None:
    notes = check_output(tmp_path / name, codec, replace(probe(film(tmp_path / "clip.mp4")), transfer=transfer))
    assert [f"HDR ({name})" in note for name, note in zip(told, notes, strict=True)] == [True] * len(told)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no folder"):
        check_output(tmp_path / "absent" / "result.mp4", Codec.H264, probe(film(tmp_path / "clip.mp4")))


def test_sound_that_does_not_fit_is_refused_with_a_name_that_would_do(tmp_path: Path) -> None:
    info = probe(film(tmp_path / "clip.mkv", count=3, sound="pcm_s16le"))
    with pytest.raises(SettingsError, match=r"pcm_s16le.*\.mp4: name the result result\.mov"):
        check_output(tmp_path / "result.mp4", Codec.H264, info)
    vorbis = replace(info, other_streams=("audio vorbis",))
    with pytest.raises(SettingsError, match=r"vorbis.*name the result result\.mkv"):
        check_output(tmp_path / "result.mp4", Codec.H264, vorbis)
    check_output(tmp_path / "result.mkv", Codec.H264, vorbis)


@pytest.mark.parametrize(("codec", "name", "told"), [(Codec.H264, "a.mp4", 1), (Codec.PRORES4444, "a.mov", 0)])
def test_odd_sides_that_few_players_show_are_told_of(tmp_path: Path, codec: Codec, name: str, told: int) -> None:
    info = probe(film(tmp_path / "clip.mp4", count=3))
    notes = check_output(tmp_path / name, codec, info, 427, 240)
    assert [("427x240 are odd" in note, "--size 426x240" in note) for note in notes] == [(True, True)] * told
    assert check_output(tmp_path / name, codec, info, 426, 240) == ()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a process's files")
def test_a_full_disk_is_said_in_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    import resource

    info = probe(film(tmp_path / "clip.mp4", count=40))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.raises(MediaError, match=r"result\.mp4 cannot be written"):  # noqa: SIM117 - the raise is in the exit
            with Writer(tmp_path / "result.mp4", Codec.H264, info) as writer:
                writer.write(torch.rand(40, 3, 64, 96))
        with pytest.raises(MediaError, match=r"chunk\.mkv cannot be written"):
            write_lossless(tmp_path / "chunk.mkv", torch.rand(2, 3, 64, 96))
        for name in ("depth.mkv", "depth"):
            with pytest.raises(MediaError, match=rf"/{name} cannot be written"):  # noqa: SIM117
                with MapWriter(tmp_path / name, info, (64, 96)) as maps:
                    maps.write(torch.rand(40, 1, 64, 96))
        with pytest.raises(MediaError, match="/stills cannot be written"):  # noqa: SIM117
            with Writer(tmp_path / "stills", Codec.PNG, info) as writer:
                writer.write(torch.rand(1, 3, 64, 96))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_uneven_clips_end_with_their_source_however_their_last_frames_are_ordered(tmp_path: Path) -> None:
    for count in range(10, 34, 2):
        times = [1001 * number + 350 * (number % 3) for number in range(count)]
        info = probe(film(tmp_path / "clip.mp4", count=count, times=times, options={"bf": "0"}))
        moving = torch.rand(count, 3, 64, 96, generator=torch.Generator().manual_seed(count)) * 0.2
        for end in (info.end, info.times[-1]):  # some phones give the last frame no time at all
            with Writer(tmp_path / "result.mp4", Codec.H264, replace(info, end=end)) as writer:
                writer.write(drawn_tensor(count, 96, 64) * 0.8 + moving[:, :, :, :1])
            with av.open(tmp_path / "result.mp4") as file:
                stream = file.streams.video[0]
                assert abs((stream.duration or 0) * (stream.time_base or 0) - end) <= TICK
            assert probe(tmp_path / "result.mp4").times == info.times
