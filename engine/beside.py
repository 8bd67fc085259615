"""What is done beside the model's work on a GPU, where main memory has room for it; on a processor nothing is.

There it would only take the model's time and memory.
"""

from __future__ import annotations

from math import prod

from engine.diffusion.memory import free_main_memory
from engine.diffusion.stylizer import Request, Stylizer
from engine.sizes import Sizes

JOINED, WRITTEN = 7, 16
"""Times a chunk's frames, what joining and steadying it takes, and times one frame of the result, what writing takes:
6.3 and 13 were measured with 96 frames of 288x512 and a result of 720x1280."""


def works_ahead(stylizer: Stylizer, request: Request, sizes: Sizes, longest: int, devices: int = 1) -> bool:
    """This says whether to prepare a chunk, of at most `longest` frames, while the model is at work on the one before.

    That is, where it works on a GPU, and main memory has room for two of them on each of the `devices`.
    """
    return _fits(stylizer, 2 * devices * prepared_bytes(stylizer, request, sizes, longest))


def writes_beside(stylizer: Stylizer, request: Request, sizes: Sizes, longest: int, devices: int = 1) -> bool:
    """This says whether to join, steady and write what is finished while the model is at work on what is not.

    That is, where it works on a GPU, and main memory has room for that besides what is prepared ahead.
    """
    ahead = 2 * devices * prepared_bytes(stylizer, request, sizes, longest)
    return _fits(stylizer, ahead + joined_bytes(sizes, longest))


def _fits(stylizer: Stylizer, need: int) -> bool:
    return stylizer.memory.device.type != "cpu" and need <= free_main_memory()


def prepared_bytes(stylizer: Stylizer, request: Request, sizes: Sizes, frames: int) -> int:
    """This estimates what a chunk takes before the model sees it: frames, maps, mask and noise, in float."""
    height, width = (stylizer.rule.side(side) for side in sizes.work)
    pictures = stylizer.rule.length(frames) * (3 + 3 * len(request.active_controls) + 1) * height * width
    return 4 * (pictures + stylizer.rule.latents(frames) * prod(stylizer.noise_shape(height, width)))


def joined_bytes(sizes: Sizes, frames: int) -> int:
    """This estimates what it takes at most to join a chunk of so many frames, to steady it and to write it."""
    return 4 * 3 * (JOINED * frames * prod(sizes.work) + WRITTEN * prod(sizes.output))
