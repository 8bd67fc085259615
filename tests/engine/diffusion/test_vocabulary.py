"""Laws of words: what a small model does not know is refused by name, and nothing else is."""

import pytest
from torch import Tensor

import restyle
from engine.diffusion.vocabulary import check_words
from engine.errors import SettingsError
from engine.settings import load_look, look_names
from samples.harbour import draw_harbour


@pytest.fixture(scope="module")
def frames() -> Tensor:
    return draw_harbour(2, 24)[..., :64, :64]


def test_unknown_words_are_named_with_the_nearest_known_one():
    with pytest.raises(SettingsError, match=r"does not know: harbour, pensil\.") as refusal:
        check_words("harbour, dark pensil", {"dark", "pencil"}, "small")
    assert "It knows: dark, pencil." in str(refusal.value)


def test_without_a_list_any_word_goes():
    check_words("a harbour at dawn", None, "large")


def test_the_starter_names_what_it_does_not_know_before_any_frame(frames):
    with pytest.raises(SettingsError, match="does not know: harbour"):
        restyle.frames(frames, prompt="an ink drawing of a harbour")


@pytest.mark.parametrize("prompt", [*(load_look(name).prompt for name in look_names()), "Dark ink drawing, fine lines"])
def test_the_starter_knows_its_looks_and_what_changes_them(frames, prompt):
    restyle.frames(frames, prompt=prompt)  # refused at once, or not at all
