"""Laws of the bundled model: it restyles on this machine, each look is another one, and the picture stays."""

from pathlib import Path

import av
import pytest
import torch
from torch.nn import functional as F

import restyle
from engine.diffusion import catalog
from engine.media import open_reader, probe
from engine.settings import look_names
from samples.clips import draw_sound, write_clip
from samples.harbour import draw_harbour

FRAMES = 10


@pytest.fixture(scope="module")
def footage() -> torch.Tensor:
    frames = F.interpolate(draw_harbour(FRAMES, 24), (160, 288), mode="area")
    assert frames.shape == (FRAMES, 3, 160, 288)
    return frames


@pytest.fixture(scope="module")
def looks(footage) -> dict[str, torch.Tensor]:
    return {
        name: torch.cat(list(restyle.frames(footage, look=name, device="cpu", cuts="none"))) for name in look_names()
    }


def luma(frames: torch.Tensor) -> torch.Tensor:
    return F.avg_pool2d(frames.mean(dim=1, keepdim=True), 8).flatten()


def test_a_look_keeps_the_picture(footage, looks):
    for name, styled in looks.items():
        least = 0.6 if name in ("neon", "pencil") else 0.8  # drawn by contours: the light on surfaces is another
        assert torch.corrcoef(torch.stack([luma(styled), luma(footage)]))[0, 1] > least, name


def test_a_look_is_seen(footage, looks):
    for name, styled in looks.items():
        assert (styled - footage).abs().mean() > 0.03, name


def test_looks_differ(looks):
    names = sorted(looks)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            assert (looks[one] - looks[other]).abs().mean() > 0.02, (one, other)


def test_ink_has_little_colour_and_comic_much(footage, looks):
    def colour(frames: torch.Tensor) -> float:
        return float((frames.amax(dim=1) - frames.amin(dim=1)).mean())

    assert colour(looks["ink"]) < 0.6 * colour(footage) < 0.6 * colour(looks["comic"]) / 0.9


def test_it_does_not_flicker(footage, looks):
    """Where the drawn harbour hardly moves from frame to frame, neither does its painting."""
    still = (footage[1:] - footage[:-1]).abs().amax(dim=1, keepdim=True) < 0.01
    assert still.float().mean() > 0.3
    for name, styled in looks.items():
        assert (styled[1:] - styled[:-1]).abs()[still.expand(-1, 3, -1, -1)].mean() < 0.02, name


CONTROLS = ("colour", "depth", "edges", "flow")


def steered(footage: torch.Tensor, controls: dict[str, float]) -> torch.Tensor:
    """Two frames of the footage, made of noise alone but for these controls."""
    made = restyle.frames(footage[:2], prompt="oil painting", strength=1.0, controls=controls, steps=3)
    return torch.cat(list(made))


@pytest.fixture(scope="module")
def free(footage) -> torch.Tensor:
    return steered(footage, dict.fromkeys(CONTROLS, 0.0))


@pytest.mark.parametrize("control", CONTROLS)
def test_every_control_has_a_say(footage, free, control):
    assert (free - steered(footage, {control: 1.0})).abs().mean() > 0.01


def test_it_has_a_window_and_all_controls():
    model = catalog.load("starter", "cpu")
    assert model.capabilities.controls == {"colour", "depth", "edges", "flow"}
    assert model.window >= 16


def test_the_first_line_of_the_readme_works(tmp_path):
    line = next(
        line for line in (Path(restyle.__file__).parent / "README.md").read_text().splitlines() if "&& restyle" in line
    )
    words = line.split("&& restyle ")[1].split()
    assert words[1:] == ["--look", "watercolor"]
    clip = tmp_path / Path(words[0]).name
    write_clip(clip, F.interpolate(draw_harbour(6, 24), (108, 192), mode="area"), draw_sound(0.25))
    result = restyle.video(clip, look=words[2])
    assert result.output == tmp_path / "harbour.watercolor.mp4"
    assert probe(result.output).times == probe(clip).times
    assert sound(result.output) == sound(clip)
    with open_reader(result.output) as after, open_reader(clip) as before:
        assert (after.read(0, 6) - before.read(0, 6)).abs().mean() > 0.02


def sound(path: Path) -> list[bytes]:
    with av.open(path) as file:
        return [bytes(packet) for packet in file.demux(file.streams.audio[0]) if packet.size]
