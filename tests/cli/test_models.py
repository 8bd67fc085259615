"""Models from the Hub, by the real command line and the Hub's real client, against a stand-in on this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from cli.about import pull_model
from cli.restyle import main
from engine.diffusion import catalog
from tests.engine.diffusion import tiny_cosmos, tiny_sd15
from tests.engine.diffusion.fake_hub import FakeHub, fake_hub
from tests.engine.diffusion.test_animatediff_parts import lora
from tests.engine.test_pipeline import draw_clip

ROOT = Path(__file__).resolve().parent.parent.parent
CLIP = ROOT / "samples" / "harbour.mp4"


@dataclass
class Person:
    """Somebody at a fresh machine: no models, and a Hub that answers here."""

    hub: FakeHub
    home: Path

    def runs(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """What the command does, without the start of another Python; what the Hub's client reads there is set here."""
        told, complained = StringIO(), StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(told), redirect_stderr(complained):
            patch.chdir(self.home)
            patch.setenv("HF_HUB_OFFLINE", environment.get("HF_HUB_OFFLINE", ""))  # a job sets it
            patch.setattr(constants, "HF_HUB_OFFLINE", "HF_HUB_OFFLINE" in environment)
            patch.setattr(constants, "HF_HUB_CACHE", str(self.home / "cache" / "hub"))
            url = environment.get("HF_ENDPOINT", self.hub.url)
            template = constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
            patch.setattr(constants, "ENDPOINT", url)
            patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + template)
            patch.setattr(sys, "argv", ["restyle", *words])
            with pytest.raises(SystemExit) as stop:
                main()
        code = int(stop.value.code or 0)
        return subprocess.CompletedProcess(words, code, told.getvalue(), complained.getvalue())

    def starts(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """The same from a fresh start, with nothing but the environment."""
        own = {"HF_ENDPOINT": self.hub.url, "HF_HOME": str(self.home / "cache"), "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        code = "from cli.restyle import main; main()"
        command = [sys.executable, "-c", code, *words]
        paths = {"PYTHONPATH": str(ROOT), **clean, **own, **environment}
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.home, env=paths)

    def is_refused(self, *words: str, status: int, **environment: str) -> str:
        """The one line that is said, but for the licence of the model."""
        done = self.runs(*words, **environment)
        assert done.returncode == status, done.stderr
        lines = [line for line in done.stderr.splitlines() if line.startswith("restyle: ")]
        said = [line for line in lines if "is under this licence" not in line]
        assert len(said) == 1
        assert "Traceback" not in done.stderr
        return said[0]


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    with fake_hub() as hub:
        home = tmp_path_factory.mktemp("home")
        publish(hub, tmp_path_factory.mktemp("hub"))
        yield Person(hub, home)


def publish(hub: FakeHub, folder: Path) -> None:
    """This puts all repositories of the row `animatediff` there, tiny: with halves, pickles and more beside."""
    whole = tiny_sd15.seeing(tiny_sd15.build(folder / "whole", controls=("canny", "depth")))
    for part in catalog.find("animatediff").parts:
        repository = folder / part.repository
        hub.repositories[part.repository] = repository
        source = whole / part.component
        if not source.is_dir():
            source = whole / "controlnet_depth"
        shutil.copytree(source, repository / part.folder, dirs_exist_ok=True)
    base = hub.repositories["stable-diffusion-v1-5/stable-diffusion-v1-5"]
    (base / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    weights = base / "unet" / "diffusion_pytorch_model.safetensors"
    halves = {name: weight.half() for name, weight in load_file(weights).items()}
    save_file(halves, weights.with_suffix(".fp16.safetensors"), metadata={"format": "pt"})
    (base / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"a pickle")
    (base / "unet" / "code.py").write_text("raise SystemExit('this must not run')")
    (base / "v1-5-pruned.safetensors").write_bytes(bytes(1000))


def test_before_anything_is_fetched_all_is_told_and_nothing_fails(person: Person, tmp_path: Path) -> None:
    fresh = Person(FakeHub(url="http://127.0.0.1:9"), tmp_path)
    listed = fresh.starts("models", HF_HUB_OFFLINE="1")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "animatediff " in listed.stdout
    assert "no, 9.9 GB" in listed.stdout
    assert "Takes one of canny, depth, openpose. LTX-2 Community" in listed.stdout
    assert "Takes colour, depth, edges, flow with weights over time. Apache" in listed.stdout
    told = json.loads(fresh.runs("models", "--json").stdout)
    assert told["models"]["starter"]["here"]
    assert told["models"]["starter"]["weights over time"]
    assert not told["models"]["ltx-2-19b"]["weights over time"]
    assert not told["models"]["animatediff"]["here"]
    assert told["detectors"]["hed"]["draws"] == "softedge"
    assert not told["detectors"]["hed"]["here"]
    doctor = fresh.runs("doctor", HF_HUB_OFFLINE="1")
    assert (doctor.returncode, doctor.stderr) == (0, "")
    assert "restyle models --pull animatediff" in doctor.stdout
    assert "HF_HUB_OFFLINE is set" in doctor.stdout


def test_a_model_that_is_not_here_is_refused_with_the_command_that_fetches_it(tmp_path: Path) -> None:
    fresh = Person(FakeHub(url="http://127.0.0.1:9"), tmp_path)
    said = fresh.is_refused("run", str(CLIP), "--prompt", "ink", "--model", "animatediff", "-o", "out.mp4", status=4)
    assert said.endswith("Fetch it: restyle models --pull animatediff")
    said = fresh.is_refused("run", str(CLIP), "--prompt", "ink", "--model", "some/one", "-o", "out.mp4", status=4)
    assert said.endswith("Fetch it: restyle models --pull some/one")


@pytest.fixture(scope="module")
def fetched(person: Person) -> Person:
    """The person after `restyle models --pull animatediff`."""
    done = person.starts("models", "--pull", "animatediff")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "animatediff is here.\n"
    return person


def test_only_configs_and_safetensors_are_fetched_and_once(fetched: Person) -> None:
    got = [path for path in fetched.hub.asked if "/resolve/" in path]
    assert {Path(path).suffix for path in got} == {".json", ".safetensors"}
    assert any(path.endswith("unet/diffusion_pytorch_model.fp16.safetensors") for path in got)
    assert not any(path.endswith(("unet/diffusion_pytorch_model.safetensors", "pruned.safetensors")) for path in got)
    assert json.loads(fetched.runs("models", "--json", HF_HUB_OFFLINE="1").stdout)["models"]["animatediff"]["here"]
    before = len(got)
    assert fetched.runs("models", "--pull", "animatediff").returncode == 0
    assert len([path for path in fetched.hub.asked if "/resolve/" in path]) == before


def test_a_fetched_model_restyles_with_controls_a_lora_a_cut_and_goes_on(fetched: Person) -> None:
    draw_clip(fetched.home / "clip.mp4", 38)
    (fetched.home / "cuts.txt").write_text("8\n")
    lora(fetched.home / "ink.safetensors")
    words = ["run", "clip.mp4", "--prompt", "ink", "--model", "animatediff", "--steps", "2", "--size", "72x48"]
    words += ["--control", "depth:1", "--control", "canny:0.5", "--lora", "ink.safetensors:0.5", "--cuts", "cuts.txt"]
    words += ["-o", "out.mp4", "--no-report", "--reference", "style.png:0.6"]
    style = fetched.home / "style.png"
    cv2.imwrite(str(style), np.full((40, 30, 3), 200, np.uint8))
    done = fetched.starts(*words, HF_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode == 0, done.stderr
    assert "38 frames" in done.stderr  # of which 30, four windows, after the cut
    first = (fetched.home / "out.mp4").read_bytes()
    job = fetched.home / "out.mp4.restyle"
    plan = json.loads((job / "plan.json").read_text())
    assert plan["shots"] == [[[0, 8]], [[8, 38]]]
    for path in job.glob("chunk-000008-*"):
        path.unlink()
    (fetched.home / "out.mp4").unlink()
    again = fetched.runs(*words, "--json", HF_ENDPOINT="http://127.0.0.1:9")
    assert json.loads(again.stdout.splitlines()[-1])["resumed_chunks"] == 1
    cv2.imwrite(str(style), np.full((40, 30, 3), 100, np.uint8))
    assert "a job with another reference." in fetched.is_refused(*words, status=6)
    less = [word.replace("0.6", "0.5") for word in words]
    cv2.imwrite(str(style), np.full((40, 30, 3), 200, np.uint8))
    assert "now ['style.png:0.5']" in fetched.is_refused(*less, status=6)
    assert "the weight 3; it must be between 0 and 2" in fetched.is_refused(*words[:-1], "style.png:3", status=2)
    assert (fetched.home / "out.mp4").read_bytes() == first
    said = fetched.is_refused(*words[:-3], "--checkpoint", "some/one", "-o", "out.mp4", status=4)
    assert "restyle models --pull some/one" in said


def test_any_repository_in_the_layout_is_fetched_by_owner_and_name(person: Person, tmp_path: Path) -> None:
    person.hub.repositories["some/body"] = tiny_sd15.build(tmp_path / "model", controls=("depth",))
    assert person.runs("models", "--pull", "some/body").stdout == "some/body is here.\n"
    words = ["run", str(CLIP), "--prompt", "ink", "--model", "some/body", "--steps", "1", "--size", "64x36"]
    done = person.runs(*words, "-o", "other.mp4", "--steady", "0", "--no-report", "--no-cuts")
    assert done.returncode == 0, done.stderr


def test_parts_that_differ_by_revision_alone_are_all_fetched_and_the_licence_is_named_first(
    person: Person, tmp_path: Path
) -> None:
    """Four ControlNets lie at the same path of the same repository, each at a revision of its own."""
    row = catalog.find("cosmos-transfer2.5-2b")
    whole = tiny_cosmos.build(tmp_path / "model")
    for part in row.parts:
        person.hub.repositories[part.repository] = whole
        inner = tmp_path / part.revision
        shutil.copytree(whole / part.component, inner / part.folder, dirs_exist_ok=True)
        person.hub.revisions[part.repository, part.revision] = inner
    done = person.runs("models", "--pull", row.name)
    assert done.returncode == 0, done.stderr
    first, *fetched = done.stderr.splitlines()
    assert first == f"restyle: {row.name} is under this licence: {row.licence}."
    assert sum("diffusion_pytorch_model.safetensors" in line for line in fetched) == 2 + len(tiny_cosmos.CONTROLS)
    told = json.loads(person.runs("models", "--json", HF_HUB_OFFLINE="1").stdout)["models"][row.name]
    assert told["here"]
    assert told["licence"] == "NVIDIA Open Model License, it ends where the guardrail is bypassed"
    found = {path.read_bytes() for path in (person.home / "cache").rglob("models--nvidia--*/snapshots/*/*.safetensors")}
    assert len(found) == len(tiny_cosmos.CONTROLS)


def test_what_goes_wrong_with_the_hub_is_one_line_and_the_next_step(person: Person, tmp_path: Path) -> None:
    person.hub.refusals = {"some/gate": (403, "GatedRepo"), "some/fault": (500, "")}
    pull = ("models", "--pull")
    assert "agree to its terms on https://huggingface.co/some/gate, then run `hf auth login`" in person.is_refused(
        *pull, "some/gate", status=4
    )
    assert "The Hub has no some/nobody, or it is private" in person.is_refused(*pull, "some/nobody", status=4)
    assert "Unset it" in person.is_refused(*pull, "some/body", status=4, HF_HUB_OFFLINE="1")
    away = person.is_refused(*pull, "some/body", status=4, HF_ENDPOINT="http://127.0.0.1:9")
    assert "The connection to the Hub for some/body failed. Check the network" in away
    assert "Did you mean animatediff?" in person.is_refused(*pull, "animatedif", status=4)


def test_a_disk_that_is_too_small_is_found_before_anything_is_fetched(person: Person, tmp_path: Path) -> None:
    person.hub.repositories["some/giant"] = tiny_sd15.build(tmp_path / "model", controls=())
    person.hub.sizes = {"vae/diffusion_pytorch_model.safetensors": 10**15}
    said = person.is_refused("models", "--pull", "some/giant", status=5)
    assert "1000000.0 GB are to be fetched" in said
    assert "HF_HOME" in said
    assert not any(path.startswith("/some/giant/resolve") for path in person.hub.asked)


def test_a_download_that_breaks_off_leaves_nothing_half_and_goes_on(person: Person, tmp_path: Path) -> None:
    person.hub.sizes = {}
    person.hub.repositories["some/where"] = tiny_sd15.build(tmp_path / "model", controls=())
    person.hub.breaks = {"diffusion_pytorch_model.safetensors"}
    said = person.is_refused("models", "--pull", "some/where", status=4)
    assert "The connection to the Hub for some/where failed. Check the network; the same command goes on" in said
    person.hub.breaks = set()
    assert person.runs("models", "--pull", "some/where").stdout == "some/where is here.\n"
    file = next((person.home / "cache").rglob("models--some--where/snapshots/*/unet/*.safetensors"))
    assert torch.equal(load_file(file)["conv_in.weight"], tiny_sd15.unet().conv_in.weight)


def test_the_licence_of_a_detector_is_named_before_it_is_fetched(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("engine.detector_files.fetch", lambda detector: iter([detector.title]))
    assert pull_model("depth-anything-large") == "depth-anything-large is here."
    assert pull_model("raft-small") == "raft-small is here."
    assert capsys.readouterr().err.splitlines() == [
        "restyle: depth-anything-large is under this licence: CC-BY-NC-4.0, results may not be sold.",
        "Depth Anything V2 Large",
        "RAFT, small",
    ]
