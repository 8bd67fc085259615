"""What the C library keeps of memory that is no longer used, given back to the system.

glibc keeps freed pieces in case they are wanted again. A chunk frees many sizes, the next one wants others, and a long
clip would take a few megabytes more with every chunk.
"""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """This gives free memory of this process back to the system, where the C library is one that keeps it."""
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none, and keeps less
    if trim is not None:
        trim(0)
