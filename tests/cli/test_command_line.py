"""The command line refuses in one line, with the right exit status, and answers for help at once."""

import errno
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cli import restyle
from cli.arguments import COMMANDS, parse
from cli.options import OPTIONS
from engine.diffusion import catalog
from engine.diffusion.stylizer import Chunk, Request, Styled
from engine.errors import RestyleError
from engine.settings import Settings
from tests.fake_stylizer import FakeStylizer

ROOT = Path(__file__).resolve().parent.parent.parent
CLIP = ROOT / "samples" / "harbour.mp4"
COMIC = ("--look", "comic", "--size", "96x54", "--no-cuts")
BARE = (*COMIC, "--steady", "0", "--no-report")


def run(monkeypatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["restyle", *words])
    monkeypatch.setattr(restyle, "_end_by_ctrl_c", lambda: None)  # it would end the tests
    with pytest.raises(SystemExit) as stop:
        restyle.main()
    return int(stop.value.code or 0)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a clip, and what is none."""
    monkeypatch.chdir(tmp_path)
    Path("clip.mp4").symlink_to(CLIP)
    Path("empty").mkdir()
    Path("part").mkdir()
    Path("part/config.json").write_text("{}")
    Path("text.mp4").write_text("no clip")
    Path("zero.mp4").touch()
    Path("cut.mp4").write_bytes(CLIP.read_bytes()[:3000])
    Path("unknown.toml").write_text('lok = "comic"')
    Path("broken.toml").write_text("look = comic")
    Path("typed.toml").write_text('look = "comic"\nsteps = "5"')
    Path("table.toml").write_text('look = "comic"\ncontrols = 1')
    Path("number.toml").write_text("prompt = 3")
    Path("there.mkv").write_text("painted by hand")
    Path("binary.txt").write_bytes(b"\xff\xfe\xff")
    return tmp_path


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout


def test_help_imports_no_model_library():
    code = "import sys, cli.restyle; print({'torch', 'diffusers', 'av', 'cv2', 'numpy', 'rich'} & set(sys.modules))"
    assert python(code) == "set()\n"


def test_threads_wait_asleep_unless_told_otherwise(monkeypatch):
    """On a busy machine threads that spin for each other make a job many times slower."""
    code = "import os, cli.restyle as c; c._share_cores(); print(os.environ.get('GOMP_SPINCOUNT'))"
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    assert python(code) == "1000\n"
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    assert python(code) == "7\n"
    monkeypatch.delenv("GOMP_SPINCOUNT")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert python(code) == "None\n"


def test_a_torn_picture_is_named_in_one_line(tmp_path, monkeypatch):
    """The library that decodes it would say so in another."""
    monkeypatch.delenv("OPENCV_LOG_LEVEL", raising=False)
    noise = np.random.default_rng(0).integers(0, 255, (32, 48, 3), np.uint8)
    torn = tmp_path / "torn.png"
    torn.write_bytes(bytes(cv2.imencode(".png", noise)[1])[:900])
    command = [sys.executable, "-m", "cli.restyle", "probe", str(torn)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == restyle.Exit.MEDIA
    assert done.stderr.startswith(f"restyle: {torn} cannot be read")
    assert done.stderr.count("\n") == 1


def test_help_takes_less_than_half_a_second():
    """Of processor time, which a busy machine does not stretch; on an idle one a clock says the same."""
    pytest.importorskip("resource", reason="processor time of other processes is told on Unix only")
    before = os.times()
    for _ in range(3):
        python("import sys; sys.argv = ['restyle', 'run', '--help']; from cli.restyle import main; main()")
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    assert 0 < spent / 3 < 0.5


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["run", "--help"], *([name, "--help"] for name in COMMANDS)])
def test_help_goes_to_standard_output_and_is_no_error(monkeypatch, capsys, words):
    assert run(monkeypatch, *words) == 0
    told = capsys.readouterr()
    assert "usage: restyle" in told.out
    assert told.err == ""


def test_every_option_and_look_is_explained(monkeypatch, capsys):
    run(monkeypatch, "run", "--help")
    run(monkeypatch, "report", "--help")
    run(monkeypatch, "models", "--help")
    told = capsys.readouterr().out
    assert {"--look", "--strength", "-o", "--fresh"} < set(OPTIONS)
    for name in {*OPTIONS, "watercolor", "comic"} - {"--version"}:
        assert name in told, name


def test_the_examples_in_the_help_work_as_pasted(capsys, monkeypatch):
    run(monkeypatch, "--help")
    lines = [line.strip() for line in capsys.readouterr().out.splitlines() if line.startswith("  restyle ")]
    assert len(lines) == 5
    for line in lines:
        chosen = parse(line.partition("   ")[0].split()[1:])
        assert chosen.command in ("run", "proxy")
        assert chosen.look


def test_it_runs_as_a_module_too():
    done = subprocess.run([sys.executable, "-m", "cli.restyle", "--version"], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("restyle")


def test_version_is_one_line(monkeypatch, capsys):
    assert run(monkeypatch, "--version") == 0
    told = capsys.readouterr().out
    assert told.startswith("restyle")
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        ("clip.mp4", 2, "Say a look"),
        ("clip.mp4 --look comic --prompt x", 2, "one of the two"),
        ("clip.mp4 --prompt=", 2, "The prompt is empty"),
        ("clip.mp4 --look comc", 2, "Did you mean comic? There are: "),
        ("clip.mp4 --look Oil", 2, "Did you mean oil?"),
        ("clip.mp4 --look comic --size big", 2, "WIDTHxHEIGHT"),
        ("clip.mp4 --look comic --size 0x0", 2, "between 16 and 16384"),
        ("clip.mp4 --look comic --side 12", 2, "side is 12; it must be a whole number between 64 and 4096"),
        ("clip.mp4 --look comic --strength 2", 2, "above 0 (no change) and at most 1"),
        ("clip.mp4 --look comic --strength 0", 2, "above 0 (no change)"),
        ("clip.mp4 --look comic --strength nan", 2, "above 0 (no change)"),
        ("clip.mp4 --look comic --strength much", 2, "--strength: 'much' is no number; see `restyle run --help`"),
        ("clip.mp4 --look comic --steps 1.5", 2, "no whole number"),
        ("clip.mp4 --look comic --steps 0", 2, "between 1 and 200"),
        ("clip.mp4 --look comic --seed -1", 2, "seed is -1"),
        ("clip.mp4 --look comic --cuts a.txt --no-cuts", 2, "exclude each other"),
        ("clip.mp4 --look comic --cuts a.txt", 2, "a.txt cannot be read"),
        ("clip.mp4 --look comic --cuts binary.txt", 2, "it is not text"),
        ("clip.mp4 --look comic --control edges:much", 2, "NAME:WEIGHT"),
        ("clip.mp4 --look comic --control edges=0.5", 2, "'edges=0.5' is no NAME:WEIGHT; say edges:0.5"),
        ("clip.mp4 --look comic --control edges:3", 2, "between 0 and 2"),
        ("clip.mp4 --look comic --control edges:1@0.5-0.2", 2, "holds from 0.5 to 0.2"),
        ("clip.mp4 --look comic --control edges:1 --control edges:0.5@0-0.5", 2, "given twice for the same steps"),
        (
            "clip.mp4 --look comic --control edges:1@0:09-0:05",
            2,
            "holds from 0:09 to 0:05; it must end after it",
        ),
        (
            "clip.mp4 --look comic --control edges:1@0:01-0:05",
            2,
            "edges at 1@0:01-0:05 lies beyond the end of clip",
        ),
        ("clip.mp4 --look comic --control edges:1@0:01.001-0:01.002", 2, "does nothing: no frame begins there. Widen"),
        ("clip.mp4 --look comic --codec av1", 2, "h264, hevc, prores4444, png"),
        ("clip.mp4 --look comic --reader ffmpeg", 2, "pyav, decord"),
        ("clip.mp4 --look comic --rate 24", 2, "has its own frame times"),
        ("clip.mp4 --look comic --rate x", 2, "Say 24, 23.976 or 24000/1001"),
        ("clip.mp4 --look comic --device gpu", 2, "What works: auto, cpu"),
        ("clip.mp4 --look comic -o clip.mp4", 2, "source itself"),
        ("clip.mp4 --look comic -o out.avi", 2, ".mp4, .m4v, .mov or .mkv"),
        ("clip.mp4 --look comic -o out", 2, ".mp4, .m4v, .mov or .mkv"),
        ("clip.mp4 --look comic -o empty", 2, "Name a file, as empty/clip.comic.mp4"),
        ("clip.mp4 --look comic -o cut.mp4", 6, "cut.mp4 is there already, and no job beside it"),
        ("clip.mp4 --look comic --mask persn", 2, "means nothing, and is no file. Did you mean person?"),
        ("controls clip.mp4 --control depth --control edges", 2, "One control at a time; here are depth and edges"),
        ("controls clip.mp4 --control depth -o there.mkv", 2, "there.mkv is there already"),
        ("proxy clip.mp4 --look comic", 3, "clip.mp4 is no render. Name the folder of its EXR files"),
        ("proxy nothing --look comic", 3, "There is no folder nothing"),
        ("clip.mp4 --look comic -o nowhere/out.mp4", 3, "no folder nowhere"),
        ("--preview clip.mp4 --look comic", 2, "'clip.mp4' is no time; say it after the clip"),
        ("clip.mp4 --look comic --preview 1:00", 2, "60 s lies beyond the end of clip.mp4, which lasts 2.00"),
        ("clip.mp4 --loook comic", 2, "Did you mean --look?"),
        ("clip.mp4 --look comic --stren=1", 2, "Did you mean --strength?"),
        ("clip.mp4 other.mp4 --look comic", 2, "and of stills name the folder, or all by one pattern"),
        ("clip.mp4 --look", 2, "--look: expected one argument"),
        ("--look comic", 2, "CLIP; see `restyle run --help`"),
        ("lookz", 2, "Did you mean looks?"),
        ("looks extra", 3, "no file extra"),
        ("looks clip.mp4 extra", 2, "'extra'"),
        ("looks clip.mp4 -o clip.mp4", 2, "clip.mp4 is to be a sheet of pictures: give it a name that ends in .jpg"),
        ("looks clip.mp4 -o nowhere/all.jpg", 3, "no folder nowhere"),
        ("looks clip.mp4 --at 1:00", 2, "60 s lies beyond the end of clip.mp4"),
        ("clip.mp4 --settings none.toml", 2, "none.toml cannot be read"),
        ("clip.mp4 --settings unknown.toml", 2, "unknown keys: lok"),
        ("clip.mp4 --settings broken.toml", 2, "not valid TOML"),
        ("clip.mp4 --settings typed.toml", 2, "steps is '5'"),
        ("clip.mp4 --settings table.toml", 2, "a table of names and weights"),
        ("clip.mp4 --settings number.toml", 2, "prompt is 3"),
        ("missing.mp4 --look comic", 3, "no file missing.mp4"),
        ("empty --look comic", 3, "A clip is named itself"),
        ("text.mp4 --look comic", 3, "not a media file"),
        ("zero.mp4 --look comic", 3, "is empty"),
        ("cut.mp4 --look comic", 3, "not one of its frames"),
        ("missing%04d.png --look comic", 3, "holds no stills"),
        ("probe missing.mp4", 3, "no file missing.mp4"),
        ("clip.mp4 --look comic --model starte", 4, "Did you mean starter?"),
        ("clip.mp4 --look comic --model empty", 4, "not a model in diffusers' layout"),
        ("clip.mp4 --look comic --model ./nothing", 4, "There is no folder ./nothing. Give one that holds a model"),
        ("clip.mp4 --look comic --model clip.mp4", 4, "clip.mp4 is a file; a model is a folder"),
        ("clip.mp4 --look comic --model part", 4, "part is one part of a model"),
    ],
)
def test_bad_input_is_one_line_and_a_status(monkeypatch, capsys, folder, words, status, told):
    before = sorted(folder.iterdir())
    assert run(monkeypatch, *words.split()) == status
    heard = capsys.readouterr()
    assert heard.out == ""
    assert told in heard.err
    assert heard.err.startswith("restyle: ")
    assert len(heard.err.splitlines()) == 1
    assert sorted(folder.iterdir()) == before


def test_a_folder_that_takes_no_files_is_refused(monkeypatch, capsys, folder):
    monkeypatch.setattr(os, "access", lambda path, mode: not (mode & os.W_OK))
    assert run(monkeypatch, "clip.mp4", *COMIC) == 3
    assert "may not be written" in capsys.readouterr().err


def test_a_job_folder_that_cannot_be_made_is_refused(monkeypatch, capsys, folder, model):
    Path("clip.comic.mp4.restyle").write_text("a file in its place")
    assert run(monkeypatch, "clip.mp4", *COMIC) == 6
    assert "clip.comic.mp4.restyle, where finished work is kept, cannot be written" in capsys.readouterr().err


class Interrupted(FakeStylizer):
    """Somebody presses Ctrl-C while this model works on its second chunk."""

    def restyle(self, chunk: Chunk, request: Request) -> Styled:
        if len(self.calls) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return super().restyle(chunk, request)


@pytest.fixture
def _listening():
    """A process that was started in the background ignores Ctrl-C, and so would its tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_listening")
def test_ctrl_c_says_what_is_kept_and_the_same_command_goes_on(monkeypatch, capsys, folder, model):
    monkeypatch.setattr(catalog, "load", lambda name, device: Interrupted())
    assert run(monkeypatch, "clip.mp4", *BARE) == 130
    *_, last = capsys.readouterr().err.splitlines()
    assert last == "restyle: stopped. What is finished is kept in clip.comic.mp4.restyle; the same command goes on."
    assert not Path("clip.comic.mp4").exists()
    monkeypatch.setattr(catalog, "load", lambda name, device: model)
    assert run(monkeypatch, "clip.mp4", *BARE) == 0
    assert len(model.calls) == 2  # of three chunks
    assert Path("clip.comic.mp4").stat().st_size > 0


def test_ctrl_c_before_anything_is_kept_promises_nothing(monkeypatch, capsys, folder):
    def stopped(name, device):
        raise KeyboardInterrupt

    monkeypatch.setattr(catalog, "load", stopped)
    assert run(monkeypatch, "clip.mp4", *COMIC) == 130
    assert capsys.readouterr().err == "restyle: stopped.\n"


def test_options_win_over_a_file_of_settings(monkeypatch, capsys, folder, model):
    Path("job.toml").write_text('prompt = "fog"\nstrength = 0.4\nseed = 5\n')
    assert run(monkeypatch, "clip.mp4", "--settings", "job.toml", *BARE, "--seed", "6") == 0
    chosen = json.loads(Path("clip.comic.mp4.restyle/job.json").read_text())["settings"]
    assert {name: chosen[name] for name in ("look", "strength", "seed")} == {
        "look": "comic",
        "strength": 0.4,
        "seed": 6,
    }
    assert "prompt" not in chosen


def test_what_is_written_into_a_job_asks_for_the_same_again(monkeypatch, capsys, folder, model):
    Path("odd name.mp4").symlink_to(CLIP)
    asked = (
        *BARE,
        "--control",
        "edges:0.5@0-0.5",
        "--control",
        "edges:1@0.5-1",
        "--mask",
        "key:#ffffff",
        "--seed",
        "7",
    )
    assert run(monkeypatch, "odd name.mp4", *asked) == 0
    capsys.readouterr()
    kept = "odd name.comic.mp4.restyle/settings.toml"
    assert run(monkeypatch, "odd name.mp4", "--settings", kept, "--no-report", "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["resumed_chunks"] == 3
    given: dict[str, Any] = {
        "prompt": 'fog, "grey" Ä',
        "loras": {"a b.safetensors": 0.5},
        "keyframes": ("0=a.png",),
        "mask_invert": True,
    }
    Path("again.toml").write_text(Settings(**given).to_toml(), encoding="utf-8")
    assert Settings.from_toml(Path("again.toml")) == Settings(**given)


def test_a_file_that_no_job_has_made_is_written_over_only_where_that_is_said(monkeypatch, capsys, folder, model):
    Path("mine.mp4").write_text("an afternoon's work")
    assert run(monkeypatch, "clip.mp4", *BARE, "-o", "mine.mp4") == 6
    assert Path("mine.mp4").read_text() == "an afternoon's work"
    assert run(monkeypatch, "clip.mp4", *BARE, "-o", "mine.mp4", "--preview") == 0
    assert run(monkeypatch, "clip.mp4", *BARE, "-o", "mine.mp4", "--fresh") == 0
    assert run(monkeypatch, "clip.mp4", *BARE, "-o", "mine.mp4") == 0  # its own


def test_people_read_standard_error_and_machines_standard_output(monkeypatch, capsys, folder, model):
    assert run(monkeypatch, "clip.mp4", *COMIC, "-o", "people.mp4") == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "people.mp4: 48 frames" in told.err
    assert run(monkeypatch, "clip.mp4", *BARE, "-o", "machines.mp4", "--json") == 0
    told = capsys.readouterr()
    events = [json.loads(line) for line in told.out.splitlines()]
    assert told.err == ""
    assert {event["event"] for event in events[:-1]} == {"progress", "note"}
    assert events[-1]["event"] == "done"
    assert events[-1]["frames"] == 48


def test_a_preview_is_one_picture_and_begins_no_job(monkeypatch, capsys, folder, model):
    before = set(folder.iterdir())
    assert run(monkeypatch, "clip.mp4", *COMIC, "--preview") == 0
    assert capsys.readouterr().err == "clip.comic.preview.jpg: the source and one frame of the result\n"
    assert run(monkeypatch, "clip.mp4", *COMIC, "--preview", "0:01.5", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"event": "done", "preview": "clip.comic.preview.jpg"}
    assert set(folder.iterdir()) - before == {folder / "clip.comic.preview.jpg"}
    assert model.calls == [1, 1]


def test_all_looks_are_shown_on_one_frame(monkeypatch, capsys, folder, model):
    before = set(folder.iterdir())
    assert run(monkeypatch, "looks", "clip.mp4", "--at", "0:01.5") == 0
    told = capsys.readouterr()
    assert told.err.endswith("clip.looks.jpg: the source and one frame in every look\n")
    assert told.out == ""
    assert run(monkeypatch, "looks", "clip.mp4", "-o", "mine.jpg", "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"event": "done", "looks": "mine.jpg"}
    assert set(folder.iterdir()) - before == {folder / "clip.looks.jpg", folder / "mine.jpg"}


def test_a_full_disk_is_told_with_what_to_do_and_a_status_of_its_own(monkeypatch, capsys):
    def full(chosen):
        raise OSError(errno.ENOSPC, "No space left on device", "/somewhere/file")

    monkeypatch.setattr(restyle, "_obey", full)
    assert run(monkeypatch, "looks") == restyle.Exit.RESOURCES
    told = "restyle: The disk of /somewhere/file is full. Make room, and give the same command again.\n"
    assert capsys.readouterr().err == told


def test_ctrl_c_ends_a_loop_of_the_shell_too():
    """Of a program that only exits with 130 it would begin with the next clip."""
    code = "from cli import restyle\ndef stop(chosen): raise KeyboardInterrupt('It is kept.')\n"
    code += "import sys; restyle._obey, sys.argv = stop, ['restyle', 'looks']; restyle.main()"
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, "restyle: stopped. It is kept.\n")
    shell = subprocess.run(["bash", "-c", f"{shlex.join(command)}; echo $?"], capture_output=True, text=True)
    assert shell.stdout == f"{restyle.Exit.INTERRUPTED:d}\n"


def test_a_reader_that_goes_away_is_no_error():
    code = "import sys; sys.argv = ['restyle', 'looks']; from cli.restyle import main; main()"
    command = f"'{sys.executable}' -c \"{code}\" | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_kind_of_error_has_a_documented_status():
    kinds = {kind.exit_code for kind in RestyleError.__subclasses__()}
    assert kinds <= set(restyle.Exit)
    assert len(kinds) == len(RestyleError.__subclasses__())


def test_looks_for_machines(monkeypatch, capsys):
    assert run(monkeypatch, "looks", "--json") == 0
    assert {"watercolor", "oil", "ink", "comic"} <= set(json.loads(capsys.readouterr().out))


def test_probe_says_what_a_clip_is(monkeypatch, capsys):
    assert run(monkeypatch, "probe", str(CLIP), "--json") == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 48


def test_doctor_says_what_is_there(monkeypatch, capsys):
    assert run(monkeypatch, "doctor", "--json") == 0
    assert {"python", "torch", "memory", "gpu", "model starter"} <= set(json.loads(capsys.readouterr().out))
