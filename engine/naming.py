"""What is made of a source is called after it, and lies beside it: results, their job folders, sheets, maps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from engine.media import JOB, PICTURES, is_sequence
from engine.settings import Codec, Settings

SUFFIXES = {Codec.H264: ".mp4", Codec.HEVC: ".mp4", Codec.PRORES4444: ".mov"}


def stem_of(source: Path) -> Path:
    """This is how the names of all that is made of a source begin: `a/shot.%04d.png` gives `a/shot`, `.` its folder."""
    named = source if source.name else source.absolute()
    return named.with_name(named.stem.split("%")[0].rstrip("._-*") or "restyled")


def default_output(source: Path, settings: Settings) -> Path:
    """This names a result beside its source: `harbour.mp4` becomes `harbour.watercolor.mp4`, a folder has no dot.

    Of one picture a picture is made, `cat.jpg` becomes `cat.ink.png`, unless a codec for clips is asked for.
    """
    stem = stem_of(source)
    look = settings.load_look()
    name = look.name if look else "restyled"
    if settings.codec in (Codec.H264, Codec.PNG) and source.is_file() and is_sequence(source):
        return stem.with_name(f"{stem.name}.{name}.png")
    if settings.codec is Codec.PNG:
        return stem.with_name(f"{stem.name.replace('.', '-')}-{name}")
    return stem.with_name(f"{stem.name}.{name}{SUFFIXES[settings.codec]}")


def as_named(settings: Settings, output: Path) -> Settings:
    """This takes the codec of pictures for an output that is named like one, where none but the usual is asked for."""
    named = settings.codec is Codec.H264 and output.suffix.lower() in PICTURES
    return replace(settings, codec=Codec.PNG) if named else settings


def job_folder(output: Path) -> Path:
    """This names the folder in which the job of a result is kept, beside it: `harbour.comic.mp4.restyle`."""
    return output.with_name(output.name + JOB)
