"""Learned flow keeps DIS's conventions whatever the size; its padding and shrinking are undone."""

from __future__ import annotations

import importlib
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.detectors import load_detector
from engine.errors import ModelError
from preprocessors.flow import DisFlow, FlowMap
from preprocessors.network_input import seen_size
from preprocessors.raft import MOST, SMALLEST, RaftFlow
from samples.scenes import draw_scene

SIZES = [(1, 1), (1, 7), (33, 47), (130, 150), (8, 7680), (800, 900)]


def seeing(now: Tensor, then: Tensor) -> list[Tensor]:
    """A network whose answer is known: one motion for all, found by phase correlation, with the interface of RAFT's.

    It takes what RAFT takes only.
    """
    assert now.shape == then.shape
    assert all(side % 8 == 0 and side >= SMALLEST for side in now.shape[-2:])
    assert -1 <= now.min() <= now.max() <= 1
    fade = torch.hann_window(now.shape[-2])[:, None] * torch.hann_window(now.shape[-1])
    here, there = (torch.fft.rfft2((frame - frame.mean()).mean(1) * fade) for frame in (now, then))
    spectrum = here * there.conj()
    peak = int(torch.fft.irfft2(spectrum / (spectrum.abs() + 1e-6), s=now.shape[-2:]).argmax())
    height, width = now.shape[-2:]
    y, x = divmod(peak, width)
    dy, dx = (y + height // 2) % height - height // 2, (x + width // 2) % width - width // 2
    flow = torch.tensor([-dx, -dy], dtype=torch.float32).view(1, 2, 1, 1).expand(1, 2, height, width)
    return [torch.zeros_like(flow), flow]


def moved(height: int, width: int, dx: int, dy: int) -> tuple[Tensor, Tensor]:
    grain = torch.rand(1, 3, height // 3, width // 3, generator=torch.Generator().manual_seed(0))
    picture = F.interpolate(grain, (height + 64, width + 64), mode="bicubic", align_corners=False)[0].clamp(0, 1)
    now = picture[:, 32 - dy : 32 - dy + height, 32 - dx : 32 - dx + width]
    return picture[:, 32 : 32 + height, 32 : 32 + width], now


@pytest.mark.parametrize("size", [(128, 160), (150, 211), (97, 131)], ids=str)
def test_it_points_from_current_to_previous_as_dis_does(size: tuple[int, int]) -> None:
    previous, current = moved(*size, 3, -2)
    inner = (slice(None), slice(20, -20), slice(20, -20))
    for search in (RaftFlow(seeing), DisFlow(fine=True)):
        to_previous, to_next = (flow[inner].flatten(1).median(dim=1).values for flow in search.both(previous, current))
        torch.testing.assert_close(to_previous, torch.tensor([-3.0, 2.0]), atol=0.1, rtol=0)
        torch.testing.assert_close(to_next, torch.tensor([3.0, -2.0]), atol=0.1, rtol=0)


def test_large_frames_are_looked_at_smaller_and_their_motion_is_in_their_own_pixels() -> None:
    previous, current = moved(600, 1000, 16, 8)
    seen = seen_size(600, 1000, MOST)
    assert seen[0] * seen[1] <= MOST < 600 * 1000
    flow = RaftFlow(seeing)(previous, current)
    torch.testing.assert_close(flow.mean(dim=(1, 2)), torch.tensor([-16.0, -8.0]), atol=0.8, rtol=0)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_any_size_gives_flow_of_that_size(size: tuple[int, int]) -> None:
    frames = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    maps = FlowMap(RaftFlow(seeing)).fit([frames])(frames)
    assert maps.shape == (2, 3, *size)
    assert 0 <= maps.min() <= maps.max() <= 1


def test_what_is_no_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "raft.pth").write_bytes(b"no weights")
    with pytest.raises(ModelError, match=TOLD[_torchvision()[1]]):
        load_detector("flow", str(tmp_path / "raft.pth"))


def test_a_torchvision_for_another_torch_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torchvision").mkdir()
    words = 'raise RuntimeError("operator torchvision::nms does not exist")'
    (tmp_path / "torchvision" / "__init__.py").write_text(words)
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "raft.pth").write_bytes(b"no weights")
    with pytest.raises(ModelError, match="cannot be loaded: torchvision is here, but built for another torch"):
        load_detector("flow", str(tmp_path / "raft.pth"))


TOLD = {
    "here": "something else than weights",
    "missing": r"restyle\[raft\]",
    "for another torch": "built for another torch",
}


def _torchvision() -> tuple[Any, str]:
    """Its networks, None where there are none, and how it is with it."""
    try:
        return importlib.import_module("torchvision.models.optical_flow"), "here"
    except ModuleNotFoundError:
        return None, "missing"
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        return None, "for another torch"


@pytest.mark.skipif(_torchvision()[0] is None, reason="no torchvision for this torch: pip install 'restyle[raft]'")
@pytest.mark.parametrize("name", ["raft_small", "raft_large"])
class TestOfTorchvision:
    """The real classes, with random weights."""

    @pytest.fixture
    def file(self, name: str, tmp_path: Path) -> Path:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            torch.save(getattr(_torchvision()[0], name)().state_dict(), tmp_path / "raft.pth")
        return tmp_path / "raft.pth"

    def test_maps_have_the_frames_size_and_each_pair_is_its_own(self, file: Path) -> None:
        drawer = load_detector("flow", str(file))
        frames = draw_scene(4, 3, 54, 97).frames
        fitted = drawer.fit([frames])
        maps = fitted(frames)
        assert maps.shape == (3, 3, 54, 97)
        assert 0 <= maps.min() <= maps.max() <= 1
        assert torch.equal(maps[1:], torch.cat([fitted(frames[i - 1 : i + 1])[1:] for i in (1, 2)]))
        assert drawer.key != load_detector("flow", str(_other(file))).key

    def test_several_threads_may_ask(self, file: Path) -> None:
        search = RaftFlow.load(file)
        frames = draw_scene(4, 3, 54, 97).frames
        alone = [search(frames[i], frames[i + 1]) for i in (0, 1)]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda i: search(frames[i], frames[i + 1]), [0, 1] * 2))
        assert all(torch.equal(flow, alone[i % 2]) for i, flow in enumerate(together))

    def test_weights_of_something_else_are_refused(self, file: Path) -> None:
        torch.save({"a": torch.zeros(1)}, file)
        with pytest.raises(ModelError, match="cannot be loaded"):
            load_detector("flow", str(file))


def _other(file: Path) -> Path:
    state = torch.load(file, weights_only=True)
    other = file.with_name("other.pth")
    torch.save({name: weight + (weight.ndim > 1) for name, weight in state.items()}, other)
    return other
