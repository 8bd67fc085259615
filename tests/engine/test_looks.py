"""Laws of looks: one's own file is as good as a bundled one, and a slip in it is named."""

from pathlib import Path

import pytest

from engine.errors import SettingsError
from engine.plan import default_output
from engine.settings import LOOKS, Settings, look_names

OWN = 'title = "Mine"\nprompt = "ink drawing, warm"\nstrength = 0.4\n\n[controls]\nedges = 0.5\n'


def test_a_file_of_ones_own_is_a_look(tmp_path):
    (tmp_path / "sepia.toml").write_text(OWN)
    settings = Settings(look_file=str(tmp_path / "sepia.toml"))
    look = settings.load_look()
    assert look is not None
    assert (look.name, look.title, look.prompt, look.strength) == ("sepia", "Mine", "ink drawing, warm", 0.4)
    assert default_output(Path("a/harbour.mp4"), settings) == Path("a/harbour.sepia.mp4")


@pytest.mark.parametrize("name", look_names())
def test_a_bundled_look_given_as_a_file_is_the_same(name):
    by_name, by_file = Settings(look=name), Settings(look_file=str(LOOKS / f"{name}.toml"))
    assert by_name.load_look() == by_file.load_look()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('title = "Mine"', "has no prompt"),
        ("prompt = 3", "prompt is 3"),
        ('prompt = "ink"\nstrenght = 1', "strenght"),
        ('prompt = "ink"\nstrength = 2', "strength is 2"),
    ],
)
def test_a_slip_in_a_look_is_named(tmp_path, text, complaint):
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(SettingsError, match=complaint):
        Settings(look_file=str(tmp_path / "mine.toml"))


def test_a_look_file_that_is_not_there_is_refused():
    with pytest.raises(SettingsError, match=r"nowhere\.toml cannot be read"):
        Settings(look_file="nowhere.toml")


def test_one_look_is_enough(tmp_path):
    (tmp_path / "mine.toml").write_text(OWN)
    with pytest.raises(SettingsError, match="one of the two"):
        Settings(look="ink", look_file=str(tmp_path / "mine.toml"))


def test_a_look_on_the_command_line_replaces_the_one_in_the_settings(tmp_path):
    (tmp_path / "mine.toml").write_text(OWN)
    (tmp_path / "job.toml").write_text(f'look_file = "{(tmp_path / "mine.toml").as_posix()}"')
    assert Settings.from_toml(tmp_path / "job.toml", look="oil").look_file is None
