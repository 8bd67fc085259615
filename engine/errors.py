"""What can go wrong, in words for the person who ran it.

Every error that a user can cause or mend is a `RestyleError`. Its message says what is wrong, where, and what would
work; the command line prints that message alone and exits with `exit_code`.
"""

import errno
import os
import textwrap
from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar


class RestyleError(Exception):
    """Root of all errors that are meant for people."""

    exit_code: ClassVar[int] = 1


class SettingsError(RestyleError):
    """A setting is wrong, or the chosen model cannot honour it. Raised before the first frame is read."""

    exit_code = 2


class MediaError(RestyleError):
    """A file cannot be read or written: missing, damaged, without a picture, of an unknown kind."""

    exit_code = 3


class ModelError(RestyleError):
    """A model cannot be loaded: missing files, missing package, unsafe format."""

    exit_code = 4


class ResourceError(RestyleError):
    """This machine has too little memory or disk for the job as asked."""

    exit_code = 5


class JobError(RestyleError):
    """The job folder beside the output belongs to another source, setting or model, is in use or not there."""

    exit_code = 6


def is_full(error: Exception) -> bool:
    """Whether an error says that a disk is full; that of safetensors says so in words alone."""
    return getattr(error, "errno", None) == errno.ENOSPC or os.strerror(errno.ENOSPC) in str(error)


LONGEST = 200  # characters of a library's complaint


def in_a_line(error: Exception) -> str:
    """This says what a library complains of in part of a sentence: its first complaint, and how many more there are.

    Of "Error(s) in loading state_dict for Net:\\n\\tsize mismatch for a\\n\\tsize mismatch for b" that is
    "size mismatch for a (and 1 more)".
    """
    said = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    if len(said) > 1 and said[0].endswith(":"):
        del said[0]
    rest = f" (and {len(said) - 1} more)" * (len(said) > 1)
    return textwrap.shorten(said[0], LONGEST, placeholder=" ...").rstrip(".") + rest


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """This is a sentence that names the known word nearest to a mistyped one, " Did you mean comic?", or nothing."""
    near = get_close_matches(word.lower(), list(known), n=1, cutoff=0.65)
    return f" Did you mean {near[0]}?" if near else ""
