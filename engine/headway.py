"""How far the work on a chunk is, in frames, so that who waits sees it go on."""

from __future__ import annotations

from collections.abc import Callable


class Headway:
    """Tells `tell` of a chunk's frames as the work on it goes on: how many more are done by now, parts of them too.

    All that comes before the first of its `steps` counts as much as one of them, preparing the chunk and encoding it
    half each; so does all that comes after the last. What is done once more, as memory ran out, is not told once more.
    """

    def __init__(self, tell: Callable[[float], None], frames: int, steps: int) -> None:
        self._tell = tell
        self._frames = frames
        self._steps = steps
        self._told = 0.0

    def prepared(self) -> None:
        """This tells that the model can begin."""
        self._reach(self._frames * 0.5 / (self._steps + 2))

    def denoised(self, share: float) -> None:
        """This tells how much of the denoising is done, 0 to 1."""
        self._reach(self._frames * (1 + share * self._steps) / (self._steps + 2))

    def finished(self) -> None:
        """This tells that the chunk is kept."""
        self._reach(self._frames)

    def _reach(self, frames: float) -> None:
        if frames > self._told:
            self._tell(frames - self._told)
            self._told = frames
