"""Footage is read upright and uncut, and its look treats every pixel alike."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.steadiness import real
from benchmarks.steadiness.__main__ import main
from benchmarks.steadiness.gates import failed
from benchmarks.steadiness.injections import inject
from benchmarks.steadiness.motion import countable, estimated
from benchmarks.steadiness.real import SHOTS, happens, missing, read_middle, restyled, shoot
from benchmarks.steadiness.scores import Judge
from benchmarks.steadiness.trial import Motion
from samples.scenes import draw_scene

LOOKS = range(len(SHOTS))


@pytest.mark.parametrize("seed", LOOKS)
def test_the_look_knows_nothing_but_a_pixel_s_colour(seed: int) -> None:
    frames = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    turned = restyled(frames.flip(0, 2, 3), seed)
    assert torch.allclose(turned.flip(0, 2, 3), restyled(frames, seed), atol=1e-6)
    assert (restyled(frames, seed) - frames).abs().mean() > 4 / 255


@pytest.mark.parametrize("seed", LOOKS)
def test_the_look_makes_little_of_noise_and_fills_the_range(seed: int) -> None:
    generator = torch.Generator().manual_seed(2)
    frames = torch.rand(4, 3, 40, 40, generator=generator)
    nudge = 1e-3 * torch.randn(frames.shape, generator=generator)
    change = restyled(frames + nudge, seed) - restyled(frames, seed)
    assert (change.norm(dim=1) <= 1.8 * nudge.norm(dim=1) + 1e-6).all()
    assert 0.06 - 1e-6 <= restyled(frames, seed).min() <= restyled(frames, seed).max() <= 0.94 + 1e-6


def test_estimated_motion_is_near_the_true_one_where_it_counts() -> None:
    scene = draw_scene(101, 4, 108, 192)
    motion = estimated(scene.frames)
    off = (motion.to_previous - scene.flow_to_previous).norm(dim=1, keepdim=True)
    counts = countable(motion)
    assert counts[0].sum() == 0
    assert counts[1:].mean() > 0.3
    assert (off * counts).sum() / counts.sum() < 0.5
    assert (off * counts).sum() / counts.sum() < off[1:].mean()


def test_what_was_hidden_and_what_moves_apart_do_not_count() -> None:
    motion = Motion(torch.zeros(3, 2, 32, 48), torch.zeros(3, 2, 32, 48))
    motion.to_previous[1, 0, 8:24, 8:24] = -6  # a square comes from the left
    motion.to_next[0, 0, 8:24, 2:18] = 6
    counts = countable(motion)
    assert counts[1, 0, 8:24, 3:7].sum() == 0  # it was under the square before
    assert counts[1, 0, 8:24, 8].sum() == 0
    assert counts[1, 0, 12:20, 12:20].all()
    assert counts[1, 0, 28:].all()
    assert counts[2].all()


def test_what_is_not_there_is_named_with_the_place_it_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / SHOTS["walk"].file).touch()
    absent = missing(tmp_path)
    assert set(absent) == set(SHOTS) - {"walk"}
    assert all(str(tmp_path / SHOTS[name].file) in why for name, why in absent.items())


def test_faults_that_need_a_texture_to_paint_do_not_happen_in_footage() -> None:
    assert not any(happens(name, case) for name in SHOTS for case in ("D4", "D5", "D9"))
    assert happens("walk", "D7")
    assert not happens("signing", "D7")  # a grain that sticks to the screen moves with what stands still


def test_clips_that_are_too_short_or_cut_are_refused(footage: Path) -> None:
    with pytest.raises(ValueError, match="has 89 frames, not the 90"):
        read_middle(footage / SHOTS["signing"].file, 90, 64)
    with pytest.raises(ValueError, match="cut at frame 33"):
        read_middle(footage / "animation_bbb_cuts.mp4", 90, 64)


def test_a_clip_of_footage_makes_trials_that_can_be_judged(footage: Path) -> None:
    drawing = shoot("signing", 20, 128, footage)
    assert drawing.clip.source.shape == (20, 3, 96, 128)
    for case in (case for case in real.CASES if happens("signing", case)):
        judge = Judge(inject(drawing, 3, case))
        right, nothing = judge.score(judge.trial.answers[0]), judge.score(judge.nothing)
        assert right.quality == pytest.approx(1)
        assert nothing.quality == 0
        assert failed(judge.score(drawing.clip.source), case)
        assert nothing.made.error > right.made.error


def test_what_footage_cannot_tell_is_refused_in_a_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="true motion"):
        main(["--suite", "B", "--flow", "true"])
    with pytest.raises(SystemExit, match="clips 0 to 5"):
        main(["--suite", "B", "--seeds", "6"])
    monkeypatch.setattr(real.missing, "__defaults__", (tmp_path,))
    with pytest.raises(SystemExit, match="none of these clips"):
        main(["--suite", "B"])


def test_the_command_scores_footage(footage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--suite", "B", "--seeds", "5", "--frames", "18", "--size", "54", "96", "--cases", "D1", "D4"]
    main([*small, "--methods", "identity", "oracle", "--table", "quality"])
    table = capsys.readouterr().out
    assert "D1" in table
    assert "D4" not in table
