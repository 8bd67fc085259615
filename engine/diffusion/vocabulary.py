"""The words that a small model knows: a prompt with others is refused, for they would do nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Collection

from engine.diffusion.checkpoint import Checkpoint
from engine.errors import ModelError, SettingsError, did_you_mean


def known_words(checkpoint: Checkpoint) -> frozenset[str] | None:
    """This reads the list beside a model's tokenizer, `words.json`; None if there is none: then any word goes.

    Raises:
        ModelError: the list is damaged.
    """
    path = checkpoint.place("tokenizer") / "words.json"
    if not path.is_file():
        return None
    try:
        return frozenset(json.loads(path.read_text(encoding="utf-8")))
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError) as error:
        raise ModelError(f"{path} is damaged: {error}") from error


def check_words(prompt: str, known: Collection[str] | None, model: str) -> None:
    """This refuses a prompt with words that the model called `model` does not know, and lists those that it does."""
    if known is None:
        return
    unknown = [word for word in dict.fromkeys(re.findall(r"\w+", prompt.lower())) if word not in known]
    if unknown:
        meant = did_you_mean(unknown[0], known)
        raise SettingsError(
            f"The model {model} does not know: {', '.join(unknown)}.{meant} "
            f"Leave that out, or use a larger model. It knows: {', '.join(sorted(known))}."
        )
