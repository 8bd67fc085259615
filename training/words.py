"""What the starter's text encoder learns: names of looks, words that change a look, and ways to say both."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from string import ascii_lowercase
from typing import TypeVar

import torch
from transformers import CLIPTokenizer

from engine.settings import load_look, look_names
from engine.words import FINE, NAMES, THICK
from training.styles import STYLES

MODIFIERS = ("warm", "cold", "dark", "bright", "muted", "vivid", "thick lines", "fine lines")
AXES = (("warm", "cold"), ("dark", "bright"), ("muted", "vivid"), ("thick lines", "fine lines"))
"""Of each pair a picture has at most one."""

SAYINGS: dict[str, tuple[str, ...]] = {
    "warm": ("warm", "warm colors", "warm colours", "warm light", "warm paper"),
    "cold": ("cold", "cool", "cold colors", "cool colours", "cold light"),
    "dark": ("dark", "dark tones", "dim"),
    "bright": ("bright", "light tones", "bright light"),
    "muted": ("muted", "muted colors", "pale colours", "faded"),
    "vivid": ("vivid", "vivid colors", "saturated colours", "strong colors"),
    "thick lines": THICK,
    "fine lines": FINE,
}
FILLERS = ("a", "an", "the", "in", "of", "with", "and", "on", "very", "style", "look", "painting", "drawing", "picture")

T = TypeVar("T")
Said = tuple[tuple[int, ...], int]
"""What a picture is: its looks by number (two for a mixture) and its modifiers as bits."""


def say(said: Said, rng: torch.Generator) -> str:
    """This puts into words what a picture is, each time in another way."""
    looks, bits = said
    names = list(STYLES)
    phrases = [_pick((*_own(names[n]) * 2, *NAMES[names[n]]), rng) for n in looks]
    whole = _pick((" and ", ", "), rng).join(phrases)
    for word in (MODIFIERS[i] for i in range(len(MODIFIERS)) if bits >> i & 1):
        saying = _pick(SAYINGS[word], rng)
        whole = f"{saying} {whole}" if " " not in saying and _pick((True, False), rng) else f"{whole}, {saying}"
    return whole


def known_words() -> list[str]:
    """This lists every word that is said in training, sorted."""
    texts = [*FILLERS, *(prompt for name in STYLES for prompt in _own(name))]
    for phrases in (*NAMES.values(), *SAYINGS.values()):
        texts.extend(phrases)
    return sorted({word for text in texts for word in re.findall(r"[a-z]+", text.lower())})


def build_tokenizer(words: list[str]) -> CLIPTokenizer:
    """This builds a tokenizer to which each of `words` is one token, and any other text one token a byte or more."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    pairs = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    pairs.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [letter + "</w>" for letter in ascii_lowercase]  # numbered here, or they would be in the order of a hash
    pairs.train_from_iterator(
        sorted(words), trainers.BpeTrainer(vocab_size=10_000, special_tokens=ends, end_of_word_suffix="</w>")
    )
    merges = [tuple(pair) for pair in json.loads(pairs.to_str())["model"]["merges"]]
    letters = list(bytes_to_unicode().values())
    known = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    known += [whole for whole in dict.fromkeys("".join(pair) for pair in merges) if whole not in known]
    return CLIPTokenizer(vocab={word: i for i, word in enumerate(known)}, merges=merges, model_max_length=77)


def _own(name: str) -> tuple[str, ...]:
    """The prompt of a look, if it is one of those that come with the engine: a style may be learned and not be good."""
    return (load_look(name).prompt,) if name in look_names() else ()


def _pick(choices: Sequence[T], rng: torch.Generator) -> T:
    return choices[int(torch.randint(0, len(choices), (1,), generator=rng))]
