"""A job is opened by its folder or its result, and what cannot be judged is refused in one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from engine.errors import JobError
from engine.media import read_lossless
from engine.report import FinishedJob
from tests.engine.report.jobs import FRAMES, finished


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    finished(folder, unlike=False)
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """A copy of a finished job that may be broken; its own source is where it was."""
    shutil.copytree(made, tmp_path / "copy")
    record = tmp_path / "copy" / "out.mp4.restyle" / "run.json"
    told = json.loads(record.read_text())
    record.write_text(json.dumps(told | {"source": str(tmp_path / "copy" / "clip.mp4")}))
    return tmp_path / "copy"


def refused(place: Path, source: Path | None = None) -> str:
    with pytest.raises(JobError) as error:
        FinishedJob.open(place, source)
    return str(error.value)


def test_a_job_is_known_by_its_folder_and_by_its_result(place: Path) -> None:
    for name in ("out.mp4", "out.mp4.restyle"):
        job = FinishedJob.open(place / name)
        assert job.result == place / "out.mp4"
        assert job.source == place / "clip.mp4"
        assert job.frames == FRAMES


def test_a_job_that_was_moved_with_its_source_is_still_known(place: Path, tmp_path: Path) -> None:
    place.rename(tmp_path / "elsewhere")
    assert FinishedJob.open(tmp_path / "elsewhere" / "out.mp4").source == tmp_path / "elsewhere" / "clip.mp4"


def test_raw_frames_are_those_of_the_chunk_that_began_last(place: Path) -> None:
    job = FinishedJob.open(place / "out.mp4")
    raw = job.raw(0, FRAMES)
    assert len(raw) == FRAMES
    takes = job.plan.shots[0][:2]
    first, second = (take.span for take in takes)
    chunks = [read_lossless(job.journal.folder / f"{take.name}.avi") for take in takes]
    assert torch.equal(raw[: second.start], chunks[0][: second.start])
    assert torch.equal(raw[second.start : first.stop], chunks[1][: first.stop - second.start])
    assert torch.equal(job.raw(second.start - 2, second.start + 2), raw[second.start - 2 : second.start + 2])


def test_what_is_no_job_is_refused(place: Path) -> None:
    assert "neither a job nor a result at" in refused(place / "nothing.mp4")
    assert "is no job of restyle" in refused(place / "clip.mp4")
    (place / "empty.restyle").mkdir()
    assert "is no job of restyle" in refused(place / "empty.restyle")


def test_an_unfinished_job_says_how_much_is_missing(place: Path) -> None:
    folder = place / "out.mp4.restyle"
    sorted(folder.glob("chunk-*.avi"))[1].unlink()
    assert "1 of 3 chunks are missing" in refused(folder)
    (folder / "plan.json").unlink()
    assert "not yet cut into chunks" in refused(folder)


def test_a_job_of_a_version_that_counted_chunks_is_refused(place: Path) -> None:
    plan = place / "out.mp4.restyle" / "plan.json"
    for shots in ([[[0, 24]]], {"shots": [[[0, 24]]], "eight_bits": False}):
        plan.write_text(json.dumps(shots))
        assert "of an earlier version of restyle. Make it again" in refused(place / "out.mp4")


def test_a_result_that_is_not_there_is_told_from_one_that_was_never_written(place: Path) -> None:
    (place / "out.mp4").unlink()
    assert "gone or has moved" in refused(place / "out.mp4.restyle")
    (place / "out.mp4.restyle" / "run.json").unlink()
    assert "all chunks are there, the result is not" in refused(place / "out.mp4.restyle")


def test_a_source_that_has_moved_or_changed_is_refused_until_it_is_named(place: Path, tmp_path: Path) -> None:
    moved = tmp_path / "clip.mp4"
    (place / "clip.mp4").rename(moved)
    assert "--source FILE" in refused(place / "out.mp4")
    assert FinishedJob.open(place / "out.mp4", moved).source == moved
    assert "--source FILE" in refused(place / "out.mp4", tmp_path / "nowhere.mp4")
    moved.write_bytes(moved.read_bytes()[:-1])
    assert "has changed since" in refused(place / "out.mp4", moved)


def test_a_job_of_an_older_version_says_that_it_does_not_know_its_source(place: Path) -> None:
    (place / "out.mp4.restyle" / "run.json").unlink()
    assert "does not say where its source is" in refused(place / "out.mp4")
    assert FinishedJob.open(place / "out.mp4", place / "clip.mp4").frames == FRAMES


def test_another_file_in_the_place_of_the_result_is_noticed(place: Path) -> None:
    shutil.copy(Path(__file__).parents[3] / "samples" / "harbour.mp4", place / "out.mp4")
    with pytest.raises(JobError, match="not the result of this job"), FinishedJob.open(place / "out.mp4").opened():
        pass
