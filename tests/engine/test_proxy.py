"""A render's own passes: exact motion, depth in the order of Z, and every mismatch named before any work."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from cli.restyle import main
from consistency.occlusion import occluded
from engine import pipeline
from engine.agreement import check_motion, check_passes
from engine.control_clip import draw_control
from engine.errors import MediaError, SettingsError
from engine.media import Pass, RenderPasses, open_reader, probe
from engine.proxy import Proxy
from engine.settings import Settings
from engine.windows import Span
from preprocessors.flow import DisFlow
from samples.scenes import draw_scene
from tests.engine.drawn_render import HEIGHT, WIDTH, distances, passes_of, render, scene, write_exr

SHOT = Span(0, 6)


def open_proxy(path: Path, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Proxy:
    return Proxy.read(RenderPasses.find(path), size, lambda done: None)


def miss(flow: Tensor, true: Tensor, where: Tensor) -> float:
    return float((flow - true).square().sum(dim=0).sqrt()[where].mean())


def test_motion_is_the_scenes_own_both_ways(tmp_path):
    proxy, drawn = open_proxy(render(tmp_path)), scene()
    there, back = proxy(3, drawn.frames[2], drawn.frames[3])
    assert torch.allclose(there, drawn.flow_to_previous[3], atol=1e-5)
    assert torch.allclose(back, drawn.flow_to_next[2], atol=1e-5)


def test_it_brings_the_neighbour_back_five_times_as_close_as_an_estimate(tmp_path):
    proxy, drawn, search = open_proxy(render(tmp_path)), scene(), DisFlow(fine=True)
    told, guessed = [], []
    for number in range(1, 6):
        before, now = drawn.frames[number - 1], drawn.frames[number]
        seen = drawn.occluded[number, 0] == 0
        there = proxy(number, before, now)[0]
        told.append(miss(there, drawn.flow_to_previous[number], seen))
        guessed.append(miss(search(before, now), drawn.flow_to_previous[number], seen))
    assert sum(told) < 0.2 * sum(guessed)
    assert sum(guessed) > 0.1


def test_motion_is_in_pixels_of_the_size_asked_for_and_reaches_over_a_padded_edge(tmp_path):
    proxy = open_proxy(render(tmp_path), (HEIGHT // 2, WIDTH // 2))
    there, _ = proxy(3, torch.empty(0), torch.empty(3, 40, 64))
    full = scene().flow_to_previous[3]
    assert there.shape == (2, 40, 64)
    assert torch.equal(there[:, :36], F.interpolate(full[None], scale_factor=0.5, mode="nearest-exact")[0] / 2)
    assert torch.equal(there[:, 36:], there[:, 35:36].expand(-1, 4, -1))


def test_depth_has_the_order_of_z_in_every_pair_of_pixels_of_the_shot(tmp_path):
    near = open_proxy(render(tmp_path)).givens()["depth"].fit(SHOT)(SHOT, scene().frames)
    assert near.shape == (6, 1, HEIGHT, WIDTH)
    z, n = distances(scene()).flatten(), near.flatten()
    order = z.argsort()
    steps, answers = z[order].diff(), n[order].diff()
    assert torch.equal(steps > 0, answers < 0)
    assert (float(near.min()), float(near.max())) == (0, 1)


def test_near_and_far_are_those_of_the_shot_and_sky_is_far(tmp_path):
    drawn = scene()
    for number in range(6):
        channels = passes_of(drawn, number)
        channels["Depth.Z"][:5] = 1e10
        channels["Depth.Z"][5:] *= 3 if number > 3 else 1
        write_exr(tmp_path / f"{number:04d}.exr", channels)
    depth = open_proxy(tmp_path).givens()["depth"]
    early, late = (depth.fit(shot)(shot, drawn.frames) for shot in (Span(0, 4), Span(4, 6)))
    assert float(early.max()) == float(late.max()) == 1
    assert float(early[:, :, :5].max()) < 1e-6


def test_outlines_show_what_the_light_hides(tmp_path):
    """Where a thing stands before another of its own colour, the picture has no line and depth has."""
    for number in range(2):
        channels = {name: np.full((HEIGHT, WIDTH), 0.2, np.float32) for name in ("R", "G", "B")}
        channels = {f"Combined.{name}": plane for name, plane in channels.items()}
        z = np.full((HEIGHT, WIDTH), 8, np.float32)
        z[20:50, 40:90] = 3
        vectors = {f"Vector.{letter}": np.zeros_like(z) for letter in "XYZW"}
        write_exr(tmp_path / f"{number:04d}.exr", {**channels, **vectors, "Depth.Z": z})
    frames = torch.full((2, 3, HEIGHT, WIDTH), 0.48)
    lines = open_proxy(tmp_path).givens()["edges"].fit(Span(0, 2))(Span(0, 2), frames)
    assert float(lines[0, 0, 35, 39:41].max()) > 0.9
    assert float(lines[0, 0, 5:15].max()) < 1e-5


def test_the_flow_control_is_that_of_the_vectors(tmp_path):
    flow = open_proxy(render(tmp_path)).givens()["flow"].fit(SHOT)
    whole = flow(SHOT, scene().frames)
    assert whole.shape == (6, 3, HEIGHT, WIDTH)
    assert torch.equal(whole[0], torch.tensor([0.5, 0.5, 0.0]).view(3, 1, 1).expand_as(whole[0]))
    assert torch.equal(flow(Span(3, 5), scene().frames[3:5]), whole[3:5])
    clean = scene().clean[2, 0] == 1
    assert float(whole[2, 2][clean].mean()) > 0.9


WRONG = {
    (-1, -1, 1, 1): "X, Y .*point the other way",
    (1, 1, -1, -1): "Z, W .*point the other way",
    (1, -1, 1, 1): "X, Y .*y points down",
    (1, 1, 1, -1): "Z, W .*y points down",
    (0, 0, 0, 0): "all but zero",
}


@pytest.mark.parametrize("turn", WRONG)
def test_vectors_that_mean_something_else_are_refused_with_what_they_mean(tmp_path, turn):
    drawn = draw_scene(5, 6, 144, 256)
    proxy = open_proxy(render(tmp_path, drawn, turn=turn), (144, 256))
    with open_reader(tmp_path) as reader, pytest.raises(SettingsError, match=WRONG[turn]):
        check_motion(proxy, reader)


def test_right_vectors_and_stills_are_believed(tmp_path):
    still = scene(1)
    with open_reader(render(tmp_path / "moving")) as reader:
        check_motion(open_proxy(tmp_path / "moving"), reader)
    with open_reader(render(tmp_path / "still", still)) as reader:
        check_motion(open_proxy(tmp_path / "still"), reader)


def test_another_number_or_size_of_frames_is_refused(tmp_path):
    passes = RenderPasses.find(render(tmp_path / "render"))
    short, small = render(tmp_path / "short", scene(5)), render(tmp_path / "small", draw_scene(3, 6, 36, 64))
    with pytest.raises(SettingsError, match=r"has 6 frames, .*short has 5"):
        check_passes(passes, probe(short))
    with pytest.raises(SettingsError, match=r"are 128x72, .*small 64x36"):
        check_passes(passes, probe(small))
    with pytest.raises(MediaError, match="no pass Depth"):
        check_passes(RenderPasses.find(render(tmp_path / "flat", without="Depth")), probe(short))


@pytest.mark.parametrize(
    ("channel", "value", "told"),
    [
        ("Depth.Z", np.nan, "distances are not numbers"),
        ("Depth.Z", 0.0, "least distance is 0"),
        ("Vector.Y", np.inf, "vectors are not numbers"),
        ("Vector.X", 1e6, "moves 1e\\+06 pixels"),
    ],
)
def test_values_that_mean_nothing_are_named_with_their_file(tmp_path, channel, value, told):
    render(tmp_path)
    channels = passes_of(scene(), 4)
    channels[channel][7, 9] = value
    write_exr(tmp_path / "frame.0005.exr", {f"ViewLayer.{name}": plane for name, plane in channels.items()})
    with pytest.raises(MediaError, match=rf"frame\.0005\.exr, pass \w+: .*{told}"):
        open_proxy(tmp_path)


def restyle(monkeypatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["restyle", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_one_command_leads_from_a_render_to_a_clip(tmp_path, monkeypatch, model):
    folder = render(tmp_path / "render")
    assert restyle(monkeypatch, "proxy", str(folder), "--look", "oil", "--no-report") == 0
    assert probe(tmp_path / "render.oil.mp4").frames == 6
    job = json.loads((tmp_path / "render.oil.mp4.restyle" / "job.json").read_text())
    assert job["settings"]["passes"] == str(folder)
    assert len(job["passes"]) == 64


def test_what_is_wrong_is_one_line_and_the_model_is_never_asked(tmp_path, monkeypatch, model, capsys):
    folder = render(tmp_path / "render")
    (folder / "frame.0004.exr").write_bytes(b"nothing")
    assert restyle(monkeypatch, "proxy", str(folder), "--look", "oil") == 3
    assert "frame.0004.exr" in capsys.readouterr().err
    assert restyle(monkeypatch, "proxy", str(tmp_path), "--passes", "there", "--look", "oil") == 2
    assert model.calls == []


def test_what_the_exr_library_prints_of_a_damaged_file_is_not_among_lines_of_json(tmp_path, monkeypatch, model, capsys):
    folder = render(tmp_path / "render")
    file = folder / "frame.0004.exr"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert restyle(monkeypatch, "proxy", str(folder), "--look", "oil", "--json") == 3
    told = capsys.readouterr()
    assert [json.loads(line)["stage"] for line in told.out.splitlines()] == ["checking passes"]
    assert told.err.splitlines()[-1].startswith(f"restyle: {file} cannot be read")
    assert "Warning" in told.err  # it does print, and through Python


def test_stills_that_are_no_frames_of_a_render_are_told(tmp_path, model):
    folder = render(tmp_path / "render")
    (folder / "trial.0001.exr").write_bytes((folder / "frame.0001.exr").read_bytes())
    settings = Settings(look="oil", passes=str(folder))
    result = pipeline.restyle(folder / "frame.%d.exr", tmp_path / "a.mp4", settings)
    assert any("trial.0001.exr" in warning for warning in result.warnings)


@pytest.mark.parametrize("name", ["depth", "edges", "flow"])
def test_a_renders_own_controls_are_written_as_a_job_is_steered_by_them(tmp_path, name):
    folder, asked = render(tmp_path / "render"), Settings(prompt="none", cuts="none")
    asked = replace(asked, passes=str(folder))
    written = draw_control(folder, name, tmp_path / name, asked, None, lambda progress: None)
    with open_reader(folder) as reader, open_reader(written) as maps:
        given = open_proxy(folder).givens()[name].fit(SHOT)(SHOT, reader.read(0, 6))
        assert torch.allclose(maps.read(0, 6), given.expand(-1, 3, -1, -1), atol=1 / 65535)


def test_a_control_of_passes_has_no_detector(tmp_path):
    asked = Settings(prompt="none", passes=str(render(tmp_path / "render")), detectors={"flow": "raft-small"})
    with pytest.raises(SettingsError, match="flow of the passes, or by the detector"):
        draw_control(tmp_path / "render", "flow", tmp_path / "flow", asked, None, lambda progress: None)


def test_passes_are_part_of_what_a_job_is(tmp_path, model):
    folder = render(tmp_path / "render")
    told = pipeline.restyle(folder, tmp_path / "told.mp4", Settings(look="oil", passes=str(folder)))
    guessed = pipeline.restyle(folder, tmp_path / "guessed.mp4", Settings(look="oil"))
    assert told.output.read_bytes() != guessed.output.read_bytes()


def test_blenders_vectors_agree_with_its_cameras(footage):
    """The truth here is geometry: depth, camera and object matrices, which the Vector pass does not enter."""
    pattern = footage / "proxy_blender" / "frame.*.exr"
    proxy, search = open_proxy(pattern, (180, 320)), DisFlow(fine=True)
    stage = json.loads((footage / "proxy_blender" / "cameras.json").read_text())
    told, guessed = 0.0, 0.0
    with open_reader(pattern) as reader:
        check_motion(proxy, reader)
        for number in (5, 11, 17):
            frames = reader.read(number - 1, number + 1)
            true, back = geometry(proxy, stage, number, number - 1), geometry(proxy, stage, number - 1, number)
            known = true.isfinite().all(dim=0)
            seen = known & (occluded(true.nan_to_num()[None], back.nan_to_num()[None])[0, 0] == 0)
            there, _ = proxy(number, frames[0], frames[1])
            told += miss(there, true, seen)
            guessed += miss(search(frames[0], frames[1]), true, seen)
    assert told < 0.05 * guessed


def geometry(proxy: Proxy, stage: dict[str, Any], here: int, there: int) -> Tensor:
    """This follows what each pixel shows by depth and matrices, `[2, H, W]`; NaN where two objects share an index."""
    depth, index = (plane[0].double().numpy() for plane in proxy.passes.read(here, Pass.DEPTH, Pass.OBJECT))
    now, then = (stage["frames"][str(number + 1)] for number in (here, there))
    height, width = depth.shape
    y, x = np.mgrid[:height, :width]
    lens = np.array(now["projection"])
    across, up = ((x + 0.5) / width * 2 - 1) / lens[0, 0], (1 - (y + 0.5) / height * 2) / lens[1, 1]
    places = np.stack([across * depth, up * depth, -depth, np.ones_like(depth)], axis=-1)
    places = places @ np.array(now["camera_to_world"]).T
    look = np.array(then["projection"]) @ np.linalg.inv(np.array(then["camera_to_world"]))
    flow = np.full((height, width, 2), np.nan)
    for name, number in stage["objects"].items():
        if list(stage["objects"].values()).count(number) == 1:
            mine = index == number
            move = np.array(then["objects_to_world"][name]) @ np.linalg.inv(np.array(now["objects_to_world"][name]))
            seen = places[mine] @ (look @ move).T
            columns, rows = seen[:, 0] / seen[:, 3], seen[:, 1] / seen[:, 3]
            moved = [(columns + 1) / 2 * width - 0.5 - x[mine], (1 - rows) / 2 * height - 0.5 - y[mine]]
            flow[mine] = np.stack(moved, axis=-1)
    return torch.from_numpy(flow).permute(2, 0, 1).float()
