"""Plans for memory: chosen before a model is loaded, kept to, and given up for smaller ones when memory runs out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engine.diffusion import catalog
from engine.diffusion.animatediff import AnimateDiff
from engine.diffusion.loading import Options
from engine.diffusion.memory import ON_GPU, ON_PROCESSOR, Ladder, choose
from engine.errors import ResourceError
from engine.settings import Memory
from tests.engine.diffusion import tiny_sd15 as tiny
from tests.engine.diffusion.conformance import chunk
from tests.engine.diffusion.test_animatediff_parts import REQUEST, SIZE

GPU = torch.device("cuda:0")


@pytest.fixture
def has(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Says how many bytes can be had, as if a GPU had told."""
    return lambda free: monkeypatch.setattr(Ladder, "free_bytes", lambda ladder: free)


@pytest.mark.parametrize(
    ("memory", "free", "number"),
    [
        (Memory.AUTO, 130, 0),
        (Memory.AUTO, 129, 1),
        (Memory.AUTO, 90, 1),
        (Memory.AUTO, 89, 2),
        (Memory.AUTO, 63, 2),
        (Memory.AUTO, 62, 3),
        (Memory.LOW, 1000, 3),
        (Memory.HIGH, 1, 0),
    ],
)
def test_the_largest_plan_that_fits_is_chosen_unless_one_is_named(
    memory: Memory, free: int, number: int, has: Callable[[int], None]
) -> None:
    has(free)
    assert choose(memory, Ladder(GPU), weights=100, largest=60, working=30, name="x").held == number


def test_a_plan_is_told_with_what_it_takes(has: Callable[[int], None]) -> None:
    has(int(30e9))
    ladder = choose(Memory.AUTO, Ladder(GPU), int(47e9), int(35e9), int(10e9), "x")
    assert ladder.words == f"{ON_GPU[2].words} (about 29.2 GB)"
    assert Ladder().words == ON_PROCESSOR[0].words


def test_words_are_read_on_the_processor_where_layers_come_one_by_one() -> None:
    assert [Ladder(GPU, ON_GPU, held=number).reading.type for number in range(4)] == ["cuda", "cuda", "cuda", "cpu"]


def test_a_gpu_that_is_too_small_for_every_plan_is_refused(has: Callable[[int], None]) -> None:
    has(29)
    with pytest.raises(ResourceError, match=r"x needs .* at the least; .*--device cpu"):
        choose(Memory.AUTO, Ladder(GPU), weights=100, largest=60, working=30, name="x")


def test_on_a_processor_less_is_computed_at_once_when_asked() -> None:
    here = Ladder(torch.device("cpu"))
    assert choose(Memory.AUTO, here, 10**15, 10**15, 10**15, "x").plan is ON_PROCESSOR[0]
    assert choose(Memory.LOW, here, 1, 1, 1, "x").plan is ON_PROCESSOR[-1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.build(tmp_path_factory.mktemp("model"), controls=("depth",))


def test_little_memory_means_few_pictures_at_once(folder: Path) -> None:
    model = catalog.load(str(folder), Options("cpu", Memory.LOW))
    assert isinstance(model, AnimateDiff)
    model.check(REQUEST)
    seen: dict[str, set[int]] = {"net": set(), "unet": set(), "decoder": set()}

    def note(name: str) -> Callable[..., None]:
        return lambda _, inputs: seen[name].add(len(inputs[0]))

    model.nets["depth"].net.register_forward_pre_hook(note("net"))
    model.unet.register_forward_pre_hook(note("unet"))
    model.autoencoder.net.decoder.register_forward_pre_hook(note("decoder"))
    model.restyle(chunk(model, tiny.WINDOW + 2, SIZE), REQUEST)  # guided, so two halves
    assert max(seen["net"]) == 4
    assert seen["unet"] == {1}
    assert seen["decoder"] == {1}
    assert model.autoencoder.net.use_tiling


def test_a_smaller_plan_needs_less(folder: Path) -> None:
    model = catalog.load(str(folder), "cpu")
    model.check(REQUEST)
    model.memory.plans = ON_GPU
    needs = [model.peak_bytes(16, 64, 64)]
    while model.memory.spare():
        needs.append(model.peak_bytes(16, 64, 64))
    assert needs == sorted(set(needs), reverse=True)
    assert len(needs) == 4


def test_in_the_middle_of_a_job_no_plan_changes_the_picture() -> None:
    ladder = Ladder(plans=ON_GPU)
    passed = []
    while plan := ladder.spare(exact=True):
        passed.append(plan)
    assert passed == [ON_GPU[1], ON_GPU[3]]
    assert ON_GPU[2].eight_bits


class Moved:
    """A net that only knows where it is."""

    def __init__(self) -> None:
        self.at = "cpu"

    def to(self, device: torch.device) -> None:
        self.at = str(device)


def test_what_waits_is_at_the_gpu_for_its_turn_only() -> None:
    ladder, net = Ladder(GPU, ON_GPU, held=1), Moved()
    ladder.settle([net], [])
    assert net.at == "cpu"
    with ladder.present(net):
        assert net.at == "cuda:0"
    assert net.at == "cpu"


def test_what_need_not_wait_stays() -> None:
    ladder, net = Ladder(GPU, ON_GPU), Moved()
    ladder.settle([net], [])
    with ladder.present(net):
        assert net.at == "cuda:0"
    assert net.at == "cuda:0"
