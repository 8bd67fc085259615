"""HLG and PQ become what a normal screen shows: white stays white, grey stays grey, colours keep their hue."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.media import Transfer, open_reader
from engine.media.hdr import (
    BT2020_TO_BT709,
    CODE_WHITE,
    PEAK_NITS,
    WHITE_NITS,
    ToneMap,
    hlg_to_scene,
    linear_to_srgb,
    pq_to_nits,
    shoulder,
)

HDR = [Transfer.HLG, Transfer.PQ]


def grey(transfer: Transfer, code: float) -> float:
    picture = np.full((1, 1, 3), round(code * CODE_WHITE), np.uint16)
    return float(ToneMap(transfer)(picture).mean())


def test_curves_meet_the_points_of_the_standard() -> None:
    """BT.2100 and BT.2408: HLG 0.5 is 1/12 of the light; PQ 0.5081 is 100 nits, 0.5807 is 203, 0.7518 is 1000."""
    np.testing.assert_allclose(hlg_to_scene(np.array([0, 0.5, 1])), [0, 1 / 12, 1], atol=1e-6)
    nits = pq_to_nits(np.array([0, 0.5081, 0.5807, 0.7518, 1]))
    np.testing.assert_allclose(nits, [0, 100, 203, 1000, 10000], rtol=2e-3)


def test_paper_white_is_203_nits_in_hlg() -> None:
    scene = hlg_to_scene(np.array([0.75]))
    np.testing.assert_allclose(PEAK_NITS * scene**1.2, WHITE_NITS, rtol=0.01)


@pytest.mark.parametrize("transfer", HDR)
def test_brighter_code_is_never_darker(transfer: Transfer) -> None:
    codes = np.arange(0, 65536, 16, dtype=np.uint16)
    found = ToneMap(transfer)(np.repeat(codes[None, :, None], 3, 2))[0, :, 0]
    assert (np.diff(found) >= 0).all()
    assert found[0] == 0
    assert found[-1] == 1


@pytest.mark.parametrize("transfer", HDR)
def test_grey_stays_grey(transfer: Transfer) -> None:
    codes = np.linspace(0, CODE_WHITE, 256).astype(np.uint16)
    found = ToneMap(transfer)(np.repeat(codes[None, :, None], 3, 2))
    assert np.ptp(found, axis=2).max() < 1 / 255


def test_paper_white_comes_out_light_but_not_clipped() -> None:
    assert 0.85 < grey(Transfer.HLG, 0.75) < 0.95
    assert 0.85 < grey(Transfer.PQ, 0.5807) < 0.95


def test_both_ways_of_storing_one_light_agree() -> None:
    """HLG at 1000 nits and PQ of the same light give the same picture."""
    for code in (0.2, 0.4, 0.6, 0.75, 0.9):
        nits = PEAK_NITS * float(hlg_to_scene(np.array(code))) ** 1.2
        table = np.linspace(0, 1, 100_001)
        pq = float(np.interp(nits, pq_to_nits(table), table))
        assert abs(grey(Transfer.HLG, code) - grey(Transfer.PQ, pq)) < 1 / 255


def test_shoulder_is_smooth_and_ends_at_the_peak() -> None:
    light = np.linspace(0, PEAK_NITS / WHITE_NITS, 2000)
    slope = np.diff(shoulder(light)) / np.diff(light)
    assert shoulder(light)[-1] == pytest.approx(1)
    assert np.abs(np.diff(slope)).max() < 0.02


@pytest.mark.parametrize("transfer", HDR)
def test_tables_agree_with_the_exact_formulas(transfer: Transfer) -> None:
    codes = np.random.default_rng(2).integers(0, CODE_WHITE, (40, 40, 3)).astype(np.uint16)
    share = codes / CODE_WHITE
    if transfer is Transfer.HLG:
        scene = hlg_to_scene(share)
        luma: NDArray[np.floating[Any]] = (scene @ (0.2627, 0.6780, 0.0593))[..., None]
        light: NDArray[np.floating[Any]] = scene * luma**0.2 * PEAK_NITS / WHITE_NITS
    else:
        light = pq_to_nits(share) / WHITE_NITS
    light = np.maximum(light @ BT2020_TO_BT709.T.astype(np.float64), 0)
    top = np.maximum(light.max(2, keepdims=True), 1e-9)
    expected = linear_to_srgb(np.clip(light * shoulder(top) / top, 0, 1))
    assert np.abs(ToneMap(transfer)(codes) - expected).max() < 0.5 / 255


def test_saturated_colours_keep_their_hue() -> None:
    """A bright BT.709 red, stored in BT.2020, must come out as that red: no channel leaks into another."""
    red = np.array([0.8, 0.05, 0.05])
    light = np.linalg.inv(BT2020_TO_BT709.astype(np.float64)) @ red * WHITE_NITS
    table = np.linspace(0, 1, 100_001)
    codes = np.interp(light, pq_to_nits(table), table)
    found = ToneMap(Transfer.PQ)((codes * CODE_WHITE).round().astype(np.uint16)[None, None])[0, 0]
    scale = shoulder(np.array(0.8)) / 0.8
    np.testing.assert_allclose(found, linear_to_srgb(red * scale), atol=1 / 255)


@pytest.mark.parametrize(("transfer", "tag"), [(Transfer.HLG, 18), (Transfer.PQ, 16)])
def test_tagged_ten_bit_clip_is_tone_mapped(tmp_path: Path, transfer: Transfer, tag: int) -> None:
    path = tmp_path / "hdr.mp4"
    code = 0.6
    with av.open(path, "w") as target:
        stream = target.add_stream("libx265", rate=25, options={"x265-params": "log-level=none:bframes=0"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p10le"
        context = stream.codec_context
        context.colorspace, context.color_trc, context.color_primaries, context.color_range = 9, tag, 9, 1
        frame = av.VideoFrame(64, 64, "yuv420p10le")
        for plane, value in zip(frame.planes, (round(64 + 876 * code), 512, 512), strict=True):
            plane.update(np.full(plane.buffer_size // 2, value, "<u2").tobytes())
        frame.pts = 0
        target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    with open_reader(path) as reader:
        assert (reader.info.transfer, reader.info.matrix, reader.info.bit_depth) == (transfer, "bt2020", 10)
        frames = reader.read(0, 1)
    torch.testing.assert_close(frames, torch.full_like(frames, grey(transfer, code)), atol=1.5 / 255, rtol=0)
