"""Standard output is for what was asked for: whatever libraries print, lines of JSON stay lines of JSON."""

from __future__ import annotations

import io
import sys
from typing import TextIO


class Aside(io.TextIOBase):
    """Stands in for standard output while a command runs: what others print there goes to standard error.

    The EXR library prints a line there of a file that is damaged. own: standard output itself, for `tell`.
    """

    def __init__(self, own: TextIO) -> None:
        self.own = own

    def write(self, text: str) -> int:
        """This writes to standard error."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """This flushes standard error."""
        sys.stderr.flush()


def tell(words: str) -> None:
    """This writes a line to standard output itself."""
    print(words, file=sys.stdout.own if isinstance(sys.stdout, Aside) else sys.stdout, flush=True)
