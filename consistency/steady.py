"""Take the flicker out of a shot and leave it as sharp as it was: each frame meets itself along the source's motion.

Three passes, each over a frame and the two that lie one, three and nine frames off: together they see thirteen frames
either way for the price of six. Long trajectories are short ones in a row; each is followed as far as the source looks
the same at its end.

What does not flicker in the first place stays as it was: following a motion is never quite exact, and its error would
be all that is added.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from consistency.blur import blur, energy, light
from consistency.detail import FINE, Detail
from consistency.flicker import around, flicker
from consistency.occlusion import further, motion_boundary, round_trip
from consistency.swim import Swim
from consistency.warp import warped

STRIDES = (1, 3, 9)
LOOKAHEAD = sum(STRIDES)
"""How many later frames a frame waits for."""

UNLIKE, TEXTURE = 0.03, 0.15
"""What the source may change along a trajectory before it is believed no longer: so much, and this share of the
variance nearby. Ripples, smoke and leaves change by about all of theirs, and are left alone."""
NOISE = (3 / 255) ** 2
"""Variance of a source in which nothing is to be seen."""
RESAMPLED = 0.02
"""Share of the high band's energy that following a motion may cost: change below it is no flicker."""
BROAD = 8.0
"""Pixels over which light is compared. Light multiplies, the source's and the result's values alike; so neighbours are
seen in this frame's light, and a lamp that goes on is no flicker."""


@dataclass(frozen=True)
class Pair:
    """How a frame and the one before it hang together: flows `[2, H, W]`, pixels, from it to that one and back."""

    to_previous: Tensor
    from_previous: Tensor


@dataclass(frozen=True)
class _Frame:
    """One frame on its way: `layers` `[1, 4, H, W]`, the picture and the grey of its source.

    broad: `[1, 1, H, W]`, that grey, blurred as light is compared. texture: `[1, 2, H, W]`, the source's variance
    nearby, and the energy of its high band. links: `[2, 3, H, W]`, flow and trust, back and ahead. flickers: 0 to 1,
    once it is known.
    """

    layers: Tensor
    broad: Tensor
    texture: Tensor
    links: Tensor
    flickers: float | None = None

    @property
    def picture(self) -> Tensor:
        return self.layers[:, :3]

    @property
    def grey(self) -> Tensor:
        return self.layers[:, 3:]


class Steadier:
    """This steadies one shot, frame by frame in and out, in memory that does not grow with the shot."""

    def __init__(self, length: int, amount: float = 1.0) -> None:
        """This prepares for a shot of `length` frames. amount: 0 leaves it as it is, 1 does all that can be done."""
        self._amount = amount
        self._passes = [_Pass(stride, length) for stride in STRIDES]
        self._given: list[Tensor] = []
        self._swim = Swim()
        self._swims: float | None = None
        self._flickering: list[float] = []
        self._now = 0
        self._detail: Detail | None = None

    def add(self, picture: Tensor, source: Tensor, pair: Pair | None) -> list[Tensor]:
        """This takes the next frame and its source, `[3, H, W]` both, and gives those that are finished now.

        pair: the motion between the source's last frame and this one; None for the first. With the last frame of the
        shot all that are left are given.
        """
        self._given.append(picture)
        frame, ties = _frame(picture, source), None if pair is None else _ties(pair)
        self._look(frame, ties)
        return [self._finished(steadied) for steadied in self._follow(frame, ties, 0)]

    def _look(self, frame: _Frame, ties: Tensor | None) -> None:
        """This asks whether textures swim; the first answer holds for the frames before it as well."""
        told = self._swim.see(frame.picture, frame.grey, None if ties is None else ties[:1])
        if told is None:
            return
        if self._swims is None:
            self._flickering = [max(found, told) for found in self._flickering]
        self._swims = told

    def _finished(self, steadied: Tensor) -> Tensor:
        before = self._given.pop(0)
        needed = around(self._flickering, self._now, LOOKAHEAD)
        if self._now < LOOKAHEAD:
            self._now += 1
        else:
            self._flickering.pop(0)
        if self._detail is None:
            self._detail = Detail(self._passes[-1].taken([before, *self._given]), LOOKAHEAD)
        whole = self._detail.put_back(steadied, before[None])[0].clamp(0, 1)
        return torch.lerp(before, whole, self._amount * needed)

    def _follow(self, frame: _Frame, ties: Tensor | None, number: int) -> Iterator[Tensor]:
        if number == len(self._passes):
            yield frame.picture
            return
        for finished in self._passes[number].add(frame, ties):
            if number == 0:
                self._flickering.append(max(finished.flickers or 0.0, self._swims or 0.0))
            yield from self._follow(finished, None, number + 1)


class _Pass:
    """One pass: a frame and the two that lie `stride` off."""

    def __init__(self, stride: int, length: int) -> None:
        self._stride, self._length = stride, length
        self._held: dict[int, _Frame] = {}
        self._came = self._done = 0

    def add(self, frame: _Frame, ties: Tensor | None) -> Iterator[_Frame]:
        self._held[self._came] = frame
        if ties is not None:
            self._link(ties)
        self._came += 1
        while self._done < self._came and (self._done + self._stride < self._came or self._came == self._length):
            yield self._finish(self._done)
            # Trajectories are made of three links: those of the two frames before are needed yet.
            self._held.pop(self._done - self._stride, None)
            self._done += 1

    def taken(self, given: Sequence[Tensor]) -> Tensor:
        """This is what was taken away so far from the frames held, their mean `[1, 3, H, W]`.

        given: the shot from its start, `[3, H, W]` each.
        """
        total = torch.zeros_like(given[0])
        for number, frame in self._held.items():
            total.add_(given[number]).sub_(frame.picture[0])
        return total[None] / len(self._held)

    def _link(self, ties: Tensor) -> None:
        """This ties the frame that came to the one before."""
        for side, number in enumerate((self._came, self._came - 1)):
            self._held[number].links[side] = ties[side]

    def _finish(self, number: int) -> _Frame:
        here, places = self._held[number], (number - self._stride, number + self._stride)
        sides = [side for side, place in enumerate(places) if place in self._held]  # both, but near the shot's ends
        if not sides:
            return here
        links = here.links if self._stride == 1 else self._longer(number)
        early = torch.tensor([self._ease(number, places[side]) for side in sides]).view(-1, 1, 1, 1)
        others = torch.cat([self._held[places[side]].layers for side in sides])
        ways = links if len(sides) == len(links) else links[sides]
        seen = warped(others, ways[:, :2], "bicubic")
        edges = blur(motion_boundary(here.links[:, :2]).amax(dim=0, keepdim=True), 2)
        picture, flickers = _settled(here, seen, ways[:, 2:] * early, edges)
        return replace(here, layers=torch.cat([picture, here.grey], dim=1), links=links, flickers=flickers)

    def _ease(self, number: int, place: int) -> float:
        """This lets neighbours near the shot's ends count less: none may appear at once from one frame to the next."""
        return min(1.0, (place + 1 if place < number else self._length - place) / self._stride)

    def _longer(self, number: int) -> Tensor:
        """This makes trajectories three times as long as the links that frames came with, `[2, 3, H, W]`."""
        step = self._stride // 3
        links = self._held[number].links
        for hop in (step, 2 * step):
            ends = [self._held.get(number - hop), self._held.get(number + hop)]
            ahead = torch.stack([torch.zeros_like(links[0]) if e is None else e.links[i] for i, e in enumerate(ends)])
            links = further(links, ahead)
        return links


def _frame(picture: Tensor, source: Tensor) -> _Frame:
    grey = source.mean(dim=0)[None, None]
    variance = (blur(grey.square(), 3) - blur(grey, 3).square()).clamp(min=0)
    texture = torch.cat([variance, energy(grey - blur(grey, FINE), 2)], dim=1)
    layers = torch.cat([picture[None], grey], dim=1)
    return _Frame(layers, blur(grey, BROAD), texture, picture.new_zeros(2, 3, *picture.shape[-2:]))


def _ties(pair: Pair) -> Tensor:
    """This gives flow and trust, `[2, 3, H, W]`, from a frame to the one before and back."""
    there, back = pair.to_previous[None], pair.from_previous[None]
    flows, reverse = torch.cat([there, back]), torch.cat([back, there])
    return torch.cat([flows, round_trip(flows, reverse)], dim=1)


def _settled(here: _Frame, seen: Tensor, trust: Tensor, edges: Tensor) -> tuple[Tensor, float]:
    """This brings a frame together with others, `seen` `[N, 4, H, W]` along the motion, as far as that is believed.

    Low band: their mean. High band: what differs by more than the source does, followed the same way, is flicker and is
    averaged; what differs by no more is the motion's own error, and there the frame keeps its detail as it is. So it
    does on `edges` `[1, 1, H, W]`, where things move apart and the flow of one bleeds into the other. Beside the frame
    it gives how far the frame flickers, 0 to 1.
    """
    apart = torch.addcmul(here.layers, seen, light(here.broad, blur(seen[:, 3:], BROAD)), value=-1)
    low = blur(apart, FINE)
    high = apart - low
    variance, detail = here.texture[:, :1], here.texture[:, 1:]
    trust = trust * torch.exp(-energy(apart[:, 3:], FINE) / (2 * (UNLIKE**2 + TEXTURE * variance)))
    total = trust.sum(dim=0, keepdim=True)
    strength = energy(here.picture - blur(here.picture, FINE), 2)
    differs = (trust * energy(high[:, :3], 2)).sum(dim=0, keepdim=True) / (strength + NOISE / 4)
    expected = (trust * (energy(high[:, 3:], 2) - NOISE).clamp(min=0)).sum(dim=0, keepdim=True) / (detail + NOISE)
    flickers = here.flickers
    if flickers is None:
        flickers = flicker(low[:, :3], here.picture, low[:, 3:], here.grey, trust * (1 - edges))
    restless = (1 - (expected + RESAMPLED * total) / (differs + 1e-4)).clamp(0, 1) * (1 - edges)
    off = torch.addcmul(low[:, :3], restless, high[:, :3]).mul_(trust / (1 + total))
    return here.picture - off.sum(dim=0, keepdim=True), flickers
