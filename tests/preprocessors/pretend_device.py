"""Do all learned detectors compute on the device that they are given, and nowhere else? To be run as a program.

torch lets Python register a device that is not there, and its fake tensors refuse to compute with those of another one,
as a graphics card would. So each question is asked twice: on the processor, whose answer goes on, and with fakes.
Registering holds for a whole process, hence a program. It prints how many questions each detector has asked.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils import backend_registration

from preprocessors import hed, line_art
from preprocessors.aligned_depth import AlignedDepth
from preprocessors.depth_anything import DepthAnything
from preprocessors.learned_lines import LearnedLines
from preprocessors.people import JointFinder, PersonFinder
from preprocessors.pose import Pose
from preprocessors.preprocessor import Preprocessor
from preprocessors.segmentation import LabelMask, LabelNet
from preprocessors.workplace import Workplace
from tests.preprocessors import tiny_detectors as tiny
from tests.preprocessors import tiny_upernet

NAME = "pretend"


class Pretending(Workplace):
    """Computes on the processor, and checks each answer on the device that is not there."""

    def __init__(self) -> None:
        super().__init__()
        self.there, self.mode, self.asked = torch.device(f"{NAME}:0"), FakeTensorMode(), 0

    def seat(self, net: Any, answer: Callable[..., Tensor] = lambda net, *given: net(*given)) -> Callable[..., Tensor]:
        really = super().seat(net, answer)

        def ask(*given: Any) -> Tensor:
            moved, asked = self._moved(net), [self._fake(one) for one in given]
            with self.mode, torch.no_grad():
                told = answer(moved, *asked)
            known = really(*given)
            assert told.device == self.there
            assert told.shape == known.shape
            self.asked += 1
            return known

        return ask

    def _fake(self, one: Any) -> Any:
        return FakeTensor(self.mode, one.detach().to("meta"), self.there) if isinstance(one, Tensor) else one

    def _moved(self, net: nn.Module) -> nn.Module:
        moved = deepcopy(net)
        for module in moved.modules():
            for table in (module._parameters, module._buffers):
                table.update({name: self._fake(tensor) for name, tensor in table.items() if tensor is not None})
        return moved


def detectors(at: Workplace, nets: dict[str, Any]) -> dict[str, Preprocessor]:
    people = Pose(PersonFinder(nets["person"], 64, at), JointFinder(nets["joints"], at), sure=0.0, seen=-1.0)
    return {
        "depth": AlignedDepth(DepthAnything(nets["depth"], at)),
        "softedge": LearnedLines(at.seat(nets["softedge"]), "softedge", hed.MULTIPLE),
        "lineart": LearnedLines(at.seat(nets["lineart"]), "lineart", line_art.MULTIPLE),
        "anime": LearnedLines(at.seat(nets["anime"]), "lineart"),
        "mask": LabelMask(LabelNet(nets["mask"], side=64, at=at), "person"),
        "openpose": people,
    }


def main() -> None:
    """This asks each detector about two frames."""
    with TemporaryDirectory() as folder:
        nets = {
            "depth": tiny.depth_anything(),
            "softedge": tiny.tiny_hed(),
            "lineart": tiny.tiny_line_art(),
            "anime": tiny.tiny_anime_lines(),
            "person": tiny.person_net(),
            "joints": tiny.joint_net(),
            "mask": LabelNet.load(tiny_upernet.build(Path(folder))).net,
        }
    frames = torch.rand(2, 3, 40, 56, generator=torch.Generator().manual_seed(0))
    getattr(backend_registration, "_setup_privateuseone_for_python_backend")(NAME)  # noqa: B009 - newer than the oldest torch
    at = Pretending()
    for name, drawer in detectors(at, nets).items():
        at.asked = 0
        drawer(frames)
        sys.stdout.write(f"{name} {at.asked}\n")


if __name__ == "__main__":
    main()
