"""A prompt that names a look is that look where the model's frames are finished, but for its words."""

from dataclasses import replace

import pytest

from engine.plan import look_of, make_request
from engine.settings import Settings, load_look, look_names
from engine.words import NAMES, look_in
from tests.fake_stylizer import DEFAULTS, FakeStylizer
from training.words import SAYINGS

SMALL = FakeStylizer(defaults=replace(DEFAULTS, finished=True))


@pytest.mark.parametrize("name", look_names())
def test_each_name_and_each_looks_own_prompt_say_the_look(name):
    for prompt in (*NAMES[name], load_look(name).prompt):
        look = look_in(prompt.upper() + ", warm")
        assert look is not None, prompt
        assert (look.name, look.prompt) == (name, prompt.upper() + ", warm")
        assert look.finish == {**load_look(name).finish, "thick": 1}


def test_words_that_change_a_look_name_none():
    said = [saying for sayings in SAYINGS.values() for saying in sayings]
    assert said
    assert not any(map(look_in, ["", "warm paper", "an inky oilskin", *said]))


def test_of_two_the_first_counts():
    names = [look.name for look in map(look_in, ("watercolor and ink", "ink, warm paper collage")) if look]
    assert names == ["watercolor", "ink"]


def test_lines_are_as_wide_as_is_said():
    said = ("comic, thick lines", "comic", "comic, delicate lines, thick lines")
    widths = [look.finish["thick"] for look in map(look_in, said) if look]
    assert widths == [1.7, 1.0, 0.6]


def test_colours_are_the_prompts_own_where_it_speaks_of_them():
    printed = load_look("ink").duotone
    said = ("ink drawing", "ink drawing, dark", "ink drawing, muted colors", "ink drawing, cold", "ink and watercolor")
    assert [look.duotone for look in map(look_in, said) if look] == [printed, printed, printed, None, None]


def test_black_and_white_names_noir_alone_but_no_other_look_less():
    said = ("black and white", "black and white ink drawing", "comic, black and white", "black and white film noir")
    assert [look.name for look in map(look_in, said) if look] == ["noir", "ink", "comic", "noir"]


def test_strength_and_controls_are_the_looks_unless_asked_for():
    noir = load_look("noir")
    asked = make_request(Settings(prompt="film noir, warm"), SMALL)
    assert (asked.prompt, asked.strength, dict(asked.controls)) == ("film noir, warm", noir.strength, noir.controls)
    chosen = Settings(prompt="film noir, warm", strength=0.9, controls={"edges": 0.2})
    asked = make_request(chosen, SMALL)
    assert (asked.strength, asked.controls) == (0.9, chosen.controls)


def test_a_large_model_goes_by_its_words_alone():
    assert look_of(Settings(prompt="film noir"), FakeStylizer()) is None
    assert look_of(Settings(prompt="film noir"), SMALL) is not None
    assert look_of(Settings(look="noir"), FakeStylizer()) == load_look("noir")
