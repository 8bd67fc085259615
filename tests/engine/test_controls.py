"""Controls are fitted to a shot and drawn by window: however a shot is cut, its maps are the same."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine import controls as rooms
from engine import pipeline, telling
from engine.controls import KINDS, draw, draw_window, load_depth, load_drawers
from engine.diffusion import catalog
from engine.diffusion.stylizer import Chunk, Request, Styled
from engine.errors import ModelError, SettingsError
from engine.settings import Settings
from preprocessors.aligned_depth import AlignedDepth
from preprocessors.depth_network import DepthNet
from preprocessors.edges import Canny
from preprocessors.flow import DisFlow, FlowMap
from samples.scenes import draw_scene
from tests.engine.test_pipeline import draw_clip
from tests.fake_stylizer import FakeStylizer
from training.depth import export

FRAMES = 9


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an untrained depth network, written as training writes the trained one."""
    folder = tmp_path_factory.mktemp("depth")
    with torch.random.fork_rng():
        torch.manual_seed(1)
        export(DepthNet((8, 8, 16, 16), (1, 1, 1)), folder)
    return folder


@pytest.fixture(autouse=True)
def _untrained(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "DEPTH", weights)


@pytest.fixture(scope="module")
def clip() -> Tensor:
    return draw_scene(4, FRAMES, 54, 96).frames


def test_every_control_is_called_what_its_preprocessor_is_called() -> None:
    assert [(name, drawer.name) for name, drawer in load_drawers(KINDS).items()] == [(k, k) for k in KINDS]


@pytest.mark.parametrize("cuts", [[], [1], [4], [1, 2, 3, 4, 5, 6, 7, 8], [3, 7]], ids=str)
def test_any_cut_of_a_shot_into_windows_gives_the_same_maps(clip: Tensor, cuts: list[int]) -> None:
    edges = [0, *cuts, FRAMES]
    spans = list(pairwise(edges))
    for name, drawer in load_drawers(KINDS).items():
        fitted = drawer.fit([clip[start:stop] for start, stop in spans])
        parts = []
        for start, stop in spans:
            early = min(fitted.lookbehind, start)
            parts.append(draw_window(fitted, clip[start - early : stop], early, start))
        slack = 0 if name in ("depth", "flow") else 1e-5  # convolutions of other batch sizes round otherwise
        torch.testing.assert_close(torch.cat(parts), draw(name, clip), rtol=0, atol=slack)


def test_only_what_has_something_to_normalise_reads_the_shot(clip: Tensor) -> None:
    reads: list[int] = []

    def windows() -> Iterable[Tensor]:
        reads.append(1)
        yield clip

    for drawer in load_drawers(["canny", "colour", "edges"]).values():
        drawer.fit(windows())
    assert not reads
    for drawer in load_drawers(["depth", "edges", "flow"]).values():
        drawer.fit(windows())
    assert len(reads) == 2


def test_a_first_frame_has_no_motion_and_a_window_within_the_shot_has(clip: Tensor) -> None:
    flow = draw("flow", clip)
    assert torch.equal(flow[0, :2], torch.full_like(flow[0, :2], 0.5))
    assert (flow[1:, :2] - 0.5).abs().mean() > 0.02


def test_other_settings_and_other_weights_have_other_keys(weights: Path) -> None:
    assert Canny().key != Canny(low=50).key
    assert FlowMap(DisFlow()).key != FlowMap(DisFlow(fine=True)).key
    net = load_depth(weights)
    assert AlignedDepth(net, weights="a").key != AlignedDepth(net, weights="b").key
    assert load_drawers(["depth"])["depth"].key == load_drawers(["depth"])["depth"].key


def test_what_nothing_draws_is_refused_with_what_is_there() -> None:
    with pytest.raises(SettingsError, match=r"smell.*canny, colour, depth, edges, flow.*--control-video smell=FILE"):
        load_drawers(["edges", "smell"])


def test_depth_is_loaded_whole_or_not_at_all(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no depth network"):
        load_depth(tmp_path)
    for number, damage in enumerate((_cut_short, _other_widths, _no_widths, _no_json)):
        folder = tmp_path / str(number)
        shutil.copytree(weights, folder)
        damage(folder)
        with pytest.raises(ModelError, match="damaged"):
            load_depth(folder)


def _cut_short(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def _other_widths(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"widths": [8, 8, 16, 32], "depths": [1, 1, 1]}))


def _no_widths(folder: Path) -> None:
    (folder / "config.json").write_text("{}")


def _no_json(folder: Path) -> None:
    (folder / "config.json").write_text("not json")


class Watching(FakeStylizer):
    """Keeps the maps of every chunk, by the frames that it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.maps: list[dict[str, Tensor]] = []

    def restyle(self, chunk: Chunk, request: Request) -> Styled:
        self.maps.append(dict(chunk.controls))
        return super().restyle(chunk, request)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Watching:
    stylizer = Watching()
    monkeypatch.setattr(catalog, "load", lambda name, device: stylizer)
    monkeypatch.setattr("engine.plan.LONGEST", 24)
    return stylizer


ALL = Settings(look="comic", cuts="none", controls={"depth": 1.0, "flow": 1.0, "edges": 0.5}, steady=0)


def test_chunks_that_overlap_are_given_the_same_maps(tmp_path: Path, model: Watching) -> None:
    pipeline.restyle(draw_clip(tmp_path / "clip.mp4", 40), None, ALL)
    first, second = model.maps
    for name in ("depth", "flow", "edges"):
        shared = len(first[name]) + len(second[name]) - 40
        assert shared >= 8
        assert torch.equal(first[name][-shared:], second[name][:shared]), name
    assert (second["flow"][0, :2] != 0.5).any()


def test_shots_do_not_see_each_other(tmp_path: Path, model: Watching) -> None:
    cuts = tmp_path / "cuts.txt"
    cuts.write_text("20\n")
    pipeline.restyle(draw_clip(tmp_path / "clip.mp4", 40, cut=20), None, replace(ALL, cuts=str(cuts)))
    for maps in model.maps:
        assert (maps["flow"][0, :2] - 0.5).abs().max() < 1e-5


def test_a_stopped_job_with_fitted_controls_goes_on_to_the_same_bytes(tmp_path: Path, model: Watching) -> None:
    source = draw_clip(tmp_path / "clip.mp4", 60)
    whole = pipeline.restyle(source, tmp_path / "whole.mp4", ALL)

    class Killed(BaseException):
        """Stands for a kill: nothing may catch it."""

    def kill_after_one_chunk(progress: telling.Progress) -> None:
        if progress.stage == "restyling" and progress.done >= 21:
            raise Killed

    with pytest.raises(Killed):
        pipeline.restyle(source, tmp_path / "killed.mp4", ALL, progress=kill_after_one_chunk)
    resumed = pipeline.restyle(source, tmp_path / "killed.mp4", ALL)
    assert resumed.resumed_chunks == 1
    assert resumed.output.read_bytes() == whole.output.read_bytes()


def test_a_control_that_the_model_lacks_is_refused_at_the_door(tmp_path: Path, model: Watching) -> None:
    source = draw_clip(tmp_path / "clip.mp4", 5)
    with pytest.raises(SettingsError, match="no control called canny"):
        pipeline.restyle(source, None, Settings(look="comic", controls={"canny": 1.0}))
