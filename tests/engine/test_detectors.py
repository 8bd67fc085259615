"""A learned detector draws a control where its weights are here, and is refused with the next step where not."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from engine import pipeline
from engine.cache import MapCache
from engine.controls import KINDS, load_drawers
from engine.detector_files import fetch, find_files
from engine.detectors import DETECTORS, detectors_of, load_detector
from engine.diffusion import catalog
from engine.drawn import Drawn
from engine.errors import JobError, ModelError, SettingsError
from engine.footage import Footage
from engine.media import TensorReader
from engine.settings import Settings
from engine.windows import Span
from preprocessors.raft import RaftFlow
from samples.scenes import draw_scene
from tests.engine.diffusion import tiny_sd15
from tests.engine.test_pipeline import draw_clip
from tests.fake_stylizer import FakeStylizer
from tests.preprocessors.test_aligned_depth import checkpoint
from tests.preprocessors.tiny_detectors import joint_net, person_net, tiny_anime_lines, tiny_hed, tiny_line_art

__all__ = ["checkpoint"]


def test_a_folder_draws_depth_block_by_block_as_in_one(checkpoint: Path, tmp_path: Path) -> None:
    frames = draw_scene(4, 40, 28, 42).frames
    drawer = load_drawers(["depth"], {"depth": str(checkpoint)})["depth"]
    drawn = Drawn(drawer, Footage(TensorReader(frames, Fraction(24)), (28, 42)), MapCache(tmp_path), "").fit(
        Span(0, 40)
    )
    whole = drawer.fit([frames])(frames, 0)
    torch.testing.assert_close(drawn(Span(0, 40)), whole, rtol=0, atol=1e-5)
    torch.testing.assert_close(drawn(Span(30, 36)), whole[30:36], rtol=0, atol=1e-5)


def test_other_weights_have_another_key(checkpoint: Path) -> None:
    assert load_detector("depth", str(checkpoint)).key
    assert load_detector("depth", str(checkpoint)).key != load_drawers(["depth"])["depth"].key


@pytest.mark.parametrize("name", DETECTORS)
def test_missing_weights_are_refused_with_the_command_that_fetches_them(name: str) -> None:
    with pytest.raises(ModelError, match=f"{name} .*Fetch it: restyle models --pull {name}$"):
        load_detector(DETECTORS[name].control, name)


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing was ever fetched on this machine."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "torch"))
    return tmp_path


def test_a_file_is_fetched_whole_or_not_at_all(empty: Path) -> None:
    weights = b"some weights"
    mark = hashlib.sha256(weights).hexdigest()[:8]
    for name in (f"raft-{mark}.pth", "raft-00000000.pth"):
        (empty / name).write_bytes(weights)
    whole, other = (
        replace(DETECTORS["raft-small"], url=path.as_uri()) for path in sorted(empty.glob("raft-*.pth"))[::-1]
    )
    assert find_files(whole) is None
    assert list(fetch(whole)) == [whole.url]
    assert [place.read_bytes() for place in find_files(whole) or []] == [weights]
    assert list(fetch(whole)) == []
    with pytest.raises(ModelError, match="arrived damaged"):
        list(fetch(other))
    with pytest.raises(ModelError, match="cannot be fetched"):
        list(fetch(replace(other, url=f"{other.url}-12345678.pth")))
    assert find_files(other) is None


def test_offline_no_file_is_fetched_either(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty / "raft-00000000.pth").write_bytes(b"some weights")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set"):
        list(fetch(replace(DETECTORS["raft-small"], url=(empty / "raft-00000000.pth").as_uri())))


def test_what_is_no_detector_or_damaged_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Did you mean depth-anything-small"):
        load_detector("depth", "depth-anything-smal")
    with pytest.raises(SettingsError, match="draws edges"):
        load_detector("edges", "depth-anything-small")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_detector("depth", str(tmp_path))


NETS = {"softedge": tiny_hed, "lineart": tiny_line_art, "anime": tiny_anime_lines}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("name", NETS)
def test_a_file_draws_lines_whichever_network_it_is_of(name: str, suffix: str, tmp_path: Path) -> None:
    net, file = NETS[name](), tmp_path / f"weights{suffix}"
    state = {key: weight.half() for key, weight in net.state_dict().items()}
    _ = save_file(state, file) if suffix == ".safetensors" else torch.save(state, file)  # type: ignore[func-returns-value]
    control = "softedge" if name == "softedge" else "lineart"
    drawer = load_drawers([control], {control: str(file)})[control]
    assert drawer.name == control
    frames = draw_scene(4, 2, 64, 96).frames
    with torch.no_grad():
        net.load_state_dict({key: weight.float() for key, weight in state.items()})
        torch.testing.assert_close(drawer(frames)[:1], net(frames[:1]), rtol=0, atol=1e-5)
    assert drawer(frames).std() > 0.01


def test_a_folder_draws_pose_and_another_normals(checkpoint: Path, tmp_path: Path) -> None:
    joint_net().save_pretrained(tmp_path / "own" / "pose")
    person_net().save_pretrained(tmp_path / "own" / "person")
    learned = {"openpose": str(tmp_path / "own"), "normal": str(checkpoint)}
    drawers = load_drawers(learned, learned)
    frames = draw_scene(4, 1, 64, 96).frames
    assert drawers["openpose"](frames).shape == drawers["normal"].fit([frames])(frames).shape == frames.shape
    assert drawers["openpose"].key != drawers["normal"].key
    shutil.rmtree(tmp_path / "own" / "person")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_detector("openpose", str(tmp_path / "own"))


def test_normals_are_drawn_by_the_detectors_of_depth() -> None:
    assert detectors_of("normal") == detectors_of("depth")
    with pytest.raises(ModelError, match="--pull depth-anything-small"):
        load_detector("normal", "depth-anything-small")
    with pytest.raises(SettingsError, match="depth-anything-small"):
        load_detector("normal", "raft-small")


def test_every_control_that_a_model_takes_can_be_drawn() -> None:
    taken = {control for row in catalog.rows() for control in row.takes.controls}
    assert {"lineart", "normal", "openpose", "softedge"} <= taken
    alone = {"seg"}  # of Cosmos: colours by instance, which a person hands in
    assert {control for control in taken if control not in KINDS and not detectors_of(control)} == alone


def test_animatediff_follows_what_detectors_draw_each_by_its_own_controlnet(checkpoint: Path, tmp_path: Path) -> None:
    joint_net().save_pretrained(tmp_path / "people" / "pose")
    person_net().save_pretrained(tmp_path / "people" / "person")
    for name, make in NETS.items():
        torch.save(make().state_dict(), tmp_path / f"{name}.pth")
    learned = {"lineart": "lineart.pth", "softedge": "softedge.pth", "openpose": "people", "normal": str(checkpoint)}
    learned = {name: str(tmp_path / place) for name, place in learned.items()}
    folder = str(tiny_sd15.build(tmp_path / "model", tuple(learned)))
    source, made = draw_clip(tmp_path / "clip.mp4", 8), {}
    for name in ("lineart", "softedge"):
        settings = Settings(prompt="ink", model=folder, steps=1, cuts="none", steady=0, width=96, height=64)
        followed = replace(settings, controls={name: 1.0}, detectors={name: learned[name]})
        made[name] = pipeline.restyle(source, tmp_path / f"{name}.mp4", followed).output.read_bytes()
    assert made["lineart"] != made["softedge"]


def test_what_could_run_when_opened_is_refused(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "harm",))

    torch.save({"norm": Harm()}, tmp_path / "hed.pth")
    with pytest.raises(ModelError, match="something else than weights"):
        load_detector("softedge", str(tmp_path / "hed.pth"))
    assert not (tmp_path / "harm").exists()


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save(tiny_hed().state_dict(), tmp_path / "net.pth")
    with pytest.raises(ModelError, match="of something else"):
        load_detector("lineart", str(tmp_path / "net.pth"))
    torch.save(tiny_line_art().state_dict(), tmp_path / "net.pth")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_detector("softedge", str(tmp_path / "net.pth"))


def test_a_control_that_only_detectors_draw_names_them() -> None:
    with pytest.raises(
        SettingsError, match=r"\(line-art, .*--detector lineart=line-art; or .*--control-video lineart="
    ):
        load_drawers(["depth", "lineart"])


def test_learned_flow_moves_noise_and_steadies_even_where_the_picture_does_not_follow_it(
    tmp_path: Path, model: FakeStylizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def still(now: Tensor, then: Tensor) -> list[Tensor]:
        asked.append(1)
        return [torch.zeros_like(now[:, :2])]

    (tmp_path / "raft.pth").write_bytes(b"weights")
    monkeypatch.setattr(RaftFlow, "load", classmethod(lambda cls, file, weights, at: cls(still, weights, at)))
    source, learned = draw_clip(tmp_path / "clip.mp4", 6), {"flow": str(tmp_path / "raft.pth")}
    pipeline.restyle(source, None, Settings(look="comic", cuts="none", detectors=learned))
    assert len(asked) == 2 * 2 * 5  # both ways, for noise and for steadying, between six frames
    (tmp_path / "raft.pth").write_bytes(b"others")
    with pytest.raises(JobError, match="detectors"):  # under the same name
        pipeline.restyle(source, None, Settings(look="comic", cuts="none", detectors=learned))
    with pytest.raises(ModelError, match="--pull raft-large"):
        pipeline.restyle(source, None, Settings(look="comic", detectors={"flow": "raft-large"}))
