"""One still: its size without its pixels, and its pixels as upright sRGB, whatever the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import MediaError
from engine.media.exr import COMPOSITE, exr_channels, exr_size, unreadable
from engine.media.hdr import linear_to_srgb
from engine.media.icc import as_srgb
from engine.media.layout import Orientation

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

EXIF_ORIENTATION = 0x0112
SIZE = (256, 257)  # a TIFF's tags for width and height
ORIENTATIONS = {
    2: Orientation(flip_x=True),
    3: Orientation(flip_x=True, flip_y=True),
    4: Orientation(flip_y=True),
    5: Orientation(transpose=True),
    6: Orientation(transpose=True, flip_x=True),
    7: Orientation(transpose=True, flip_x=True, flip_y=True),
    8: Orientation(transpose=True, flip_y=True),
}
"""By their numbers in EXIF; all others are upright."""
ROUNDED = 1e-3  # what a value may be beyond 0 to 1, by half floats or by scaling
CAPTION = 26  # pixels that a line of words above a picture is high


def still_size(path: Path) -> tuple[int, int]:
    """This gives width and height of the upright picture from the file's header.

    Raises:
        MediaError: the file is missing or no picture.
    """
    if path.suffix.lower() == ".exr":
        return exr_size(path)
    header = _header(path)
    return (header.height, header.width) if header.orientation.transpose else (header.width, header.height)


def profile_of(path: Path) -> bytes | None:
    """This gives a still's ICC profile, None where it has none. Errors as of `still_size`."""
    return None if path.suffix.lower() == ".exr" else _header(path).profile


def load_still(path: Path) -> NDArray[Any]:
    """This reads a still as `[H, W, 3 or 4]`, RGB(A): uint8 or uint16 as stored, float32 0 to 1 from EXR.

    Raises:
        MediaError: the file is missing, damaged, or of a kind that is not understood.
    """
    return _load_exr(path) if path.suffix.lower() == ".exr" else _load_plain(path)


def load_shares(path: Path) -> NDArray[np.float32]:
    """This reads an EXR of shares, 0 to 1, that stand for themselves and for no light, as `[H, W, 3]`.

    It has R, G and B, or one channel of any name, which stands for all three.

    Raises:
        MediaError: the file is missing or damaged, has other channels, or values beyond 0 to 1.
    """
    channels = exr_channels(path)
    names = [*channels] * 3 if len(channels) == 1 else [_colour_group(path, channels) + letter for letter in "RGB"]
    shares = np.nan_to_num(np.stack([channels[name].astype(np.float32) for name in names], axis=2))
    low, high = float(shares.min()), float(shares.max())
    if low < -ROUNDED or high > 1 + ROUNDED:
        raise MediaError(f"{path} goes from {low:.4g} to {high:.4g}; a control goes from 0 to 1, of depth 1 is near.")
    return shares.clip(0, 1)


def as_jpeg(frame: Tensor, quality: int = 80) -> bytes:
    """This writes a frame `[3, H, W]`, 0 to 1, as a JPEG file in memory; quality: 0 to 100."""
    import cv2

    picture = frame.clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).contiguous().numpy()
    written, file = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not written:
        raise MediaError(f"A picture of {picture.shape[1]}x{picture.shape[0]} cannot be written as JPEG.")
    return bytes(file)


def as_png(frame: Tensor, alpha: Tensor | None = None) -> bytes:
    """This writes a frame `[3, H, W]`, and its alpha `[1, H, W]` if it has any, as a PNG file of 8 bits in memory."""
    import cv2

    channels = frame.flip(0) if alpha is None else torch.cat([frame.flip(0), alpha])
    picture = channels.detach().cpu().clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).contiguous().numpy()
    _, file = cv2.imencode(".png", picture)
    return bytes(file)


def captioned(picture: Tensor, words: str) -> Tensor:
    """This writes words above a picture `[3, H, W]`."""
    import cv2

    bar = np.full((CAPTION, picture.shape[-1], 3), 255, np.uint8)
    cv2.putText(bar, words, (6, CAPTION - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (20, 20, 20), 1, cv2.LINE_AA)
    return torch.cat([torch.from_numpy(bar).permute(2, 0, 1) / 255, picture], dim=1)


@dataclass(frozen=True)
class _Header:
    """Sides are of the picture as it is stored. decoded_upright: its decoder turns it."""

    width: int
    height: int
    orientation: Orientation
    decoded_upright: bool
    profile: bytes | None


def _header(path: Path) -> _Header:
    """What a file says of its picture before its pixels, which are not decoded."""
    from PIL import Image, UnidentifiedImageError
    from PIL.TiffImagePlugin import TiffImageFile

    try:
        with Image.open(path) as image:
            width, height = image.size
            if tiff := isinstance(image, TiffImageFile):
                # Versions of the library differ: before it is turned, or after.
                width, height = (int(image.tag_v2[tag]) for tag in SIZE)
            upright = ORIENTATIONS.get(_turn(image), Orientation())
            return _Header(width, height, upright, tiff, image.info.get("icc_profile"))
    except (UnidentifiedImageError, OSError) as error:
        raise unreadable(path) from error


def _turn(image: ImageFile) -> Any:  # noqa: ANN401 - of a damaged file, whatever stands there
    """How a picture is turned, as EXIF counts it; of damaged EXIF nothing is known: upright."""
    from PIL.TiffImagePlugin import TiffImageFile

    if isinstance(image, TiffImageFile):
        return image.tag_v2.get(EXIF_ORIENTATION)  # the library looks into XMP, too, which OpenCV does not
    if image.format == "PNG" and "exif" not in image.info:  # it would be looked for behind all pixels
        return None
    try:
        return image.getexif().get(EXIF_ORIENTATION)
    except SyntaxError:
        return None


def _load_plain(path: Path) -> NDArray[Any]:
    import cv2

    header = _header(path)
    try:
        # Unchanged: with alpha and 16 bits, and not turned, which is done here by what the header says; but TIFF's
        # decoder turns always.
        picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    except (cv2.error, OSError) as error:
        raise unreadable(path) from error
    if picture is None:
        raise unreadable(path)
    if picture.dtype not in (np.uint8, np.uint16):
        raise MediaError(f"{path} stores {picture.dtype} pixels; 8 and 16 bits are understood, and EXR for light.")
    if picture.ndim == 2:
        picture = np.repeat(picture[..., None], 3, axis=2)
    upright = picture if header.decoded_upright else header.orientation.apply(picture)
    order = [2, 1, 0, 3] if upright.shape[2] == 4 else [2, 1, 0]
    return as_srgb(np.asarray(upright[..., order]), header.profile)


def _load_exr(path: Path) -> NDArray[np.float32]:
    channels = exr_channels(path)
    group = _colour_group(path, channels)
    names = [group + letter for letter in "RGBA" if group + letter in channels]
    picture = np.nan_to_num(np.stack([channels[name].astype(np.float32) for name in names], axis=2))
    if len(names) == 4:
        # EXR stores colour times opacity; a frame's alpha is straight.
        opacity = picture[..., 3:]
        picture[..., :3] /= np.where(opacity > 0, opacity, 1)
    picture[..., :3] = linear_to_srgb(np.clip(picture[..., :3], 0, 1))
    return np.clip(picture, 0, 1)


def _colour_group(path: Path, channels: Mapping[str, object]) -> str:
    """The prefix before R, G and B: none, what was composited, a renderer's `Combined`, or the only one."""
    groups = sorted(name[:-1] for name in channels if name.endswith("R"))
    groups = [group for group in groups if {group + "G", group + "B"} <= set(channels)]
    plain = [group for group in groups if group == "" or group.endswith("Combined.")]
    chosen = [group for group in plain if group == f"{COMPOSITE}."] or plain or groups
    if len(chosen) != 1:
        names = ", ".join(groups) or "none"
        raise MediaError(f"{path}: one set of R, G and B channels is needed; found: {names}.")
    return chosen[0]
