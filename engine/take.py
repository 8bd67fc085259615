"""What a finished chunk is known by: its frames, those of its shot, and the seed that it was made with."""

from __future__ import annotations

from dataclasses import dataclass

from engine.windows import Span


@dataclass(frozen=True)
class Take:
    """One chunk, `span`, of the frames of `shot`, both in frames of the clip, made with `seed`.

    No number of a shot or chunk is in it: a cut that is corrected elsewhere leaves it what it is.
    """

    shot: Span
    span: Span
    seed: int

    @property
    def first(self) -> bool:
        """Whether the shot begins with it."""
        return self.span.start == self.shot.start

    @property
    def name(self) -> str:
        """What its files are called: `chunk-000144-000168-of-000120-000190-seed-0`."""
        (first, stop), (start, end) = ((span.start, span.stop) for span in (self.span, self.shot))
        return f"chunk-{first:06d}-{stop:06d}-of-{start:06d}-{end:06d}-seed-{self.seed}"
