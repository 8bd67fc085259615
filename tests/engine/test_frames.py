"""Laws of frames that someone brings: as many come back, the same as from a file, and bad ones are refused at once."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
import torch

import restyle
from consistency.grain import Grain
from engine import pipeline
from engine.diffusion import catalog
from engine.diffusion.stylizer import Chunk, Request, Styled
from engine.errors import SettingsError
from engine.media import open_reader, probe
from engine.settings import Codec, Settings
from preprocessors.flow import DisFlow
from tests.fake_stylizer import FakeStylizer


def moving(count: int) -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(48.0), torch.arange(64.0), indexing="ij")
    frames = [0.5 + 0.4 * torch.sin((columns + 2 * t) / 5) * torch.cos(rows / 4) for t in range(count)]
    return torch.stack(frames)[:, None].expand(-1, 3, -1, -1).contiguous()


@pytest.mark.parametrize("count", [1, 2, 30])
def test_as_many_frames_come_back(model, count):
    parts = list(restyle.frames(moving(count), look="comic"))
    assert torch.cat(parts).shape == (count, 3, 48, 64)
    assert max(len(part) for part in parts) < 24


def test_a_file_gives_the_same_frames(model, tmp_path):
    settings = Settings(look="comic", codec=Codec.PNG, cuts="none")
    stills = tmp_path / "stills"
    stills.mkdir()
    frames = (moving(30) * 255).round() / 255
    for number, frame in enumerate(frames):
        cv2.imwrite(str(stills / f"{number:04d}.png"), (frame.permute(1, 2, 0).flip(-1) * 255).round().byte().numpy())
    pipeline.restyle(stills, tmp_path / "out", settings)
    brought = torch.cat(list(restyle.frames(frames, look="comic", cuts="none")))
    with open_reader(tmp_path / "out") as reader:
        assert (reader.read(0, 30) - brought).abs().max() <= 0.51 / 255


@pytest.mark.parametrize("steady", [0.0, 1.0])
def test_grain_moves_with_each_frame_of_its_own(tmp_path, model, steady):
    """Laid over what is steadied, which comes out thirteen frames late."""
    model.defaults = replace(model.defaults, finished=True)
    frames = (0.4 * moving(30) + 0.3).clamp(0, 1)
    made = {}
    for name, finish in (("plain", ""), ("grain", "[finish]\ngrain = 0.2\n")):
        (tmp_path / f"{name}.toml").write_text(f'prompt = "ink"\n{finish}')
        look = str(tmp_path / f"{name}.toml")
        made[name] = torch.cat(list(restyle.frames(frames, look_file=look, cuts="none", steady=steady)))
    found = (made["grain"].log() / made["plain"].log()).mean(dim=1, keepdim=True)
    sheet, flow = Grain((48, 64)), DisFlow(fine=True, smooth=True)
    laid = torch.cat([sheet.add(flow.both(*frames[n - 1 : n + 1]) if n else None) for n in range(30)])
    torch.testing.assert_close(found, 1 + 0.2 * laid, atol=2e-3, rtol=0)
    assert (laid[1:] - laid[:-1]).abs().amax(dim=(1, 2, 3)).min() > 0.1  # another frame's would be seen


def test_stills_are_shown_at_the_rate_that_is_said(model, tmp_path):
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number:04d}.png"), np.zeros((32, 48, 3), np.uint8))
    result = restyle.video(tmp_path / "%04d.png", tmp_path / "out.mp4", rate=10, look="comic")
    assert [float(time) for time in probe(result.output).times] == [0.0, 0.1, 0.2]


def test_nothing_is_computed_before_it_is_asked_for(model):
    parts = restyle.frames(moving(5), look="comic")
    assert model.calls == []
    next(parts)
    assert model.calls == [5]


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (torch.zeros(3, 48, 64), "T, 3, H, W"),
        (torch.zeros(2, 48, 64, 3), "T, 3, H, W"),
        (torch.zeros(2, 3, 48, 64, dtype=torch.uint8), "uint8"),
        (torch.full((2, 3, 48, 64), 255.0), "255"),
        (torch.full((2, 3, 48, 64), float("nan")), "nan"),
        (torch.zeros(0, 3, 48, 64), "T, 3, H, W"),
    ],
)
def test_bad_frames_are_refused_at_once(model, frames, words):
    with pytest.raises(SettingsError, match=words):
        restyle.frames(frames, look="comic")


def test_what_is_no_tensor_and_a_rate_of_nothing_are_refused_in_words(model):
    array: Any = moving(2).numpy()
    with pytest.raises(SettingsError, match=r"not ndarray\. .* torch\.from_numpy"):
        restyle.frames(array, look="comic")
    with pytest.raises(SettingsError, match="rate is 0; it must be above 0"):
        restyle.frames(moving(2), look="comic", rate=0)


def test_an_unknown_look_is_refused_at_once(model):
    with pytest.raises(SettingsError, match="no look"):
        restyle.frames(moving(2), look="fresco")


class Reddening(FakeStylizer):
    """Reddens a little within each chunk, as models do: joined end to end, the shot would turn red."""

    def restyle(self, chunk: Chunk, request: Request) -> Styled:
        styled = super().restyle(replace(chunk, noise=torch.zeros_like(chunk.noise), carried=None), request)
        styled.frames[:, 0] += torch.linspace(0, 0.015, len(chunk.frames)).view(-1, 1, 1)
        return styled


def test_a_shot_of_many_chunks_does_not_drift_from_its_first(model, monkeypatch):
    monkeypatch.setattr(catalog, "load", lambda name, device: Reddening())
    made = torch.cat(list(restyle.frames(moving(200), look="comic", cuts="none")))
    red = made[:, 0].mean(dim=(1, 2)) - made[:, 1].mean(dim=(1, 2))
    assert float(red[-16:].mean() - red[:16].mean()) < 0.06  # its chunks would add up to twice that
