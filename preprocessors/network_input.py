"""How a network is shown a picture: at which size, in which colours; and how what it says comes back to its own."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's colours."""


def seen_size(height: int, width: int, most: int, smallest: int = 1) -> tuple[int, int]:
    """This gives the picture's own size, or one of its shape with at most `most` pixels (or about, for tiny sides).

    Sides below `smallest` count as that: what is padded takes time and memory, too.
    """
    pixels = max(height, smallest) * max(width, smallest)
    shrink = min(1.0, (most / pixels) ** 0.5)
    return max(1, int(height * shrink)), max(1, int(width * shrink))


def shrunk(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """This scales pictures `[1, C, H, W]`, 0 to 1, down to `size`."""
    if picture.shape[-2:] == size:
        return picture
    return F.interpolate(picture, size, mode="bilinear", antialias=True, align_corners=False).clamp(0, 1)


def stretched(drawn: Tensor, size: tuple[int, int]) -> Tensor:
    """This scales what was drawn, `[1, C, H, W]`, back up to `size`."""
    if drawn.shape[-2:] == size:
        return drawn
    return F.interpolate(drawn, size, mode="bilinear", align_corners=False)


def padded(picture: Tensor, multiple: int, smallest: int = 1) -> Tensor:
    """This repeats the lower and right edge of pictures `[1, C, H, W]` until their sides are multiples."""
    height, width = picture.shape[-2:]
    below, right = (max(smallest, -(-side // multiple) * multiple) - side for side in (height, width))
    return F.pad(picture, (0, right, 0, below), mode="replicate")


def of_imagenet(pictures: Tensor) -> Tensor:
    """This brings the colours of pictures `[T, 3, H, W]`, 0 to 1, to the mean and spread that ImageNet's have."""
    mean, spread = (pictures.new_tensor(one).view(1, 3, 1, 1) for one in (MEAN, SPREAD))
    return (pictures - mean) / spread
