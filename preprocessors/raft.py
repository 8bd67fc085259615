"""RAFT (Teed and Deng 2020, arXiv 2003.12039) as torchvision has it: learned optical flow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from preprocessors.network_input import padded, seen_size, shrunk, stretched
from preprocessors.weights_file import read_weights
from preprocessors.workplace import Workplace

SMALLEST = 128
"""Pixels: below this the coarse levels of its correlations do not exist."""
MOST = 1 << 19
"""Pixels that it looks at: it correlates an eighth of each side with all others, 0.4 GB at this size."""

Network = Callable[[Tensor, Tensor], list[Tensor]]


class RaftFlow:
    """Motion by a learned network, each pair of frames by itself, in float. Several threads may ask: each waits.

    net: two pictures `[1, 3, H, W]`, -1 to 1, sides multiples of 8 from 128 on, to ever finer flows `[1, 2, H, W]` from
    the first to the second. weights: a mark by which they are known. Frames are padded to such sides by their edges;
    those of more than half a million pixels are looked at smaller. at: where it computes, the processor if None.
    """

    def __init__(self, net: Network, weights: str = "", at: Workplace | None = None) -> None:
        self.key = weights
        self._ask = (at or Workplace()).seat(net, _flow)

    @classmethod
    def load(cls, file: Path, weights: str = "", at: Workplace | None = None) -> RaftFlow:
        """This loads weights of torchvision's `raft_small` or `raft_large`, whichever they are of.

        Raises:
            ModuleNotFoundError: torchvision is not installed.
            OSError, ValueError, RuntimeError: torchvision does not fit, or the weights are missing or damaged.
        """
        try:
            from torchvision.models.optical_flow import raft_large, raft_small
        except RuntimeError as error:
            raise RuntimeError(
                "torchvision is here, but built for another torch; install it from the index that torch is from"
            ) from error

        state = read_weights(file)
        net: Any = (raft_large if any(name.startswith("mask_predictor") for name in state) else raft_small)()
        net.load_state_dict(state)
        return cls(net.requires_grad_(False).eval(), weights, at)

    def __call__(self, previous: Tensor, current: Tensor) -> Tensor:
        """This gives `flow_to_previous` `[2, H, W]` of two frames `[3, H, W]`, 0 to 1."""
        height, width = current.shape[-2:]
        seen = seen_size(height, width, MOST, SMALLEST)
        now, then = (padded(shrunk(frame[None], seen) * 2 - 1, 8, SMALLEST) for frame in (current, previous))
        flow = self._ask(now, then)[..., : seen[0], : seen[1]]
        scale = flow.new_tensor([width / seen[1], height / seen[0]]).view(2, 1, 1)
        return stretched(flow, (height, width))[0] * scale

    def both(self, previous: Tensor, current: Tensor) -> tuple[Tensor, Tensor]:
        """This gives the flow from current to previous and the one from previous to current, `[2, H, W]` each."""
        return self(previous, current), self(current, previous)


def _flow(net: Network, now: Tensor, then: Tensor) -> Tensor:
    try:
        return net(now, then)[-1].float()
    finally:
        if (block := getattr(net, "corr_block", None)) is not None:  # which would keep this pair's correlations
            block.corr_pyramid = []
