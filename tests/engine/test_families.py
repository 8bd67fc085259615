"""Every family end to end, through the command line, on a tiny checkpoint of the real classes: cut, chunks, resume."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from cli import restyle
from engine.media import open_reader, probe
from tests.engine.diffusion import fake_guardrail, tiny_cogvideox, tiny_cosmos, tiny_ltx2, tiny_wan
from tests.engine.test_pipeline import draw_clip

FRAMES, CUT = 35, 5
SIZE = (32, 48)  # what tiny models have to encode and decode is what takes their time
FAMILIES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "cogvideox-fun": (tiny_cogvideox.build, "canny"),
    "cosmos-transfer": (tiny_cosmos.build, "blur"),
    "ltx-2": (tiny_ltx2.build, "canny"),
    "wan 2.1 vace": (tiny_wan.build, "edges"),
    "wan 2.2 vace": (lambda folder: tiny_wan.build(folder, experts=2, boundary=0.875), "flow"),
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs the command as a person would, in chunks of at most 17 frames."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("engine.plan.LONGEST", 17)
    fake_guardrail.install(monkeypatch)

    def command(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["restyle", *words])
        with pytest.raises(SystemExit) as stop:
            restyle.main()
        return int(stop.value.code or 0)

    return command


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_restyles_a_part_of_a_clip_with_a_cut_and_goes_on_after_a_stop(
    tmp_path: Path, run: Callable[..., int], family: str
) -> None:
    build, control = FAMILIES[family]
    build(tmp_path / "model")
    (tmp_path / "model" / "restyle.json").write_text('{"window": 9}')
    draw_clip(tmp_path / "clip.mp4", FRAMES, CUT, SIZE)
    mask = np.zeros(SIZE, np.uint8)
    mask[:, : SIZE[1] // 2] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    words = (
        "clip.mp4",
        "--model",
        "model",
        "--prompt",
        "ink",
        "--control",
        f"{control}:1",
        "--mask",
        "mask.png",
        "--steps",
        "2",
        "--steady",
        "0",
        "--no-report",
    )
    assert run(*words, "-o", "out", "--codec", "png") == 0
    plan = json.loads((tmp_path / "out.restyle" / "plan.json").read_text(encoding="utf-8"))["shots"]
    assert [shot[0][0] for shot in plan] == [0, CUT]
    assert len(plan[1]) >= 3
    assert probe(tmp_path / "out").frames == FRAMES
    with open_reader(tmp_path / "out") as reader:
        whole = reader.read(0, FRAMES)
    with open_reader(tmp_path / "clip.mp4") as reader:
        off = (reader.read(0, FRAMES) - whole).abs()
    assert float(off[..., : SIZE[1] // 2].mean()) > 0.01
    assert float(off[..., SIZE[1] // 2 :].max()) < 1e-6  # readers divide by 255 in their own ways
    lost = [part for start, stop in plan[1][1:] for part in (tmp_path / "out.restyle").glob(f"chunk-{start:06d}-*")]
    assert len(lost) == 2 * len(plan[1][1:])
    for part in lost:
        part.unlink()
    assert run(*words, "-o", "out", "--codec", "png") == 0
    with open_reader(tmp_path / "out") as reader:
        assert torch.equal(reader.read(0, FRAMES), whole)


def test_reference_pictures_reach_a_model_that_takes_them(
    tmp_path: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_wan.build(tmp_path / "model")
    draw_clip(tmp_path / "clip.mp4", 9, size=SIZE)
    cv2.imwrite(str(tmp_path / "hat.png"), np.full((40, 30, 3), 200, np.uint8))
    job = ("clip.mp4", "--prompt", "ink", "--steps", "1", "--codec", "png", "--steady", "0", "--no-report")
    results = []
    for name, more in {"a": (), "b": ("--reference", "hat.png"), "c": ("--reference", "hat.png") * 2}.items():
        assert run(*job, "--model", "model", "-o", name, *more) == 0
        with open_reader(tmp_path / name) as reader:
            results.append(reader.read(0, 9))
    assert not torch.equal(results[0], results[1])
    assert not torch.equal(results[1], results[2])
    cv2.imwrite(str(tmp_path / "hat.png"), np.full((40, 30, 3), 100, np.uint8))
    capsys.readouterr()
    assert run(*job, "--model", "model", "-o", "b", "--reference", "hat.png") != 0
    assert "a job with another reference." in capsys.readouterr().err
    assert run(*job, "--model", "model", "-o", "d", "--reference", "cap.png") != 0
    assert "cap.png" in capsys.readouterr().err
    assert run(*job, "--model", "model", "-o", "d", "--reference", "clip.mp4") != 0
    assert "clip.mp4 has 9 frames; give one picture" in capsys.readouterr().err
    assert run(*job, "--model", "starter", "-o", "d", "--reference", "hat.png") != 0
    assert "The model starter takes no reference pictures" in capsys.readouterr().err


def test_a_licence_with_conditions_is_named_and_a_missing_guardrail_refused_before_any_work(
    tmp_path: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_cosmos.build(tmp_path / "model", controls=("depth",))
    draw_clip(tmp_path / "clip.mp4", 9, size=SIZE)
    capsys.readouterr()
    job = ("clip.mp4", "--model", "model", "--prompt", "ink", "--control", "depth:1", "--steps", "1", "--steady", "0")
    assert run(*job) == 0
    first = next(line for line in capsys.readouterr().err.splitlines() if line)
    assert first == (
        "restyle: model is under this licence: NVIDIA Open Model License, it ends where the guardrail is bypassed."
    )
    assert run(*job, "--preview") == 0
    assert capsys.readouterr().err.splitlines()[0] == first
    assert run(*job[:4], "gore", *job[5:], "-o", "other.mp4") == 2
    assert "NVIDIA's guardrail refuses the prompt 'gore'" in capsys.readouterr().err
    monkeypatch.setattr("engine.diffusion.guardrail.PACKAGE", "no_such_guardrail")
    assert run(*job, "-o", "other.mp4") == 4
    (said,) = capsys.readouterr().err.splitlines()
    assert said.endswith("no_such_guardrail is not installed. Install it: pip install no_such_guardrail")
    assert not list(tmp_path.glob("other*"))


def test_what_a_family_lacks_is_said_in_one_line_before_any_work(
    tmp_path: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_wan.build(tmp_path / "model")
    draw_clip(tmp_path / "clip.mp4", 9, size=SIZE)
    capsys.readouterr()
    job = ("clip.mp4", "--model", "model", "--prompt", "ink")
    assert run(*job, "--control", "edges:1", "--control", "depth:1") != 0
    assert "takes one control at a time, not depth and edges" in capsys.readouterr().err
    assert run(*job, "--control", "colour:1") != 0
    assert "no control called colour. It has: canny, depth, edges, flow, l" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.restyle"))
