"""Laws of looks: one's own file is as good as a bundled one, and a slip in it is named."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

import restyle
from consistency.finish import Finish
from engine.diffusion import catalog
from engine.diffusion.rows import STARTER
from engine.errors import SettingsError
from engine.naming import default_output
from engine.settings import LOOKS, Settings, load_look, look_names

OWN = 'title = "Mine"\nprompt = "ink drawing, warm"\nstrength = 0.4\n\n[controls]\nedges = 0.5\n'


def test_a_file_of_ones_own_is_a_look(tmp_path, monkeypatch):
    (tmp_path / "sepia.toml").write_text(OWN)
    settings = Settings(look_file=str(tmp_path / "sepia.toml"))
    look = settings.load_look()
    assert look is not None
    assert (look.name, look.title, look.prompt, look.strength) == ("sepia", "Mine", "ink drawing, warm", 0.4)
    assert default_output(Path("a/harbour.mp4"), settings) == Path("a/harbour.sepia.mp4")
    assert default_output(Path("a/shot_%04d.png"), settings) == Path("a/shot.sepia.mp4")
    monkeypatch.chdir(tmp_path)
    assert default_output(Path(), settings) == tmp_path.with_name(f"{tmp_path.name}.sepia.mp4")


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
        ('prompt = "ink"\nduotone = "#000000"', 'must be a dark and a light colour, as \\["#211c24", "#f5e8cc"\\]'),
        ('prompt = "ink"\nduotone = ["#000000", "white"]', "must be a dark and a light colour"),
        ('prompt = "ink"\nduotone = ["#ffffff", "#000000"]', "must be clearly lighter than the first"),
        ('prompt = "ink"\nfinish = 3', "finish is 3; it must be a table"),
        ('prompt = "ink"\n[finish]\ntones = 2.5', "finish.tones is 2.5; it must be a whole number between 0 and 64"),
        ('prompt = "ink"\n[finish]\nstrokes = -1', "finish.strokes is -1; it must be a whole number"),
        ('prompt = "ink"\n[finish]\nthick = 0', "finish.thick is 0; it must be a number from 0.25 to 4"),
        ('prompt = "ink"\n[finish]\nlines = 2', "finish.lines is 2; it must be a number from 0"),
        (
            'prompt = "ink"\n[finish]\nstroke = 2',
            "finish has no 'stroke'. It has: calm, forms, flat, strokes, tones",
        ),
    ],
)
def test_a_slip_in_a_look_is_named(tmp_path, text, complaint):
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(SettingsError, match=complaint):
        Settings(look_file=str(tmp_path / "mine.toml"))


def test_the_look_in_the_docs_works(tmp_path):
    page = (LOOKS.parent.parent / "docs" / "looks.md").read_text(encoding="utf-8")
    (tmp_path / "riso.toml").write_text(page.partition("```toml\n")[2].partition("```")[0], encoding="utf-8")
    look = Settings(look_file=str(tmp_path / "riso.toml")).load_look()
    assert look is not None
    assert look.finish == {"forms": 1, "tones": 4, "lines": 0.4}
    known = json.loads((STARTER / "tokenizer" / "words.json").read_text(encoding="utf-8"))
    assert set(re.findall("[a-z]+", look.prompt)) <= set(known)


def test_files_may_be_named_by_paths(tmp_path):
    own = tmp_path / "own.toml"
    own.write_text('prompt = "ink"')
    named: dict[str, Any] = {
        "look_file": own,
        "mask": tmp_path / "mask.png",
        "cuts": tmp_path / "cuts.txt",
        "model": tmp_path,
    }
    words: dict[str, Any] = {name: str(path) for name, path in named.items()}
    assert Settings(**named) == Settings(**words)


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


def test_a_look_of_two_colours_has_no_others_but_those_of_a_palette(model, tmp_path):
    (tmp_path / "mine.toml").write_text('prompt = "ink drawing"\nduotone = ["#200000", "#ffffe0"]')
    colours = torch.rand(3, 3, 48, 64, generator=torch.Generator().manual_seed(0))
    own = str(tmp_path / "mine.toml")
    made = torch.cat(list(restyle.frames(colours, look_file=own)))
    film = torch.cat(list(restyle.frames(colours, look="noir")))
    dark, way = torch.tensor([32.0, 0, 0]).view(3, 1, 1) / 255, torch.tensor([223.0, 255, 224]).view(3, 1, 1) / 255
    share = (made - dark) / way
    assert (share - share.mean(dim=1, keepdim=True)).abs().max() < 1e-5
    assert (film - film.mean(dim=1, keepdim=True)).abs().max() < 1e-5
    assert film.std() > 0.05
    style = np.random.default_rng(2).normal((30, 60, 190), 8, (40, 40, 3)).clip(0, 255).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "style.png"), style)
    given = torch.cat(list(restyle.frames(colours, look="noir", palette=str(tmp_path / "style.png"))))
    assert torch.allclose(given.mean(dim=(0, 2, 3)) * 255, torch.tensor([190.0, 60, 30]), atol=12)


def test_frames_are_gone_over_as_the_look_says_if_the_model_needs_that(model, tmp_path):
    plain = (LOOKS / "oil.toml").read_text(encoding="utf-8").partition("[finish]")[0]
    (tmp_path / "plain.toml").write_text(plain)
    colours = torch.rand(3, 3, 48, 64, generator=torch.Generator().manual_seed(0))

    def made(**look: Any) -> torch.Tensor:
        return torch.cat(list(restyle.frames(colours, steady=0, **look)))

    large = made(look="oil")
    assert torch.equal(large, made(look_file=str(tmp_path / "plain.toml")))
    model.defaults = replace(model.defaults, finished=True)
    assert torch.equal(made(look_file=str(tmp_path / "plain.toml")), large)
    brushed = made(look="oil")
    assert (
        brushed - Finish(**load_look("oil").finish)(large, colours)
    ).abs().mean() < 0.002  # what is kept has 8 bits: which dab is a near thing
    assert (brushed - large).abs().mean() > 0.05
    (tmp_path / "calm.toml").write_text(plain + "[finish]\ncalm = 1\n")
    colours[..., :32] = 0.02  # a black stage beside it
    large = made(look_file=str(tmp_path / "plain.toml"))
    calm = made(look_file=str(tmp_path / "calm.toml"))
    assert (calm - Finish(calm=1)(large, colours)).abs().max() < 0.01
    assert (calm - large)[..., :20].abs().mean() > 0.002


def test_the_bundled_model_needs_it():
    assert catalog.find("starter").defaults.finished
    assert not catalog.find("animatediff").defaults.finished
