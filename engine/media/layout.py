"""What the numbers of a stored picture mean, read from its first decoded frame."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from av import VideoFrame
from av.sidedata.sidedata import SideDataContainer
from av.sidedata.sidedata import Type as SideData
from numpy.typing import NDArray

from engine.errors import MediaError
from engine.media.info import Transfer

# H.273 codes. Those that are missing here (ICtCp, YCgCo and other rarities) cannot be converted.
MATRICES = {0: "rgb", 1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
UNTAGGED = (0, 2, 3)  # 0 means RGB, which a YUV picture cannot be
TRANSFERS = {16: Transfer.PQ, 18: Transfer.HLG}
FULL_RANGE = 2


@dataclass(frozen=True)
class Orientation:
    """How a stored picture is turned upright: swap rows with columns first, then mirror."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @property
    def rotation(self) -> int:
        """Degrees clockwise that a player must turn the stored picture; a mirrored picture counts as its rotation."""
        if self.transpose:
            return 90 if self.flip_x else 270
        return 180 if self.flip_y else 0

    def apply(self, picture: NDArray[Any]) -> NDArray[Any]:
        """This turns `[H, W, C]` upright, as a view."""
        if self.transpose:
            picture = picture.swapaxes(0, 1)
        if self.flip_x:
            picture = picture[:, ::-1]
        return picture[::-1] if self.flip_y else picture


@dataclass(frozen=True)
class PixelLayout:
    """What the numbers of a stored picture mean.

    `matrix` is an H.273 code, as the file has it (`tagged`) or as players assume; `bit_depth` is of one component.
    """

    format: str
    bit_depth: int
    rgb: bool
    alpha: bool
    matrix: int
    tagged: bool
    full_range: bool
    transfer: Transfer
    orientation: Orientation


def read_layout(path: Path, frame: VideoFrame) -> PixelLayout:
    """This reads the layout of a decoded picture.

    Raises:
        MediaError: its colours are of a kind that cannot be converted, or it is to be turned by an odd angle.
    """
    picture_format = frame.format
    name = picture_format.name
    rgb = bool(picture_format.is_rgb) or name.startswith("pal")
    return PixelLayout(
        format=name,
        bit_depth=max(component.bits for component in picture_format.components),
        rgb=rgb,
        alpha=name.startswith(("yuva", "gbrap", "rgba", "argb", "bgra", "abgr", "ya")),
        matrix=0 if rgb else _matrix(path, frame),
        tagged=rgb or int(frame.colorspace) not in UNTAGGED,
        full_range=rgb or frame.color_range == FULL_RANGE or name.startswith("yuvj"),
        transfer=TRANSFERS.get(frame.color_trc, Transfer.SDR),
        orientation=_orientation(path, frame),
    )


def _matrix(path: Path, frame: VideoFrame) -> int:
    code = int(frame.colorspace)
    if code in UNTAGGED:
        # What players assume: HD is BT.709, smaller is BT.601.
        return 1 if frame.height >= 720 or frame.width > 1024 else 6
    if code not in MATRICES:
        raise MediaError(f"{path} stores its colours in a way that cannot be converted (H.273 matrix {code}).")
    return code


def _orientation(path: Path, frame: VideoFrame) -> Orientation:
    """The display matrix says where the axes of the stored picture go: x to (a, b), y to (c, d)."""
    side_data = cast(SideDataContainer, frame.side_data)
    matrix = next((data for data in side_data if data.type == SideData.DISPLAYMATRIX), None)
    if matrix is None:
        return Orientation()
    a, b, _, c, d = struct.unpack("=5i", bytes(matrix)[:20])
    if a == 0 == d and b and c:
        return Orientation(transpose=True, flip_x=c < 0, flip_y=b < 0)
    if b == 0 == c and a and d:
        return Orientation(flip_x=a < 0, flip_y=d < 0)
    raise MediaError(f"{path} is to be shown turned by neither 90, 180 nor 270 degrees; straighten it first.")
