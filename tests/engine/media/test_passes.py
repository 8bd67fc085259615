"""Passes are found by what they are called, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenEXR
import pytest
import torch

from engine.errors import MediaError
from engine.media import Pass, RenderPasses, open_reader
from tests.engine.drawn_render import HEIGHT, WIDTH, distances, passes_of, render, render_apart, scene, write_exr

FOUND = {Pass.PICTURE, Pass.DEPTH, Pass.VECTOR, Pass.OBJECT}


def render_in_parts(folder: Path) -> Path:
    """As Blender 5 does: one part a pass, and another name for the object index."""
    folder.mkdir()
    for number in range(6):
        channels = passes_of(scene(), number)
        parts = []
        for layer in ("Combined", "Depth", "Vector", "IndexOB"):
            called = f"ViewLayer.{'Object Index' if layer == 'IndexOB' else layer}"
            own = {f"{called}.{n.rpartition('.')[2]}": p for n, p in channels.items() if n.startswith(layer + ".")}
            header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
            parts.append(OpenEXR.Part(header, own, called))
        OpenEXR.File(parts).write(str(folder / f"frame{number:03d}.exr"))
    return folder


@pytest.mark.parametrize("write", [render, render_in_parts, render_apart])
def test_every_layout_gives_the_same_passes(tmp_path, write):
    passes = RenderPasses.find(write(tmp_path / "render"))
    assert set(passes.layers) == FOUND
    assert passes.frames == 6
    assert passes.size == (WIDTH, HEIGHT)
    depth, vector, index = passes.read(2, Pass.DEPTH, Pass.VECTOR, Pass.OBJECT)
    assert torch.equal(depth, distances(scene())[2])
    assert torch.equal(vector[0], scene().flow_to_previous[2, 0])
    assert torch.equal(vector[3], scene().flow_to_next[2, 1])
    assert torch.equal(index, scene().layers[2] + 1)


def test_files_are_those_of_the_passes_without_pictures(tmp_path):
    passes = RenderPasses.find(render_apart(tmp_path))
    assert {file.parent.name for file in passes.files} == {"Depth", "Vector", "IndexOB"}


def test_a_missing_pass_is_named_with_those_that_are_there(tmp_path):
    passes = RenderPasses.find(render(tmp_path, without="Vector"))
    with pytest.raises(MediaError, match=r"no pass Vector. Passes there: Combined, Depth, Object Index"):
        passes.layer(Pass.VECTOR)


def test_vectors_without_all_four_channels_are_refused(tmp_path):
    render(tmp_path)
    for file in tmp_path.iterdir():
        channels = passes_of(scene(), int(file.stem[-4:]) - 1)
        write_exr(file, {name: plane for name, plane in channels.items() if name != "Vector.W"})
    with pytest.raises(MediaError, match=r"Vector needs the channels X, Y, Z, W .*has X, Y, Z"):
        RenderPasses.find(tmp_path)


def test_a_pass_that_one_frame_lacks_is_named_with_its_file(tmp_path):
    render(tmp_path)
    channels = passes_of(scene(), 3)
    del channels["Depth.Z"]
    write_exr(tmp_path / "frame.0004.exr", {f"ViewLayer.{name}": plane for name, plane in channels.items()})
    with pytest.raises(MediaError, match=r"frame\.0004\.exr lacks ViewLayer\.Depth\.Z"):
        RenderPasses.find(tmp_path)


def test_a_frame_of_another_size_is_named(tmp_path):
    render(tmp_path)
    small = {f"ViewLayer.{name}": plane[:40, :60] for name, plane in passes_of(scene(), 3).items()}
    write_exr(tmp_path / "frame.0004.exr", {name: np.ascontiguousarray(plane) for name, plane in small.items()})
    with pytest.raises(MediaError, match=r"frame\.0001\.exr and frame\.0004\.exr are 128x72 and 60x40"):
        RenderPasses.find(tmp_path)


def test_passes_of_other_frames_are_named(tmp_path):
    render_apart(tmp_path)
    (tmp_path / "Depth" / "0001.exr").unlink()
    with pytest.raises(MediaError, match=r"Depth has other frames .*0001\.exr to 0006\.exr against 0002\.exr"):
        RenderPasses.find(tmp_path)


def test_a_pass_that_is_there_twice_is_refused_with_what_can_be_named(tmp_path):
    render(tmp_path / "render")
    render(tmp_path / "render" / "take2")
    with pytest.raises(MediaError, match=r"Combined twice. Name one .*: (\S+) or (\S+)\.$") as refused:
        RenderPasses.find(tmp_path / "render")
    for pattern in str(refused.value).rstrip(".").split(": ")[-1].split(" or "):
        assert RenderPasses.find(Path(pattern)).frames == 6


def test_stills_that_stand_alone_beside_a_render_are_left_out_and_named(tmp_path, footage):
    folder = render(tmp_path / "render")
    for name in ("trial.0003.exr", "poster.exr"):
        write_exr(folder / name, {f"ViewLayer.{name}": plane for name, plane in passes_of(scene(), 2).items()})
    passes = RenderPasses.find(folder)
    assert (passes.frames, len(passes.files)) == (6, 6)
    assert "poster.exr, trial.0003.exr" in passes.notes[0]
    assert RenderPasses.find(render(tmp_path / "other")).notes == ()
    assert RenderPasses.find(footage / "proxy_blender").frames == 24


def in_layers(folder: Path, *added: str) -> Path:
    """A render with channels of other layers, as `Composite.Combined`, which show another frame."""
    render(folder)
    for number in range(6):
        channels = {f"ViewLayer.{name}": plane for name, plane in passes_of(scene(), number).items()}
        for name, plane in passes_of(scene(), 5 - number).items():
            channels |= {f"{layer}.{name[-1]}": plane for layer in added if layer.endswith(name[:-2])}
        write_exr(folder / f"frame.{number + 1:04d}.exr", channels)
    return folder


def test_what_blenders_compositor_made_is_the_picture(tmp_path):
    folder = in_layers(tmp_path, "Composite.Combined")
    passes = RenderPasses.find(folder)
    assert set(passes.layers) == FOUND
    assert passes.layer(Pass.PICTURE).channels[0] == "Composite.Combined.R"
    with open_reader(folder) as reader:
        assert torch.allclose(reader.read(1, 2)[0], scene().frames[4], atol=1e-4)


def test_a_render_of_two_layers_is_refused_with_their_names(tmp_path):
    folder = in_layers(tmp_path, "Far.Combined", "Far.Depth")
    with pytest.raises(MediaError, match=r"of two layers, \w+ and \w+\. Blender: switch off .*Use for Rendering"):
        RenderPasses.find(folder)


def test_a_folder_without_exr_is_refused(tmp_path):
    with pytest.raises(MediaError, match="holds no EXR files"):
        RenderPasses.find(tmp_path)


@pytest.mark.parametrize("write", [render, render_in_parts])
def test_a_damaged_file_is_named(tmp_path, write):
    folder = write(tmp_path / "render")
    file = sorted(folder.iterdir())[3]
    broken = bytearray(file.read_bytes())
    broken[len(broken) // 2 :] = bytes(len(broken) - len(broken) // 2)
    file.write_bytes(bytes(broken))
    passes = RenderPasses.find(folder)
    with pytest.raises(MediaError, match=rf"{file.name}"):
        passes.read(3, Pass.DEPTH, Pass.VECTOR)
