"""Fixtures for all tests: where the shared footage lies, one thread for torch, a stand-in for the model."""

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import cv2
import pytest
import torch

from engine.diffusion import catalog
from tests.fake_stylizer import FakeStylizer

ROOT = Path(__file__).resolve().parent.parent
NUMBERS = count()


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Two threads on a busy machine are slower than one, and sums then depend on their number."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    os.environ["OMP_NUM_THREADS"] = "1"  # for processes that tests start


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_disks() -> Iterator[None]:
    """What is kept must outlive a loss of power; a test must not, and flushing each file takes milliseconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test finds what another one has kept, or writes into the home of whoever runs it."""
    monkeypatch.setenv("RESTYLE_CACHE", str(tmp_path_factory.getbasetemp() / f"cache-{next(NUMBERS)}"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real footage and photographs beside the project; tests that need it skip where it is absent."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"no shared footage at {folder}")
    return folder


@pytest.fixture(scope="session")
def footage(shared: Path) -> Path:
    """The folder of real clips."""
    return shared / "footage"


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeStylizer:
    """A stand-in that every job of the test gets for its model, in chunks of at most 24 frames."""
    stylizer = FakeStylizer()
    monkeypatch.setattr(catalog, "load", lambda name, device: stylizer)
    monkeypatch.setattr("engine.plan.LONGEST", 24)
    return stylizer
