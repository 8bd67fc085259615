"""Fixtures for all tests: where the shared footage lies, and one thread for torch."""

from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Two threads on a busy machine are slower than one, and sums then depend on their number."""
    torch.set_num_threads(1)


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
