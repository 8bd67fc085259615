"""`restyle report` answers people and machines, and a run says in a few lines how its result is."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from cli import restyle
from tests.engine.report.jobs import SEAMS, finished

CLIP = Path(__file__).resolve().parents[2] / "samples" / "harbour.mp4"
COMIC = ("--look", "comic", "--size", "96x54", "--no-cuts")


def run(monkeypatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["restyle", *words])
    with pytest.raises(SystemExit) as stop:
        restyle.main()
    return int(stop.value.code or 0)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jobs")
    finished(folder, unlike=True)
    return folder


def test_people_get_words_and_a_page(monkeypatch, capsys, place):
    assert run(monkeypatch, "report", str(place / "out.mp4")) == 0
    told = capsys.readouterr().out
    assert "A step can be seen at both seams: frames 14 and 28." in told
    written = place / "out.mp4.report.html"
    assert str(written) in told
    assert written.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_machines_get_json_and_a_page_only_if_they_ask(monkeypatch, capsys, place):
    (place / "out.mp4.report.html").unlink(missing_ok=True)
    assert run(monkeypatch, "report", str(place / "out.mp4.restyle"), "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert [seam["frame"] for seam in facts["seams"] if seam["seen"]] == SEAMS
    assert not (place / "out.mp4.report.html").exists()
    page = place / "page.html"
    assert run(monkeypatch, "report", str(place / "out.mp4"), "--json", "-o", str(page)) == 0
    assert json.loads(capsys.readouterr().out)["page"] == str(page)
    assert page.stat().st_size > 10_000


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["nothing.mp4"], 6, "neither a job nor a result at nothing.mp4"),
        ([str(CLIP)], 6, "is no job of restyle"),
        (["out.mp4", "-o", "nowhere/page.html"], 3, "nowhere/page.html"),
        (["out.mp4", "--source", "gone.mp4"], 6, "--source FILE"),
        ([], 2, "JOB"),
    ],
)
def test_what_cannot_be_judged_is_one_line_and_a_status(monkeypatch, capsys, place, words, status, told):
    monkeypatch.chdir(place)
    assert run(monkeypatch, "report", *words) == status
    heard = capsys.readouterr()
    assert heard.out == ""
    *_, last = heard.err.splitlines()
    assert last.startswith("restyle: ")
    assert told in last


def test_a_run_says_how_its_result_is_unless_told_not_to(monkeypatch, capsys, tmp_path, model):
    monkeypatch.chdir(tmp_path)
    Path("clip.mp4").symlink_to(CLIP)
    assert run(monkeypatch, "clip.mp4", *COMIC) == 0
    *_, headline, seams, kept, more = capsys.readouterr().err.splitlines()
    assert headline == "No seam can be told from other frames."
    assert seams.startswith("At seams: at most")
    assert "of the raw chunks' detail" in kept
    assert more.endswith("restyle report clip.comic.mp4")
    assert run(monkeypatch, "clip.mp4", *COMIC, "--no-report") == 0
    assert capsys.readouterr().err.splitlines()[-1].startswith("clip.comic.mp4: 48 frames")
    assert run(monkeypatch, "clip.mp4", *COMIC, "--json") == 0
    done = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert done["report"]["headline"] == "No seam can be told from other frames."
