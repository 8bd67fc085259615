"""Laws of the words and looks that are taught: each word one token, modifiers seen, every look another picture."""

import os
import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest
import torch

from consistency.drawing import Image, luma
from training.diffusion import Pool, batches
from training.styles import STYLES, paint
from training.words import MODIFIERS, build_tokenizer, known_words, say


@pytest.fixture(scope="module")
def picture() -> Image:
    rows, columns = np.mgrid[:96, :96] / 96
    plain = np.stack([columns, 0.5 * rows + 0.2, 0.7 - 0.5 * columns], axis=-1)
    plain[30:66, 30:66] = (0.85, 0.75, 0.3)
    return np.asarray(plain, np.float32)


def painted(picture: Image, look: str, *modifiers: str) -> Image:
    return paint(picture, look, modifiers, np.random.default_rng(0))


@pytest.mark.parametrize("look", STYLES)
def test_a_look_is_a_picture(picture, look):
    target = painted(picture, look)
    assert target.shape == picture.shape
    assert target.dtype == np.float32
    assert target.min() >= 0
    assert target.max() <= 1


def test_looks_differ(picture):
    for one, other in combinations(STYLES, 2):
        assert np.abs(painted(picture, one) - painted(picture, other)).mean() > 0.03, (one, other)


@pytest.mark.parametrize("look", STYLES)
def test_words_change_a_look_as_they_say(picture, look):
    def warmth(target: Image) -> float:
        return float((target[..., 0] - target[..., 2]).mean())

    plain = painted(picture, look)
    assert warmth(painted(picture, look, "cold")) < warmth(plain) < warmth(painted(picture, look, "warm"))
    dark, bright = (luma(painted(picture, look, word)).mean() for word in ("dark", "bright"))
    assert dark < luma(plain).mean() < bright
    lines = [painted(picture, look, word) for word in ("fine lines", "thick lines")]
    assert np.abs(lines[0] - lines[1]).mean() > 0.003


def test_every_word_that_is_said_is_one_token():
    words, tokenizer = known_words(), build_tokenizer(known_words())
    assert all(len(tokenizer.tokenize(word)) == 1 for word in words)
    rng = torch.Generator().manual_seed(0)
    for bits in range(1 << len(MODIFIERS)):
        said = say(((bits % len(STYLES), (bits + 3) % len(STYLES)), bits), rng)
        assert set("".join(c if c.isalpha() else " " for c in said.lower()).split()) <= set(words), said


def test_tokens_have_the_same_numbers_in_every_process():
    code = (
        "from training.words import build_tokenizer, known_words; "
        "print(sorted(build_tokenizer(known_words()).get_vocab().items()))"
    )
    other = {**os.environ, "PYTHONHASHSEED": "1"}  # another order of sets
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=other)
    assert ran.stdout.strip() == str(sorted(build_tokenizer(known_words()).get_vocab().items()))


def test_a_mixture_is_the_mean_of_two_looks():
    looks = torch.arange(4.0).view(1, 4, 1, 1, 1).expand(2, 4, 1, 16, 16)  # the source 0, then looks 1, 2, 3
    pool = Pool(looks, {}, torch.zeros(2, 3, dtype=torch.long))
    batch = next(batches(pool, 200, torch.Generator().manual_seed(0)))
    seen = batch.target.mean(dim=(1, 2, 3))
    assert set(seen.tolist()) == {1.0, 1.5, 2.0, 2.5, 3.0}
    pure = batch.versions > 0
    assert (seen[pure] == batch.versions[pure]).all()
    assert set(seen[~pure].tolist()) == {1.5, 2.0, 2.5}
