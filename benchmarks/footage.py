"""Every file of a folder restyled, and held to its source: `python -m benchmarks.footage`.

Both files are read here by PyAV alone, not by the engine: number of frames, each frame's time, the end of the picture,
its upright size, the packets of sound byte for byte and with their times. A file is restyled exactly or refused in one
line; anything else is a fault and ends the program with 1.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path

import av
from av.stream import Disposition

from benchmarks.jobs import choose_model, settings_for
from engine.errors import RestyleError
from engine.pipeline import restyle
from engine.telling import Result

CLIPS = {".mp4", ".m4v", ".mov", ".mkv", ".webm"}
STILLS = {".png", ".jpg", ".tif", ".exr"}
FOOTAGE = Path(__file__).parents[2] / "shared" / "footage"


@dataclass(frozen=True)
class Facts:
    """What a player sees: `times` and `end` in seconds, `size` upright, `sound` a digest and the first time of each."""

    frames: int
    times: tuple[Fraction, ...]
    end: Fraction
    size: tuple[int, int]
    sound: tuple[tuple[str, Fraction], ...]


def read_facts(path: Path) -> Facts:
    """This reads a clip's facts."""
    with av.open(path) as file:
        picture = next(s for s in file.streams.video if not s.disposition & Disposition.attached_pic)
        sounds = {stream.index: hashlib.sha256() for stream in file.streams.audio}
        starts: dict[int, Fraction] = {}
        shown: list[tuple[Fraction, Fraction]] = []
        for packet in file.demux(picture, *file.streams.audio):
            if not packet.size or packet.pts is None:
                continue
            seconds = packet.pts * packet.time_base
            if packet.stream_index in sounds:
                starts.setdefault(packet.stream_index, seconds)
                sounds[packet.stream_index].update(f"{seconds}".encode() + bytes(packet))
            elif not packet.is_discard:
                shown.append((seconds, (packet.duration or 0) * packet.time_base))
        last, lasts = max(shown)
        told = ((picture.start_time or 0) + (picture.duration or 0)) * (picture.time_base or 1)
        # Some files say that they end before their last frame is shown.
        end = told if "mp4" in file.format.name and told >= last else last + lasts
    times = tuple(sorted({seconds for seconds, _ in shown}))
    digests = tuple((sounds[index].hexdigest()[:8], start) for index, start in starts.items())
    return Facts(len(times), times, Fraction(end), _upright_size(path), digests)


def _upright_size(path: Path) -> tuple[int, int]:
    with av.open(path) as file:
        first = next(file.decode(video=0))
        turned = first.rotation % 180 != 0
        return (first.height, first.width) if turned else (first.width, first.height)


def sources(folder: Path) -> Iterator[Path]:
    """This lists the clips below a folder, and its stills in a row as patterns."""
    seen = set()
    for path in sorted(folder.rglob("*")):
        if path.suffix in STILLS:
            path = path.with_name(re.sub(r"\d+(?=\.\w+$)", lambda n: f"%0{len(n[0])}d", path.name))
        if path.suffix in CLIPS | STILLS and path not in seen:
            seen.add(path)
            yield path


def compare(source: Path, result: Result) -> dict[str, str]:
    """This says for each fact "=", or what it was and has become."""
    if source.suffix in STILLS:
        count = sum(1 for _ in source.parent.glob(re.sub(r"%\d+d", "*", source.name)))
        made = read_facts(result.output).frames
        return {"frames": f"{made}=" if made == count else f"{count} > {made}"}
    before, after = read_facts(source), read_facts(result.output)
    told = {f.name: "=" for f in fields(Facts) if getattr(before, f.name) == getattr(after, f.name)}
    told = {f.name: told.get(f.name) or _change(before, after, f.name) for f in fields(Facts)}
    told["frames"] = f"{before.frames}=" if before.frames == after.frames else told["frames"]
    if not before.sound:
        told["sound"] = "none"
    return told


def _change(before: Facts, after: Facts, name: str) -> str:
    if name == "times":
        off = [abs(a - b) for a, b in zip(before.times, after.times, strict=False)]
        return f"off {float(max(off)) * 1000:.3f} ms"
    old, new = getattr(before, name), getattr(after, name)
    return f"{float(old):.4f} > {float(new):.4f}" if isinstance(old, Fraction) else f"{old} > {new}"


def main(arguments: Sequence[str] | None = None) -> None:
    """This prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=FOOTAGE)
    parser.add_argument("--model", default="starter", help="a model's name or folder, or none (default: %(default)s)")
    parser.add_argument("--only", default="", help="files whose names contain this")
    parser.add_argument("--keep", type=Path, help="a folder in which the results stay, to be looked at")
    chosen = parser.parse_args(arguments)
    print(choose_model(chosen.model))
    columns = [field.name for field in fields(Facts)]
    print(f"{'file':38}" + "".join(f"{name:>8}" for name in columns) + f"{'seconds':>9}")
    faults, chosen_ones = 0, [path for path in sources(chosen.folder) if chosen.only in str(path)]
    if not chosen_ones:
        sys.exit(f"nothing to restyle in {chosen.folder}")
    with tempfile.TemporaryDirectory() as folder:
        kept = chosen.keep or Path(folder)
        kept.mkdir(parents=True, exist_ok=True)
        for number, source in enumerate(chosen_ones):
            name, plain = str(source.relative_to(chosen.folder)), source.stem.replace("%", "")
            started = time.monotonic()
            try:
                result = restyle(source, kept / f"{number:02}.{plain}.mp4", settings_for(chosen.model))
            except RestyleError as error:
                faults += "\n" in str(error)
                print(f"{name:38}  refused: {str(error).replace(str(source), source.name)}", flush=True)
                continue
            told = compare(source, result)
            notes = [note.replace(str(source), source.name) for note in result.warnings]
            wrong = [text for text in told.values() if not text.endswith("=") and text != "none"]
            faults += bool(wrong) and not any("damaged" in note for note in notes)
            cells = "".join(f"{told.get(column, ''):>8}" for column in columns)
            print(f"{name:38}{cells}{time.monotonic() - started:9.1f}  {' '.join(notes)}", flush=True)
    print(f"{faults} faults")
    sys.exit(faults > 0)


if __name__ == "__main__":
    main()
