"""A photo as phones store it: a HEIC file (ISO/IEC 23008-12) of four tiles, which only together are the picture."""

import struct
from pathlib import Path

import av

from tests.engine.media.drawn_clips import film

TILES = range(1, 5)
WHOLE = 5


def draw_tiled_photo(path: Path, side: int = 64) -> Path:
    """This draws a photo of two by two tiles, each `side` pixels wide and high."""
    stills = {"x265-params": "bframes=0:log-level=error"}
    film(path.with_suffix(".mp4"), count=1, width=side, height=side, encoder="libx265", options=stills)
    with av.open(path.with_suffix(".mp4")) as clip:
        tile = next(bytes(packet) for packet in clip.demux(video=0))
        decoder = clip.streams.video[0].codec_context.extradata or b""
    grid = bytes([0, 0, 1, 1]) + struct.pack(">HH", 2 * side, 2 * side)
    brand = _box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    begin = len(brand) + len(_meta(decoder, side, len(tile), len(grid), 0)) + 8
    meta = _meta(decoder, side, len(tile), len(grid), begin)
    path.write_bytes(brand + meta + _box(b"mdat", tile * len(TILES), grid))
    return path


def _meta(decoder: bytes, side: int, tile: int, grid: int, begin: int) -> bytes:
    names = [_full(b"infe", struct.pack(">HH4sx", item, 0, b"hvc1"), version=2) for item in TILES]
    names.append(_full(b"infe", struct.pack(">HH4sx", WHOLE, 0, b"grid"), version=2))
    places = [(item, 0, 1, begin + tile * (item - 1), tile) for item in TILES]
    places.append((WHOLE, 0, 1, begin + tile * len(TILES), grid))
    sizes = [_full(b"ispe", struct.pack(">II", width, width)) for width in (side, 2 * side)]
    known = _box(b"ipco", _box(b"hvcC", decoder), *sizes)
    of_items = [struct.pack(">HBBB", item, 2, 0x81, 2) for item in TILES] + [struct.pack(">HBB", WHOLE, 1, 3)]
    return _full(
        b"meta",
        _full(b"hdlr", bytes(4), b"pict", bytes(13)),
        _full(b"pitm", struct.pack(">H", WHOLE)),
        _full(b"iloc", b"\x44\x00", struct.pack(">H", WHOLE), *(struct.pack(">HHHII", *place) for place in places)),
        _full(b"iinf", struct.pack(">H", WHOLE), *names),
        _full(b"iref", _box(b"dimg", struct.pack(">HH4H", WHOLE, len(TILES), *TILES))),
        _box(b"iprp", known, _full(b"ipma", struct.pack(">I", WHOLE), *of_items)),
    )


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def _full(kind: bytes, *parts: bytes, version: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", version << 24), *parts)
