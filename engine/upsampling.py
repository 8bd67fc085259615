"""Restyled frames brought to the size of the result, with the contours that the source has at that size.

The model works on small pictures. Where what it made goes along with the brightness of the small source, as one side of
a contour does with the other, it will go along with the fine detail that only the large source has: that is added, as
strongly as the two go along there. What has nothing to do with the source is scaled up as it is. This is the guided
filter's model (He, Sun & Tang 2013), its slopes taken at the small size as in the fast one (He & Sun 2015), applied to
detail alone: colours and strokes stay those of the look.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from kornia.filters import box_blur
from torch import Tensor
from torch.nn import functional as F

from consistency.structure import LUMA
from engine.footage import SLICE
from engine.keyframes import Led
from engine.masks import Compose
from engine.media import Reader, scaled

REACH = 2
"""Pixels of the small picture to each side, over which slopes are taken."""
FAINT = 1e-3
"""Variance of brightness: what differs less in the source is noise or texture, and little of it is added."""


def upsampled(frames: Tensor, source: Tensor) -> Tensor:
    """This brings restyled frames `[T, 3, h, w]` to the size of their source `[T, 3, H, W]`, all 0 to 1.

    Frames that have that size already come back as they are.
    """
    (height, width), size = frames.shape[-2:], (source.shape[-2], source.shape[-1])
    if (height, width) == size:
        return frames
    made = torch.empty_like(source)
    for frame, seen, place in zip(frames[:, None], source[:, None], made[:, None], strict=True):  # memory for one
        light = _brightness(seen)
        low = scaled(light, (height, width))
        slopes = F.interpolate(_slopes(frame, low), size, mode="bilinear", align_corners=False)
        torch.addcmul(scaled(frame, size), slopes, light - scaled(low, size), out=place)
    return made.clamp_(0, 1)


def delivered(led: Led, first: int, reader: Reader, size: tuple[int, int], compose: Compose) -> Iterator[Tensor]:
    """This gives finished frames at the `size` of the result, a few at a time, led and composed with the source.

    first: the number of the first of them in the clip.
    """
    if led.frames.shape[-2:] == size:
        for piece in torch.split(led.onto(led.frames), SLICE):
            yield compose(piece, first)
            first += len(piece)
        return
    for number, frame in enumerate(led.frames[:, None], first):
        source = reader.read(number, number + 1)
        yield compose(led.onto(upsampled(frame, scaled(source, size))), number, source)


def _brightness(frames: Tensor) -> Tensor:
    return (frames * frames.new_tensor(LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)


def _slopes(frames: Tensor, light: Tensor) -> Tensor:
    """This says by how much each channel of `[1, 3, h, w]` rises where the brightness `[1, 1, h, w]` rises by one."""
    mean, mean_light = _mean(frames), _mean(light)
    together = _mean(frames * light) - mean * mean_light
    spread = _mean(light * light) - mean_light * mean_light
    return _mean(together / (spread + FAINT))


def _mean(maps: Tensor) -> Tensor:
    height, width = (min(2 * REACH + 1, 2 * side - 1) for side in maps.shape[-2:])
    return box_blur(maps, (height, width), "reflect", separable=True)
