"""A job with a mask and a model that paints inside of it: chunks, cut, resume, and what another mask costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from engine import pipeline
from engine.errors import JobError
from engine.footage import SLICE
from engine.media import open_reader, read_lossless
from engine.media.stills_reader import StillsReader
from engine.settings import Codec, Settings
from tests.engine.diffusion import tiny_animatediff, tiny_wan
from tests.engine.test_pipeline import draw_clip

COUNT, CUT, SIZE = 44, 5, (32, 48)


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    """A box that moves, absent from the first shot."""
    folder = tmp_path / "mask"
    folder.mkdir()
    for number in range(COUNT):
        box = np.zeros(SIZE, np.uint8)
        if number >= CUT:
            box[10:22, number // 2 : 15 + number // 2] = 255
        cv2.imwrite(str(folder / f"{number:03d}.png"), box)
    return folder


def read(path: Path) -> torch.Tensor:
    with open_reader(path) as reader:
        return reader.read(0, reader.info.frames)


def noting(asked: list[int]) -> Callable[[StillsReader, int, int], torch.Tensor]:
    """Reads stills, and notes how many are asked for at once."""
    read_stills = StillsReader.read

    def noted(reader: StillsReader, start: int, stop: int) -> torch.Tensor:
        asked.append(stop - start)
        return read_stills(reader, start, stop)

    return noted


@pytest.mark.parametrize("family", [tiny_animatediff, tiny_wan], ids=["animatediff", "wan vace"])
def test_a_job_with_a_mask_goes_on_after_a_stop_and_another_mask_is_another_job(
    tmp_path: Path, mask: Path, monkeypatch: pytest.MonkeyPatch, family: object
) -> None:
    monkeypatch.setattr("engine.plan.LONGEST", 24)
    model = family.build(tmp_path / "model")  # type: ignore[attr-defined]
    (model / "restyle.json").write_text('{"window": 9}')
    clip = draw_clip(tmp_path / "clip.mp4", COUNT, CUT, SIZE)
    settings = Settings(
        prompt="ink", model=str(model), device="cpu", controls={"depth": 1.0}, steps=2, steady=0, codec=Codec.PNG
    )
    inside = replace(settings, mask=str(mask))
    asked: list[int] = []
    with monkeypatch.context() as watched:
        watched.setattr(StillsReader, "read", noting(asked))
        result = pipeline.restyle(clip, tmp_path / "out", inside)
    assert result.chunks >= 3
    assert max(asked) <= SLICE  # at the source's size a chunk's worth may be gigabytes
    whole, source = read(tmp_path / "out"), (read(clip) * 255).round() / 255
    outside = (read(mask)[:, :1] == 0).expand_as(whole)
    assert torch.equal(whole[outside], source[outside])
    assert not torch.equal(whole, source)
    _, second, third, *_ = sorted(path.stem for path in (tmp_path / "out.restyle").glob("chunk-*.avi"))
    for lost in (tmp_path / "out.restyle").glob(f"{third}.*"):
        lost.unlink()
    assert pipeline.restyle(clip, tmp_path / "out", inside).resumed_chunks == result.chunks - 1
    assert torch.equal(read(tmp_path / "out"), whole)
    softer = pipeline.restyle(clip, tmp_path / "out", replace(inside, mask_feather=2.0))
    assert softer.resumed_chunks == softer.chunks
    cv2.imwrite(str(mask / "020.png"), np.zeros(SIZE, np.uint8))
    for other in (inside, settings, replace(inside, mask_grow=3), replace(inside, mask_invert=True)):
        with pytest.raises(JobError, match="another mask"):
            pipeline.restyle(clip, tmp_path / "out", other)
    pipeline.restyle(clip, tmp_path / "plain", settings)  # the model itself paints otherwise without it
    kept, plain = (read_lossless(tmp_path / f"{name}.restyle" / f"{second}.avi") for name in ("out", "plain"))
    assert (kept != plain).any()
    cv2.imwrite(str(tmp_path / "beach.png"), np.full((*SIZE, 3), 90, np.uint8))
    before = replace(inside, background=str(tmp_path / "beach.png"))  # what is outside is not what stays
    assert pipeline.restyle(clip, tmp_path / "plain", before).resumed_chunks == result.chunks
