"""ControlNets, several at once: what they add to the UNet, one window at a time, from hints encoded once.

A ControlNet looks at its control map through a small encoder that works at full resolution and does not depend on the
denoising step, yet runs at each. Here it runs once per chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from engine.errors import ModelError
from engine.windows import Span

Net = TypeVar("Net")


class Control:
    """One ControlNet, its hint encoder taken out of it."""

    def __init__(self, name: str, net: Any) -> None:  # noqa: ANN401 - a ControlNetModel
        if net.config.global_pool_conditions:
            raise ModelError(f"The ControlNet for {name} pools its answer over the picture; none such works here.")
        if net.config.controlnet_conditioning_channel_order != "rgb":
            raise ModelError(f"The ControlNet for {name} wants BGR pictures; convert it to one that takes RGB.")
        self.name = name
        self.net = net
        self.encoder = net.controlnet_cond_embedding
        net.controlnet_cond_embedding = nn.Identity()

    def encode(self, control: Tensor, slice_frames: int) -> Tensor:
        """This encodes a map `[T, C, H, W]` for the net, a few frames at a time; one channel is shown as grey."""
        weight = next(self.encoder.parameters())
        channels = self.net.config.conditioning_channels
        if control.shape[1] not in (1, channels):
            raise ValueError(f"control {self.name} has {control.shape[1]} channels, must have 1 or {channels}")
        parts = torch.split(control.expand(-1, channels, -1, -1), slice_frames)
        return torch.cat([self.encoder(part.to(weight)) for part in parts])


class Nets(Mapping[str, Net], Generic[Net]):
    """ControlNets by their controls, each loaded when it is first asked for: a job takes room for those it uses.

    `loaded` are those that are here so far.
    """

    def __init__(self, names: Iterable[str], load: Callable[[str], Net]) -> None:
        self._names = frozenset(names)
        self._load = load
        self.loaded: dict[str, Net] = {}

    def __getitem__(self, name: str) -> Net:
        if name not in self._names:
            raise KeyError(name)
        if name not in self.loaded:
            self.loaded[name] = self._load(name)
        return self.loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names  # a mapping's own way asks for the item, which would load it

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._names))

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True)
class Steering:
    """Some controls with their weights at each step in each frame and hints `[T, c, h, w]`, to be asked at each window.

    `at_once`: how many pictures a net is shown at a time, None for all; each picture's answer is its own.
    """

    parts: list[tuple[Any, tuple[tuple[float, ...], ...], Tensor]]
    at_once: int | None = None

    @classmethod
    def encode(
        cls,
        nets: Mapping[str, Control],
        weights: Mapping[str, tuple[tuple[float, ...], ...]],
        maps: Mapping[str, Tensor],
        slice_frames: int,
        at_once: int | None = None,
    ) -> Steering:
        """This encodes the hints of all controls that `weights` names; `maps` must hold each of them."""
        missing = sorted(set(weights) - set(maps))
        if missing:
            raise ValueError(f"no control map for {', '.join(missing)}; there are maps for {', '.join(maps) or 'none'}")
        hints = {name: nets[name].encode(maps[name], slice_frames) for name in weights}
        return cls([(nets[name].net, weight, hints[name]) for name, weight in weights.items()], at_once)

    def __call__(
        self, step: int, span: Span, latents: Tensor, timestep: Tensor, text: Tensor
    ) -> tuple[list[Tensor] | None, Tensor | None]:
        """This sums what the nets add for a window: latents `[B, C, W, h, w]`, text `[B * W, n, d]`.

        A net whose weight is 0 at this step in all of the window is not asked.
        """
        total: tuple[list[Tensor] | None, Tensor | None] = None, None
        pictures = latents.transpose(1, 2).flatten(0, 1)
        for net, weights, hints in self.parts:
            weight = weights[step][span.start : span.stop]
            if not any(weight):
                continue
            hint = hints[span.start : span.stop].repeat(len(latents), 1, 1, 1)
            total = _add(total, *self._ask(net, weight * len(latents), timestep, (pictures, text, hint)))
        return total

    def _ask(
        self,
        net: Any,  # noqa: ANN401
        weights: tuple[float, ...],
        timestep: Tensor,
        inputs: tuple[Tensor, Tensor, Tensor],
    ) -> tuple[list[Tensor], Tensor]:
        """This asks one net about pictures with their text and hints, as many at a time as is wanted.

        weights: of each picture; what the net adds to one is its own.
        """
        few = self.at_once or len(inputs[0])
        alike = len(set(weights)) == 1
        scales = torch.split(inputs[0].new_tensor(weights).view(-1, 1, 1, 1), few)
        answers = [
            net(pictures, timestep, text, hint, conditioning_scale=weights[0] if alike else scale, return_dict=False)
            for pictures, text, hint, scale in zip(*(torch.split(whole, few) for whole in inputs), scales, strict=True)
        ]
        if len(answers) == 1:  # joining would copy it
            down, middle = answers[0]
            return list(down), middle
        downs = [torch.cat(parts) for parts in zip(*(down for down, _ in answers), strict=True)]
        return downs, torch.cat([middle for _, middle in answers])


def _add(
    total: tuple[list[Tensor] | None, Tensor | None], down: list[Tensor], middle: Tensor
) -> tuple[list[Tensor], Tensor]:
    sums, sum_of_middles = total
    if sums is None or sum_of_middles is None:
        return list(down), middle
    return [a.add_(b) for a, b in zip(sums, down, strict=True)], sum_of_middles.add_(middle)
