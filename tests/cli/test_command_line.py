"""The command line refuses in one line, with the right exit status, and answers for help at once."""

import json
import subprocess
import sys

import pytest

from cli import restyle


def run(monkeypatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["restyle", *arguments])
    with pytest.raises(SystemExit) as stop:
        restyle.main()
    return int(stop.value.code or 0)


def test_help_imports_no_model_library():
    code = "import sys, cli.restyle; print({'torch', 'diffusers', 'av', 'cv2'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["clip.mp4"], 2, "Say either a look"),
        (["clip.mp4", "--look", "comic", "--size", "big"], 2, "WIDTHxHEIGHT"),
        (["clip.mp4", "--look", "comic", "--strength", "2"], 2, "between 0 and 1"),
        (["clip.mp4", "--look", "comic", "--cuts", "a.txt", "--no-cuts"], 2, "exclude each other"),
        (["clip.mp4", "--look", "comic", "--control", "edges:much"], 2, "NAME:WEIGHT"),
        (["missing.mp4", "--look", "comic"], 3, "missing.mp4"),
    ],
)
def test_bad_input_is_one_line_and_a_status(monkeypatch, capsys, tmp_path, arguments, status, words):
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, *arguments) == status
    told = capsys.readouterr().err
    assert words in told
    assert len(told.strip().splitlines()) == 1


def test_looks_for_machines(monkeypatch, capsys):
    assert run(monkeypatch, "looks", "--json") == 0
    assert {"watercolor", "oil", "ink", "comic"} <= set(json.loads(capsys.readouterr().out))


def test_doctor_says_what_is_there(monkeypatch, capsys):
    assert run(monkeypatch, "doctor", "--json") == 0
    assert {"python", "torch", "memory", "gpu", "model starter"} <= set(json.loads(capsys.readouterr().out))
