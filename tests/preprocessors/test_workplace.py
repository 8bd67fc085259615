"""Learned networks compute on the model's device while the model rests, and on the processor where memory runs out."""

from __future__ import annotations

import subprocess
import sys
from threading import Event, Thread
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.utils import backend_registration

from preprocessors.raft import RaftFlow
from preprocessors.workplace import Workplace

AWAY = "meta"
"""A device that every torch has beside the processor; a network of tests answers there as well."""


class Recording(nn.Module):
    """Notes where it is sent and where it finds what it is asked about. Memory runs out there at question `full`."""

    def __init__(self, full: int | None = None, stuck: bool = False) -> None:
        super().__init__()
        self.sent: list[str] = []
        self.asked: list[str] = []
        self.full, self.stuck = full, stuck

    def to(self, device: torch.device | str) -> Recording:  # type: ignore[override]  # the one form that is used
        self.sent.append(torch.device(device).type)
        if self.stuck and self.sent[-1] == AWAY:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return self

    def forward(self, *given: Tensor) -> Tensor:
        self.asked.append(given[0].device.type)
        if given[0].device.type == AWAY and len(self.asked) == self.full:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB.")
        return torch.full(given[0].shape, 0.25 if given[0].device.type == AWAY else 0.5)


def test_a_network_comes_with_its_first_question_and_leaves_while_the_model_is_at_work() -> None:
    net, other, at = Recording(), Recording(), Workplace(AWAY)
    ask, ask_other = at.seat(net), at.seat(other)
    assert net.sent == []  # it is loaded, not yet asked
    answers = [ask(torch.ones(2)), ask(torch.ones(2)), ask_other(torch.ones(2))]
    assert [answer.device.type for answer in answers] == ["cpu"] * 3
    assert (net.sent, other.sent) == ([AWAY], [AWAY])
    with at.vacated():
        assert (net.sent, other.sent) == ([AWAY, "cpu"], [AWAY, "cpu"])
    ask(torch.ones(2))
    assert (net.sent, other.sent) == ([AWAY, "cpu", AWAY], [AWAY, "cpu"])
    assert net.asked == [AWAY] * 3


def test_who_asks_while_the_model_is_at_work_waits() -> None:
    net, at, done = Recording(), Workplace(AWAY), Event()
    ask = at.seat(net)

    def asks() -> None:
        ask(torch.ones(2))
        done.set()

    asking = Thread(target=asks)
    with at.vacated():
        asking.start()
        assert not done.wait(0.2)
        assert net.sent == []
    assert done.wait(60)
    asking.join()
    assert net.sent == [AWAY]


def test_where_memory_runs_out_the_processor_answers_from_then_on_and_it_is_told_once() -> None:
    net, other, at = Recording(full=2), Recording(), Workplace(AWAY)
    ask, ask_other = at.seat(net), at.seat(other)
    assert float(ask_other(torch.ones(2)).mean() + ask(torch.ones(2)).mean()) == 0.5
    marks = [at.mark]
    assert at.news() == []
    assert ask(torch.ones(2)).tolist() == [0.5, 0.5]
    assert net.asked == [AWAY, AWAY, "cpu"]
    assert (net.sent[-1], other.sent[-1]) == ("cpu", "cpu")
    assert ask_other(torch.ones(2)).tolist() == [0.5, 0.5]
    assert at.news() == ["memory of meta ran out for detectors; they draw on the processor from here on"]
    assert at.news() == []
    assert [*marks, at.mark] == [" on meta", ""]


def test_a_network_that_does_not_fit_goes_back_whole() -> None:
    net, at = Recording(stuck=True), Workplace(AWAY)
    assert at.seat(net)(torch.ones(2)).tolist() == [0.5, 0.5]
    assert net.sent == [AWAY, "cpu"]


def test_too_little_memory_of_the_processor_is_said() -> None:
    def full(net: nn.Module, picture: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("too little")

    with pytest.raises(torch.OutOfMemoryError):
        Workplace().seat(Recording(), full)(torch.ones(2))


def test_on_the_processor_nothing_is_moved() -> None:
    net, at = Recording(), Workplace()
    given = torch.ones(2)

    def answer(net: nn.Module, seen: Tensor, kept: int) -> Tensor:
        assert seen is given
        assert kept == 3
        told: Tensor = net(seen)
        return told

    at.seat(net, answer)(given, 3)
    assert (net.sent, net.asked, at.mark) == ([], ["cpu"], "")


def test_learned_flow_leaves_no_correlations_behind() -> None:
    """torchvision's network keeps those of a pair in itself: 0.4 GB that would lie beside the model."""

    class Correlating:
        def __init__(self) -> None:
            self.corr_block = SimpleNamespace()

        def __call__(self, now: Tensor, then: Tensor) -> list[Tensor]:
            self.corr_block.corr_pyramid = [torch.ones(4)]
            return [now[:, :2]]

    net = Correlating()
    RaftFlow(net)(torch.zeros(3, 16, 16), torch.zeros(3, 16, 16))
    assert net.corr_block.corr_pyramid == []


@pytest.mark.skipif(
    not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"), reason="this torch is too old"
)
def test_every_detector_computes_where_it_is_and_nowhere_else() -> None:
    program = [sys.executable, "-m", "tests.preprocessors.pretend_device"]
    run = subprocess.run(program, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    asked = dict(line.split() for line in run.stdout.splitlines())
    assert set(asked) == {"depth", "softedge", "lineart", "anime", "mask", "openpose"}
    assert min(map(int, asked.values())) >= 2


def test_what_one_thread_has_to_say_while_another_is_told_is_not_lost() -> None:
    at = Workplace()
    add = at._notes.append  # as a thread that has come so far, and no further
    add("one")
    assert at.news() == ["one"]
    add("two")
    assert at.news() == ["two"]
    assert at.news() == []
