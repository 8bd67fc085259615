"""What is finished is kept: whole or not at all, for the same job only, by one process at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch
from safetensors import SafetensorError

from engine.errors import JobError, ResourceError
from engine.journal import Journal, fingerprint
from engine.take import Take
from engine.windows import Span

IDENTITY = {"source": "a", "settings": {"seed": 0, "look": "ink"}}
TAKE, NEXT = (Take(Span(0, 5), Span(start, start + 3), 0) for start in (0, 2))
FRAMES, STATE = torch.rand(3, 3, 16, 24), {"noise": torch.rand(2, 4)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    journal = Journal(tmp_path / "job", IDENTITY)
    with journal.locked():
        journal.begin(fresh=False)
        journal.store_plan([[[0, 3]]])
        journal.store(TAKE, FRAMES, STATE)
    return journal.folder


def test_a_disk_that_fills_up_is_told_in_one_line_and_the_chunk_is_not_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The words are those of the library, which tells of a full disk by no errno."""

    def full(*_: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("engine.journal.save_file", full)
    journal = Journal(folder, IDENTITY)
    with pytest.raises(ResourceError, match=r"chunk-000002.*partial cannot be written: the disk is full\. Make room"):
        journal.store(NEXT, FRAMES, STATE)
    assert not journal.has(NEXT)


def test_what_was_stored_is_there_for_the_next_run(folder: Path) -> None:
    journal = Journal(folder, IDENTITY)
    with journal.locked():
        journal.begin(fresh=False)
        assert journal.plan() == [[[0, 3]]]
        assert journal.has(TAKE)
        assert not journal.has(NEXT)
        assert torch.equal(journal.state(TAKE)["noise"], STATE["noise"])
        assert (journal.frames(TAKE) - FRAMES).abs().max() <= 0.51 / 255


def test_nothing_unfinished_and_no_lock_is_left(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert names == {"job.json", "plan.json", f"{TAKE.name}.avi", f"{TAKE.name}.safetensors"}


@pytest.mark.parametrize("suffix", ["avi", "safetensors"])
def test_a_chunk_is_finished_only_with_both_of_its_files(folder: Path, suffix: str) -> None:
    (folder / f"{TAKE.name}.{suffix}").unlink()
    assert not Journal(folder, IDENTITY).has(TAKE)


@pytest.mark.parametrize("name", ["job.json", "plan.json", f"{TAKE.name}.safetensors"])
def test_a_damaged_file_is_named(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"\x00\xff")
    journal = Journal(folder, IDENTITY)

    def use() -> None:
        journal.begin(fresh=False)
        journal.plan()
        journal.state(TAKE)

    with journal.locked(), pytest.raises(JobError, match=f"{name} is damaged"):
        use()


def test_one_wrong_bit_in_the_frames_is_noticed(folder: Path) -> None:
    path = folder / f"{TAKE.name}.avi"
    frames = bytearray(path.read_bytes())
    frames[len(frames) // 2] ^= 1
    path.write_bytes(frames)
    with pytest.raises(JobError, match=r"chunk-000000-.*\.avi is damaged\. Delete it"):
        Journal(folder, IDENTITY).frames(TAKE)


def test_another_job_is_refused_by_what_differs_and_made_way_for_when_asked(folder: Path) -> None:
    other = Journal(folder, {"source": "b", "settings": {"seed": 1, "look": "ink"}})
    with other.locked():
        with pytest.raises(JobError, match=r"other settings \(seed 0, now 1\) and another source\. .*--fresh"):
            other.begin(fresh=False)
        assert other.has(TAKE)
        other.begin(fresh=True)
        assert not other.has(TAKE)
        assert other.plan() is None
        assert Journal(folder, IDENTITY).has(TAKE)  # until nothing can be refused any more
        other.store_plan([])
        other.make_way()
        assert not Journal(folder, IDENTITY).has(TAKE)
        assert {path.name for path in folder.iterdir()} == {"job.json", "plan.json", "lock"}
        assert other.plan() == []
        other.begin(fresh=False)


def test_a_chunk_is_known_by_its_frames_those_of_its_shot_and_its_seed_alone(folder: Path) -> None:
    journal = Journal(folder, IDENTITY)
    others = [Take(Span(0, 6), TAKE.span, 0), Take(TAKE.shot, Span(0, 4), 0), Take(TAKE.shot, TAKE.span, 1), NEXT]
    assert journal.has(Take(Span(0, 5), Span(0, 3), 0))
    assert not any(map(journal.has, others))


def test_of_another_version_nothing_but_that_is_said(folder: Path) -> None:
    other = Journal(folder, {"source": "b", "settings": {"cuts": "auto"}, "way of making chunks": 0})
    with other.locked(), pytest.raises(JobError, match=r"a job with another way of making chunks\. Start over"):
        other.begin(fresh=False)


def test_a_process_that_took_the_number_of_a_dead_run_keeps_nobody_out(folder: Path) -> None:
    (folder / "lock").write_text(str(os.getppid()))
    started = psutil.Process(os.getppid()).create_time()
    os.utime(folder / "lock", (started - 3600, started - 3600))
    with Journal(folder, IDENTITY).locked():
        assert (folder / "lock").read_text() == str(os.getpid())


def test_a_living_process_keeps_others_out_and_a_dead_one_does_not(folder: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for owner, free in ((os.getppid(), False), (dead.pid, True), ("no number", True)):
        (folder / "lock").write_text(str(owner))
        journal = Journal(folder, IDENTITY)
        if free:
            with journal.locked():
                assert (folder / "lock").read_text() == str(os.getpid())
            assert not (folder / "lock").exists()
        else:
            with pytest.raises(JobError, match=f"Process {owner} is at work"), journal.locked():
                pass
            assert (folder / "lock").exists()


def test_the_lock_goes_when_the_work_fails(folder: Path) -> None:
    journal = Journal(folder, IDENTITY)
    with pytest.raises(ZeroDivisionError), journal.locked():
        _ = 1 / 0
    assert not (folder / "lock").exists()


@pytest.mark.parametrize("place", [0, 2_000_000, 3_999_999])
def test_a_file_is_known_again_by_its_name_size_and_bytes(tmp_path: Path, place: int) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    data = bytearray(4_000_000)
    first.write_bytes(data)
    mark = fingerprint([first])
    assert fingerprint([first]) == mark
    second.write_bytes(data)
    assert fingerprint([second]) != mark
    assert fingerprint([first, second]) != fingerprint([second, first])
    data[place] = 1
    first.write_bytes(data)
    assert fingerprint([first]) != mark
