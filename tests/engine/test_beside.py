"""What is done beside the model's work: on a GPU, where main memory has room for it."""

from __future__ import annotations

import pytest
import torch

from engine import beside
from engine.beside import joined_bytes, prepared_bytes, works_ahead, writes_beside
from engine.diffusion.memory import Ladder
from engine.diffusion.stylizer import Request
from engine.sizes import Sizes
from tests.fake_stylizer import FakeStylizer


@pytest.mark.parametrize(
    ("device", "free", "devices", "prepared", "written"),
    [
        ("cpu", 1e15, 1, False, False),
        ("cuda:1", 1e15, 1, True, True),
        ("cuda", 9e9, 1, True, True),
        ("cuda", 6e9, 1, True, False),
        ("cuda", 9e9, 4, False, False),
        ("cuda", 9e9, 8, False, False),
        ("cuda", 1e8, 1, False, False),
    ],
)
def test_it_is_done_beside_a_gpu_where_main_memory_has_room(
    device: str, free: float, devices: int, prepared: bool, written: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 96 frames of 512x896 two prepared ones take 3.6 GB with two controls, and joining takes 4.1 GB."""
    monkeypatch.setattr(beside, "free_main_memory", lambda: free)
    model, sizes = FakeStylizer(memory=Ladder(torch.device(device))), Sizes((1080, 1920), (512, 896))
    request = Request("ink", strength=0.5, steps=1, controls={"depth": 1.0, "flow": 1.0})
    assert works_ahead(model, request, sizes, 96, devices) is prepared
    assert writes_beside(model, request, sizes, 96, devices) is written
    assert 2 * prepared_bytes(model, request, sizes, 96) == pytest.approx(3.6e9, rel=0.05)
    assert joined_bytes(sizes, 96) == pytest.approx(4.1e9, rel=0.05)
