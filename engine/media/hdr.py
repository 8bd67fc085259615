"""HLG and PQ pictures as a normal screen shows them.

Code values become display light (ITU-R BT.2100: HLG inverse OETF and system gamma, PQ EOTF), BT.2020 primaries become
BT.709 (BT.2087), what is brighter than the shoulder is bent below white, and the sRGB curve makes code values again.
All curves are one-dimensional tables over 16-bit values: 0.05 s instead of 0.8 s for a 1080p frame.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.media.info import Transfer

Floats = NDArray[np.floating[Any]]

PEAK_NITS = 1000.0
WHITE_NITS = 203.0  # BT.2408: a sheet of white paper, 75 % of HLG
SHOULDER = 0.6  # light above this share of white is bent; smaller is softer
STEPS = 65536
BAND = 64  # rows mapped at once: what stays in the cache
CODE_WHITE = 65280  # where swscale puts white in 16-bit RGB

BT2020_LUMA = np.array([0.2627, 0.6780, 0.0593], np.float32)
BT2020_TO_BT709 = np.array(
    [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]], np.float32
)


def hlg_to_scene(code: Floats) -> Floats:
    """This inverts the HLG OETF: code 0 to 1 becomes scene light 0 to 1 (BT.2100 table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.asarray(np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12))


def pq_to_nits(code: Floats) -> Floats:
    """This is the PQ EOTF: code 0 to 1 becomes display light, 0 to 10,000 nits (BT.2100 table 4)."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    root = code ** (1 / m2)
    return np.asarray(10000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1))


def shoulder(light: Floats) -> Floats:
    """This keeps light below the shoulder and bends the rest smoothly, the peak to 1 (Reinhard et al. 2002, eq. 4)."""
    room = 1 - SHOULDER
    over = np.maximum(light - SHOULDER, 0) / room
    top = (PEAK_NITS / WHITE_NITS - SHOULDER) / room
    bent = SHOULDER + room * over * (1 + over / top**2) / (1 + over)
    return np.minimum(np.where(light <= SHOULDER, light, bent), 1)


def linear_to_srgb(light: Floats) -> Floats:
    """This is the sRGB encoding (IEC 61966-2-1), 0 to 1 to 0 to 1."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055)


class ToneMap:
    """This turns 16-bit HLG or PQ RGB `[H, W, 3]` in BT.2020 into sRGB float32, 0 to 1."""

    def __init__(self, transfer: Transfer) -> None:
        code = np.minimum(np.arange(STEPS) / CODE_WHITE, 1)
        share = np.arange(STEPS) / (STEPS - 1)
        self._hlg = transfer == Transfer.HLG
        light = hlg_to_scene(code) if self._hlg else pq_to_nits(code) / WHITE_NITS
        self._light = light.astype(np.float32)
        # The system gamma of 1.2 at 1000 nits: display light = peak * luma^0.2 * scene light.
        self._gamma = (share**0.2 * PEAK_NITS / WHITE_NITS).astype(np.float32)
        self._shoulder = (shoulder(share * PEAK_NITS / WHITE_NITS)).astype(np.float32)
        self._srgb = linear_to_srgb(share).astype(np.float32)

    def __call__(self, code: NDArray[Any]) -> NDArray[np.float32]:
        """This maps one picture; the hue of bright colours stays, since all three channels are bent alike."""
        height, width, channels = code.shape
        mapped = np.empty((channels, height, width), np.float32)
        for top in range(0, height, BAND):
            self._map(code[top : top + BAND], mapped[:, top : top + BAND])
        return mapped.transpose(1, 2, 0)

    def _map(self, code: NDArray[Any], out: NDArray[np.float32]) -> None:
        light = self._light[code]
        planes = [_mixed(light, row) for row in BT2020_TO_BT709]
        if self._hlg:
            gain = self._gamma[_steps(_mixed(light, BT2020_LUMA))]
            for plane in planes:
                plane *= gain
        brightest = np.maximum(np.maximum(planes[0], planes[1]), planes[2])
        bent = self._shoulder[_steps(brightest * np.float32(WHITE_NITS / PEAK_NITS))]
        scale = np.where(brightest > SHOULDER, bent / np.maximum(brightest, np.float32(SHOULDER)), np.float32(1))
        for plane, place in zip(planes, out, strict=True):
            place[...] = self._srgb[_steps(plane * scale)]


def _mixed(light: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """A weighted sum of the channels `[H, W, 3]` as one plane `[H, W]`; four times faster than a matrix product."""
    return np.asarray(cv2.transform(light, weights[None]), np.float32).reshape(light.shape[:2])


def _steps(share: NDArray[np.float32]) -> NDArray[np.uint16]:
    return (np.clip(share, 0, 1) * np.float32(STEPS - 1) + np.float32(0.5)).astype(np.uint16)
