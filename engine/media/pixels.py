"""From a decoded picture to numbers and back: matrix, range, bit depth, alpha, orientation."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from av import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray
from torch import Tensor

from engine.media.hdr import ToneMap
from engine.media.info import Transfer
from engine.media.layout import PixelLayout

# Without these four swscale is up to 3 steps of 255 off; with them at most 1.
ACCURATE = (
    Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
)
# swscale's 16-bit RGB puts the white of a YUV picture at 255 * 256, in both directions.
WHITE_16 = 65280


class FrameConverter:
    """This turns decoded pictures of one layout into upright RGB (and alpha) tensors, 0 to 1."""

    def __init__(self, layout: PixelLayout) -> None:
        self._layout = layout
        self._reformatter = VideoReformatter()
        self._tone_map = ToneMap(layout.transfer) if layout.transfer in (Transfer.HLG, Transfer.PQ) else None
        self._deep = layout.bit_depth > 8 or self._tone_map is not None

    def rgb(self, frame: VideoFrame, out: Tensor) -> None:
        """This writes the picture into `out` `[3, H, W]`."""
        picture = self._packed(frame, "rgb48le" if self._deep else "rgb24")
        if self._tone_map is not None:
            self._copy(self._tone_map(picture), out)
            return
        white = 255 if not self._deep else 65535 if self._layout.rgb else WHITE_16
        self._copy(picture, out)
        out.mul_(1 / white).clamp_(0, 1)

    def alpha(self, frame: VideoFrame, out: Tensor) -> None:
        """This writes the opacity into `out` `[1, H, W]`; straight, not premultiplied."""
        planar = len(frame.planes) == len(frame.format.components) == 4
        if planar and self._layout.bit_depth <= 16:
            picture = _plane(frame, 3)
            white = (1 << self._layout.bit_depth) - 1
        else:
            picture = self._packed(frame, "rgba64le" if self._deep else "rgba")[..., 3:]
            white = 65535 if self._deep else 255
        self._copy(picture, out)
        out.mul_(1 / white).clamp_(0, 1)

    def _copy(self, picture: NDArray[Any], out: Tensor) -> None:
        np.copyto(out.numpy(), self._layout.orientation.apply(picture).transpose(2, 0, 1))

    def _packed(self, frame: VideoFrame, pixel_format: str) -> NDArray[Any]:
        layout = self._layout
        converted = self._reformatter.reformat(
            frame,
            format=pixel_format,
            src_colorspace=swscale_matrix(layout.matrix),
            src_color_range=ColorRange.JPEG if layout.full_range else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            interpolation=ACCURATE,
        )
        return converted.to_ndarray()


def swscale_matrix(matrix: int) -> int:
    """This maps an H.273 matrix code to swscale's; codes that swscale cannot do are refused before (`index`)."""
    if matrix in (5, 6):
        return int(Colorspace.ITU601)
    if matrix in (9, 10):
        return int(Colorspace.BT2020)
    return matrix if matrix in (1, 4, 7) else int(Colorspace.ITU709)


def _plane(frame: VideoFrame, number: int) -> NDArray[Any]:
    plane = frame.planes[number]
    kind = np.dtype("u1" if frame.format.components[number].bits <= 8 else "<u2")
    rows = np.frombuffer(memoryview(plane), kind).reshape(plane.height, plane.line_size // kind.itemsize)
    return rows[:, : plane.width, None]


def packed_frame(frame: Tensor, alpha: Tensor | None = None) -> VideoFrame:
    """This makes a 16-bit RGB(A) picture for an encoder from `[3, H, W]` (and `[1, H, W]`), 0 to 1."""
    planes = [_levels(plane, WHITE_16) for plane in frame]
    if alpha is None:
        return VideoFrame.from_ndarray(_merged(planes), format="rgb48le")
    return VideoFrame.from_ndarray(_merged([*planes, _levels(alpha[0], 65535)]), format="rgba64le")


def _merged(planes: list[NDArray[np.uint16]]) -> NDArray[np.uint16]:
    return np.asarray(cv2.merge(planes), np.uint16)


def _levels(plane: Tensor, white: int) -> NDArray[np.uint16]:
    return np.rint(plane.detach().cpu().float().clamp(0, 1).numpy() * np.float32(white)).astype(np.uint16)
