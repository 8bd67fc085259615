"""Where learned networks compute: on the device of the model that their maps are for, but never beside its work."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

T = TypeVar("T")


def _said(net: Callable[..., Tensor], *given: Any) -> Tensor:  # noqa: ANN401
    return net(*given)


class Workplace:
    """A device that networks and a model use in turns, so that the memory of the one does not come on top of the other.

    A network comes to the device when it is asked, stays for the next question, and waits in main memory while the
    model is at work. Where memory runs out all the same, all of them go over to the processor for good, of which `news`
    tells. Several threads may ask: each waits for its turn.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        self._notes: deque[str] = deque()
        self._present: list[nn.Module] = []
        self._loaded: dict[Path, Any] = {}
        self._turn = Lock()

    @property
    def mark(self) -> str:
        """What tells maps that are drawn here from those of the processor, which may differ slightly."""
        return "" if self.device.type == "cpu" else f" on {self.device.type}"

    def seat(self, net: Any, answer: Callable[..., Tensor] = _said) -> Callable[..., Tensor]:  # noqa: ANN401 - of libraries without types
        """This gives what asks a network here: `answer(net, ...)` is called on the device, its tensor comes back.

        net: a module of which all that computes is a parameter or a buffer. Tensors to ask about may lie anywhere; what
        else is given is handed on. No gradients are kept.
        """

        def ask(*given: Any) -> Tensor:  # noqa: ANN401
            with self._turn, torch.no_grad():
                while True:
                    try:
                        self._bring(net)
                        there = (one.to(self.device) if isinstance(one, Tensor) else one for one in given)
                        return answer(net, *there).cpu()
                    except torch.OutOfMemoryError:
                        if self.device.type == "cpu":
                            raise
                    self._retreat()  # not above: there the error still holds what filled the memory

        return ask

    @contextmanager
    def vacated(self) -> Iterator[None]:
        """This gives the device to a model: networks leave it, and wait with what they are asked."""
        with self._turn:
            self._clear()
            yield

    def news(self) -> list[str]:
        """This gives what a person should know and has not been told."""
        told = []
        while self._notes:  # one by one: others may be adding to it
            told.append(self._notes.popleft())
        return told

    def once(self, file: Path, load: Callable[[], T]) -> T:
        """This loads what lies in a file or folder when it is first asked for, and remembers it."""
        if file not in self._loaded:
            self._loaded[file] = load()
        loaded: T = self._loaded[file]
        return loaded

    def _bring(self, net: object) -> None:
        if self.device.type != "cpu" and isinstance(net, nn.Module) and net not in self._present:
            self._present.append(net)  # first: a part may have come when memory runs out
            net.to(self.device)

    def _clear(self) -> None:
        while self._present:
            self._present.pop().to("cpu")

    def _retreat(self) -> None:
        self._notes.append(f"memory of {self.device} ran out for detectors; they draw on the processor from here on")
        self._clear()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self.device = torch.device("cpu")
