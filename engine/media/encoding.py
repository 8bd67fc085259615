"""How each codec is written: encoder, pixels, quality, and which files and sound it goes with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from engine.errors import MediaError, SettingsError
from engine.media.info import MediaInfo, Transfer
from engine.media.sequence import SUFFIXES, find_stills, is_sequence
from engine.settings import Codec

PICTURES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
"""What one picture is written to, by the suffix of its name."""
MUXERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
# What players take, not all that can be written: FFmpeg puts Vorbis and PCM into MP4, and few can play that.
SOUND = {
    "mp4": ("aac", "mp3", "mp2", "ac3", "eac3", "opus", "flac", "alac"),
    "mov": ("aac", "mp3", "ac3", "eac3", "alac", "pcm_", "adpcm_ima_qt", "amr_nb", "amr_wb"),
    "matroska": ("aac", "mp3", "mp2", "ac3", "eac3", "opus", "flac", "alac", "vorbis", "dts", "truehd", "pcm_", "wma"),
}
SUBTITLES = {
    "mp4": ("mov_text",),
    "mov": ("mov_text",),
    "matroska": ("subrip", "ass", "webvtt", "dvd_subtitle", "hdmv_pgs_subtitle"),
}


@dataclass(frozen=True)
class Encoding:
    """One codec's encoder and the files that it goes into; `pixels` for even sizes, `pixels_odd` for odd ones."""

    title: str
    encoder: str
    suffixes: tuple[str, ...]
    pixels: str
    pixels_odd: str
    options: Mapping[str, str]
    tag: str | None = None
    pixels_alpha: str | None = None


def encoding(codec: Codec) -> Encoding | None:
    """This tells how a codec is written; None for PNG, which is no track in a file."""
    match codec:
        case Codec.H264:
            # Without x264's macroblock tree files are a third larger and better by 2 dB. With it, one encode in 300 on
            # a busy AVX-512 machine gave other bytes for the same frames, even with a single thread.
            options = {"crf": "17", "preset": "medium", "x264-params": "mbtree=0"}
            return Encoding("H.264", "libx264", (".mp4", ".m4v", ".mov", ".mkv"), "yuv420p", "yuv444p", options)
        case Codec.HEVC:
            options = {"crf": "18", "preset": "medium", "x265-params": "log-level=error"}
            suffixes = (".mp4", ".m4v", ".mov", ".mkv")
            # Apple's players want the tag hvc1.
            return Encoding("HEVC", "libx265", suffixes, "yuv420p10le", "yuv444p10le", options, tag="hvc1")
        case Codec.PRORES4444:
            options = {"profile": "4444", "vendor": "apl0", "alpha_bits": "16"}
            pixels, alpha = "yuv444p10le", "yuva444p10le"
            return Encoding("ProRes 4444", "prores_ks", (".mov",), pixels, pixels, options, pixels_alpha=alpha)
        case Codec.PNG:
            return None
        case _:
            assert_never(codec)


def keeps_alpha(path: Path, codec: Codec) -> bool:
    """This says whether a result has room for an alpha channel: of PNG all but a picture that is named a JPEG."""
    chosen = encoding(codec)
    return PICTURES.get(path.suffix.lower()) != "JPEG" if chosen is None else chosen.pixels_alpha is not None


def fits(muxer: str, stream: str) -> bool:
    """This says whether a stream such as "audio aac" goes into a file of this kind unchanged."""
    kind, _, codec = stream.partition(" ")
    names = {"audio": SOUND, "subtitle": SUBTITLES}.get(kind, {}).get(muxer, ())
    return any(codec == name or (name in ("pcm_", "wma") and codec.startswith(name)) for name in names)


def check_output(
    path: str | Path, codec: Codec, info: MediaInfo, width: int | None = None, height: int | None = None
) -> tuple[str, ...]:
    """This checks, before any work, that a result can be written, and tells what will be left out of it.

    Raises:
        SettingsError: suffix and codec, or suffix and the source's sound, do not go together; the result would
            replace its own source.
        MediaError: the folder is missing or may not be written.
    """
    path = Path(path)
    _check_place(path, info)
    size = (width or info.width, height or info.height)
    if min(size) < 16:
        raise SettingsError(f"A clip of {size[0]}x{size[1]} is too small to write; each side needs at least 16 pixels.")
    chosen = encoding(codec)
    if chosen is None:
        return (*_light(info), *_check_pictures(path, info))
    if path.suffix.lower() not in chosen.suffixes:
        stills = f" {_for_pictures(info)}" if path.suffix.lower() in SUFFIXES else ""
        raise SettingsError(f"{chosen.title} is written to {_either(chosen.suffixes)}, not to {path.name}.{stills}")
    _check_sound(path, chosen, info)
    lost = [f"The source's alpha channel is left out: {chosen.title} has none."] if info.alpha else []
    if codec is Codec.PRORES4444:
        lost = []
    if chosen.pixels_odd != chosen.pixels and any(side % 2 for side in size):
        even = "x".join(str(side - side % 2) for side in size)
        lost.append(f"Sides of {size[0]}x{size[1]} are odd, which some players do not show: --size {even}.")
    return (*_light(info), *lost, *left_out(MUXERS[path.suffix.lower()], info.other_streams))


def _light(info: MediaInfo) -> tuple[str, ...]:
    if info.transfer not in (Transfer.HLG, Transfer.PQ):
        return ()
    return (f"The source is HDR ({info.transfer.upper()}), the result is not: it has the light of a normal screen.",)


def left_out(muxer: str, streams: tuple[str, ...]) -> tuple[str, ...]:
    """This tells which of a source's other streams do not go into a file of this kind."""
    lost = [stream for stream in streams if not fits(muxer, stream)]
    return (f"Left out, since the result cannot hold it: {', '.join(lost)}.",) if lost else ()


def _check_place(path: Path, info: MediaInfo) -> None:
    stills = find_stills(info.path) if is_sequence(info.path) else ()
    places = (info.path, info.path.parent, *stills)
    if path.exists() and any(place.exists() and path.samefile(place) for place in places):
        raise SettingsError(f"{path} is the source itself or its folder; choose another name for the result.")
    if not path.parent.is_dir():
        raise MediaError(f"There is no folder {path.parent}. Make it first, or choose another output (-o).")
    if not os.access(path.parent, os.W_OK):
        raise MediaError(f"The folder {path.parent} may not be written.")


def _for_pictures(info: MediaInfo) -> str:
    if info.frames == 1:
        return f"One picture is written to {_either(tuple(PICTURES))}."
    return "For pictures say --codec png and name a folder."


def _check_pictures(path: Path, info: MediaInfo) -> tuple[str, ...]:
    kind = PICTURES.get(path.suffix.lower())
    if kind is not None and path.is_dir():
        raise SettingsError(f"{path} is a folder; choose another name for the picture.")
    if kind is not None and info.frames == 1:
        lost = [*info.other_streams, *(["timecode"] if info.timecode else [])]
        lost += ["alpha channel"] if info.alpha and not keeps_alpha(path, Codec.PNG) else []
        return (f"Left out, since a picture ({kind}) cannot hold it: {', '.join(lost)}.",) if lost else ()
    if kind is not None:
        raise SettingsError(
            f"{path.name} would be one picture, and {info.path.name} has {info.frames} frames. Name a clip, as "
            f"{path.stem}.mp4, or say --codec png and name a folder, as {path.stem}."
        )
    return _check_folder(path, info)


def _check_folder(path: Path, info: MediaInfo) -> tuple[str, ...]:
    if path.suffix:
        raise SettingsError(
            f"PNG frames are written to a folder; {path.name} looks like a file. "
            f"{_for_pictures(info) if info.frames == 1 else f'Name it {path.stem}.'}"
        )
    if path.exists() and (not path.is_dir() or any(not is_frame_name(entry.name) for entry in path.iterdir())):
        raise SettingsError(f"{path} exists and holds other things than PNG frames; choose another name.")
    lost = ", ".join((*info.other_streams, *(["timecode"] if info.timecode else [])))
    return (f"Left out, since a folder of frames cannot hold it: {lost}.",) if lost else ()


def is_frame_name(name: str) -> bool:
    """This recognises the names that the PNG writer gives: frame.000000.png."""
    return name.startswith("frame.") and name.endswith(".png") and name[6:-4].isdigit()


def _check_sound(path: Path, chosen: Encoding, info: MediaInfo) -> None:
    for stream in info.other_streams:
        if not stream.startswith("audio ") or stream == "audio unknown" or fits(MUXERS[path.suffix.lower()], stream):
            continue
        others = [suffix for suffix in chosen.suffixes if fits(MUXERS[suffix], stream)]
        remedy = f"name the result {path.stem}{others[0]}" if others else "convert the sound first"
        raise SettingsError(f"The sound of {info.path.name} ({stream[6:]}) does not go into {path.suffix}: {remedy}.")


def _either(suffixes: tuple[str, ...]) -> str:
    return suffixes[0] if len(suffixes) == 1 else f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"
