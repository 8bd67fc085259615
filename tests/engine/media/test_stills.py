"""Stills in a row are a clip: numbered from anywhere, without gaps, of one size."""

import struct
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenEXR
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps
from PIL.PngImagePlugin import PngInfo

from engine.errors import MediaError, SettingsError
from engine.media import Transfer, open_reader, probe
from engine.settings import ReaderName
from tests.engine.media.drawn_clips import drawn_frame, drawn_tensor, number_in


def write_png(path: Path, number: int, width: int = 96, height: int = 64) -> None:
    cv2.imwrite(str(path), drawn_frame(number, width, height)[..., ::-1])


def row(folder: Path, first: int = 1001, count: int = 5, name: str = "shot.{:04d}.png") -> Path:
    folder.mkdir()
    for number in range(count):
        write_png(folder / name.format(first + number), number)
    return folder


def write_exr(path: Path, channels: dict[str, NDArray[np.float32]], header: dict[str, object] | None = None) -> None:
    kinds = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **(header or {})}
    OpenEXR.File(kinds, channels).write(str(path))


def light(value: float) -> NDArray[np.float32]:
    return np.full((8, 12), value, np.float32)


@pytest.mark.parametrize("form", ["", "shot.%04d.png", "shot.*.png", "shot.%d.png"])
@pytest.mark.parametrize("first", [0, 1, 1001])
def test_folder_pattern_and_glob_give_the_same_frames(tmp_path: Path, form: str, first: int) -> None:
    folder = row(tmp_path / "frames", first)
    with open_reader(folder / form) as reader:
        assert torch.equal(reader.read(0, 5), drawn_tensor(5, 96, 64))
        assert torch.equal(reader.read(2, 4), drawn_tensor(5, 96, 64)[2:4])


def test_rate_is_24_unless_given(tmp_path: Path) -> None:
    folder = row(tmp_path / "frames")
    assert probe(folder).times == tuple(Fraction(number, 24) for number in range(5))
    given = probe(folder, Fraction(30000, 1001))
    assert given.times[1] == Fraction(1001, 30000)
    assert given.end == Fraction(5005, 30000)
    with pytest.raises(SettingsError, match="more than 0"):
        probe(folder, Fraction(0))


def test_order_is_by_number_not_by_name(tmp_path: Path) -> None:
    folder = row(tmp_path / "frames", 8, 5, "shot{}.png")
    with open_reader(folder) as reader:
        assert [number_in(frame) for frame in reader.read(0, 5)] == list(range(5))


def test_a_gap_is_refused_with_the_missing_numbers(tmp_path: Path) -> None:
    folder = row(tmp_path / "frames")
    (folder / "shot.1002.png").unlink()
    (folder / "shot.1004.png").unlink()
    with pytest.raises(MediaError, match=r"missing between .*: 1002, 1004"):
        probe(folder)


def test_mixed_sizes_are_refused_with_both_names(tmp_path: Path) -> None:
    folder = row(tmp_path / "frames")
    write_png(folder / "shot.1003.png", 2, 80, 64)
    with pytest.raises(MediaError, match=r"shot\.1001\.png is 96x64, shot\.1003\.png is 80x64"):
        probe(folder)


def test_two_sequences_in_one_folder_are_refused(tmp_path: Path) -> None:
    folder = row(tmp_path / "frames")
    write_png(folder / "mask.1001.png", 0)
    with pytest.raises(MediaError, match="several sequences"):
        probe(folder)
    assert probe(folder / "shot.%04d.png").frames == 5


def test_one_number_twice_is_refused(tmp_path: Path) -> None:
    folder = row(tmp_path / "frames")
    write_png(folder / "shot.01002.png", 0)
    with pytest.raises(MediaError, match="number 1002"):
        probe(folder)


def test_stills_without_a_number_are_refused(tmp_path: Path) -> None:
    folder = row(tmp_path / "frames")
    write_png(folder / "zebra.png", 0)
    with pytest.raises(MediaError, match=r"zebra\.png has no number"):
        probe(folder)


def test_other_files_in_the_folder_do_not_matter(tmp_path: Path) -> None:
    folder = row(tmp_path / "frames")
    (folder / "notes.txt").write_text("take 3")
    (folder / ".DS_Store").touch()
    assert probe(folder).frames == 5


def test_one_still_is_a_clip_of_one_frame(tmp_path: Path) -> None:
    write_png(tmp_path / "photo.png", 3)
    with open_reader(tmp_path / "photo.png") as reader:
        assert reader.info.frames == 1
        assert number_in(reader.read(0, 1)[0]) == 3


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_and_alpha_are_kept(tmp_path: Path, suffix: str) -> None:
    picture = np.random.default_rng(1).integers(0, 65536, (10, 14, 4)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / f"a.{suffix}"), picture[..., [2, 1, 0, 3]])
    with open_reader(tmp_path / f"a.{suffix}") as reader:
        assert (reader.info.bit_depth, reader.info.alpha) == (16, True)
        found = torch.cat([reader.read(0, 1), reader.read_alpha(0, 1)], 1)[0]
    np.testing.assert_allclose(found.permute(1, 2, 0).numpy(), picture / 65535, atol=1e-6)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_a_still_is_turned_upright_as_its_exif_says(tmp_path: Path, suffix: str, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(drawn_frame(5, 96, 64)).save(tmp_path / f"a.{suffix}", quality=95, exif=exif)
    with Image.open(tmp_path / f"a.{suffix}") as stored:
        upright = np.asarray(ImageOps.exif_transpose(stored)) / np.float32(255)
    with open_reader(tmp_path / f"a.{suffix}") as reader:
        assert (reader.info.height, reader.info.width) == upright.shape[:2] == ((96, 64) if turn > 4 else (64, 96))
        assert (reader.read(0, 1)[0].permute(1, 2, 0) - torch.from_numpy(upright)).abs().max() < 0.02


XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>"""


@pytest.mark.parametrize(("suffix", "size"), [("jpg", (64, 96)), ("png", (96, 64)), ("tif", (96, 64))])
def test_a_turn_that_stands_in_xmp_alone_counts_for_size_and_pixels_or_for_neither(
    tmp_path: Path, suffix: str, size: tuple[int, int]
) -> None:
    picture = Image.fromarray(drawn_frame(5, 96, 64))
    words = PngInfo()
    words.add_itxt("XML:com.adobe.xmp", XMP.decode())
    said: dict[str, dict[str, Any]] = {"jpg": {"xmp": XMP}, "png": {"pnginfo": words}, "tif": {"tiffinfo": {700: XMP}}}
    picture.save(tmp_path / f"a.{suffix}", quality=95, **said[suffix])
    with Image.open(tmp_path / f"a.{suffix}") as stored:
        upright = stored.transpose(Image.Transpose.ROTATE_270) if suffix == "jpg" else picture
    with open_reader(tmp_path / f"a.{suffix}") as reader:
        assert (reader.info.width, reader.info.height) == size
        read = reader.read(0, 1)[0].permute(1, 2, 0)
    assert np.abs(read.numpy() - np.asarray(upright) / np.float32(255)).max() < 0.02


def test_a_still_that_has_another_size_than_when_it_was_opened_is_refused(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", 0)
    with open_reader(tmp_path / "a.png") as reader:
        write_png(tmp_path / "a.png", 0, 64, 96)
        with pytest.raises(MediaError, match=r"a\.png was 96x64 by its header, and its picture is 64x96\. Store"):
            reader.read(0, 1)


def add_chunk(file: Path, body: bytes) -> None:
    """This puts a chunk, its kind and what it holds, into a PNG, behind the header."""
    plain = file.read_bytes()
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    file.write_bytes(plain[:33] + chunk + plain[33:])


@pytest.mark.parametrize("junk", [b"no TIFF at all", b"II", b"Exif\0\0neither"])
def test_a_png_with_damaged_exif_is_upright(tmp_path: Path, junk: bytes) -> None:
    write_png(tmp_path / "a.png", 5)
    add_chunk(tmp_path / "a.png", b"eXIf" + junk)
    with open_reader(tmp_path / "a.png") as reader:
        assert torch.equal(reader.read(0, 1), drawn_tensor(6, 96, 64)[5:])


def swapped_profile() -> bytes:
    """The profile of a screen on which red is green: sRGB with two of its primaries in each other's place."""
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    names = own.replace("sRGB".encode("utf-16-be"), "Mine".encode("utf-16-be")).replace(b"sRGB", b"Mine")
    return names.replace(b"rXYZ", b"....").replace(b"gXYZ", b"rXYZ").replace(b"....", b"gXYZ")


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_colours_of_a_profile_become_srgb(tmp_path: Path, suffix: str) -> None:
    picture = Image.fromarray(np.full((16, 16, 3), (200, 40, 90), np.uint8))
    picture.save(tmp_path / f"a.{suffix}", quality=100, icc_profile=swapped_profile())
    with open_reader(tmp_path / f"a.{suffix}") as reader:
        assert (reader.read(0, 1)[0, :, 8, 8] * 255 - torch.tensor([40, 200, 90])).abs().max() < 3
        assert reader.warnings == ()


def test_alpha_stays_beside_colours_of_a_profile(tmp_path: Path) -> None:
    picture = np.full((16, 16, 4), (200, 40, 90, 0), np.uint8)
    picture[:, :, 3] = np.arange(16)
    Image.fromarray(picture).save(tmp_path / "a.png", icc_profile=swapped_profile())
    with open_reader(tmp_path / "a.png") as reader:
        assert reader.read(0, 1)[0, 1].mean() == pytest.approx(200 / 255, abs=0.01)
        assert torch.equal(reader.read_alpha(0, 1)[0, 0, 0] * 255, torch.arange(16.0))


@pytest.mark.parametrize("profile", ["sRGB", "no profile"])
def test_a_profile_that_says_nothing_new_changes_no_bit(tmp_path: Path, profile: str) -> None:
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() if profile == "sRGB" else b"broken"
    picture = drawn_frame(5, 96, 64)
    Image.fromarray(picture).save(tmp_path / "a.png", icc_profile=own)
    with open_reader(tmp_path / "a.png") as reader:
        assert torch.equal(reader.read(0, 1), drawn_tensor(6, 96, 64)[5:])


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
@pytest.mark.parametrize("damage", ["cut off", "without a red", "without a curve"])
def test_a_damaged_profile_changes_no_colour(tmp_path: Path, suffix: str, damage: str) -> None:
    whole = swapped_profile()
    profile = {
        "cut off": whole[:400],
        "without a red": whole.replace(b"rXYZ", b"...."),
        "without a curve": whole.replace(b"rTRC", b"...."),
    }[damage]
    picture = Image.fromarray(np.full((16, 16, 3), (200, 40, 90), np.uint8))
    picture.save(tmp_path / f"a.{suffix}", quality=100, icc_profile=profile)
    with open_reader(tmp_path / f"a.{suffix}") as reader:
        assert (reader.read(0, 1)[0, :, 8, 8] * 255 - torch.tensor([200, 40, 90])).abs().max() < 3


def test_colours_of_sixteen_bits_that_stay_as_they_are_get_told(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((16, 16, 3), 9000, np.uint16))
    add_chunk(tmp_path / "a.png", b"iCCPMine\0\0" + zlib.compress(swapped_profile()))
    with open_reader(tmp_path / "a.png") as reader:
        assert "a.png has 16 bits in the colours of Mine built-in" in reader.warnings[0]
        assert reader.read(0, 1).mean() == pytest.approx(9000 / 65535, abs=1e-4)


def test_grey_stills_become_three_channels(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((8, 8), 51, np.uint8))
    with open_reader(tmp_path / "grey.png") as reader:
        assert torch.equal(reader.read(0, 1), torch.full((1, 3, 8, 8), 51.0).div(255))


def test_exr_light_becomes_srgb(tmp_path: Path) -> None:
    """Scene light 0.18 is sRGB 0.4613, 0.5 is 0.7354; what is brighter than 1 is white."""
    write_exr(tmp_path / "a.exr", {"R": light(0.18), "G": light(0.5), "B": light(7)})
    with open_reader(tmp_path / "a.exr") as reader:
        assert reader.info.transfer is Transfer.LINEAR
        found = reader.read(0, 1)[0, :, 4, 4]
    torch.testing.assert_close(found, torch.tensor([0.46135, 0.73536, 1.0]), atol=1e-4, rtol=0)


def test_exr_colour_is_found_by_the_ends_of_names(tmp_path: Path) -> None:
    names = {f"View.Combined.{letter}": light(0.5) for letter in "RGB"}
    extra = {"View.Depth.Z": light(9), "View.Vector.X": light(3), "View.Diffuse.R": light(0)}
    write_exr(tmp_path / "a.exr", names | extra | {"View.Diffuse.G": light(0), "View.Diffuse.B": light(0)})
    with open_reader(tmp_path / "a.exr") as reader:
        assert reader.read(0, 1).min() > 0.7


def test_exr_of_several_parts_is_read(tmp_path: Path) -> None:
    kind = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION}
    depth = OpenEXR.Part({**kind}, {"View.Depth.Z": light(4)}, "View.Depth")
    colour = OpenEXR.Part({**kind}, {f"View.Combined.{letter}": light(0.5) for letter in "RGBA"}, "View.Combined")
    OpenEXR.File([depth, colour]).write(str(tmp_path / "a.exr"))
    with open_reader(tmp_path / "a.exr") as reader:
        # Half opaque: the light stored is that of full opacity, halved.
        torch.testing.assert_close(reader.read(0, 1), torch.ones(1, 3, 8, 12))
        torch.testing.assert_close(reader.read_alpha(0, 1), torch.full((1, 1, 8, 12), 0.5))


def test_exr_with_two_sets_of_colour_is_refused(tmp_path: Path) -> None:
    names = {f"{layer}.{letter}": light(0.5) for layer in ("left", "right") for letter in "RGB"}
    write_exr(tmp_path / "a.exr", names)
    with pytest.raises(MediaError, match=r"found: left\., right\."):
        probe(tmp_path / "a.exr")


def test_exr_data_window_lies_inside_the_frame(tmp_path: Path) -> None:
    window = {"dataWindow": (np.array([2, 1], np.int32), np.array([13, 8], np.int32))}
    frame = {"displayWindow": (np.array([0, 0], np.int32), np.array([19, 9], np.int32))}
    write_exr(tmp_path / "a.exr", {letter: light(1) for letter in "RGB"}, {**window, **frame})
    with open_reader(tmp_path / "a.exr") as reader:
        assert (reader.info.width, reader.info.height) == (20, 10)
        found = reader.read(0, 1)[0, 0]
    torch.testing.assert_close(found[1:9, 2:14], torch.ones(8, 12))
    assert (found > 0).sum() == 8 * 12


@pytest.mark.parametrize("suffix", [".png", ".exr", ".jpg"])
def test_a_damaged_still_is_an_error_that_names_it(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"broken{suffix}").write_bytes(b"no picture at all")
    with pytest.raises(MediaError, match=rf"broken\{suffix} cannot be read"):
        probe(tmp_path / f"broken{suffix}")


def test_mixed_kinds_are_refused(tmp_path: Path) -> None:
    folder = row(tmp_path / "frames")
    cv2.imwrite(str(folder / "shot.1003.png"), np.zeros((64, 96, 4), np.uint8))
    with open_reader(folder) as reader, pytest.raises(MediaError, match=r"shot\.1003\.png is rgba"):
        reader.read(0, 5)


def test_decord_does_not_read_stills(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="stills"):
        open_reader(row(tmp_path / "frames"), ReaderName.DECORD)
