"""From a decoded picture to numbers and back: matrix, range, bit depth, alpha, orientation."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
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
        self._copy(picture.astype(np.float32), out)
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
        self._copy(picture.astype(np.float32), out)
        out.mul_(1 / white).clamp_(0, 1)

    def _copy(self, picture: NDArray[np.float32], out: Tensor) -> None:
        upright = self._layout.orientation.apply(picture).transpose(2, 0, 1)
        out.copy_(torch.from_numpy(np.ascontiguousarray(upright)))

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
    levels = frame.detach().cpu().float().clamp(0, 1).mul(WHITE_16).round()
    if alpha is None:
        picture = levels.permute(1, 2, 0).numpy().astype(np.uint16)
        return VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb48le")
    opacity = alpha.detach().cpu().float().clamp(0, 1).mul(65535).round()
    picture = torch.cat([levels, opacity]).permute(1, 2, 0).numpy().astype(np.uint16)
    return VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgba64le")
