"""Laws of a whole job, with a stand-in model: same count and times, a kill costs nothing, bad input is refused."""

import os
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch

from engine import identity, pipeline, telling
from engine.errors import JobError, MediaError, ResourceError, SettingsError
from engine.media import open_reader, probe
from engine.report import FinishedJob
from engine.settings import Codec, Settings
from engine.shots import read_cuts
from engine.windows import FrameRule

STEADY = Settings(look="comic")
COMIC = replace(STEADY, steady=0)
"""For what has nothing to do with it: steadying takes most of such a job."""


class Killed(BaseException):
    """Stands for a kill: nothing may catch it."""


def draw_clip(path: Path, frames: int, cut: int | None = None, size: tuple[int, int] = (64, 96)) -> Path:
    """A bright disc that crosses a textured wall; after `cut` the same in other colours. Irregular frame times."""
    height, width = size
    rows, columns = np.mgrid[: 64 : 64 / height, : 96 : 96 / width]
    with av.open(path, "w") as target:
        stream = target.add_stream("libx264", rate=30, options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 600)
        for i in range(frames):
            disc = np.hypot(columns - 10 - 2 * i, rows - 32) < 12
            wall = 0.4 + 0.2 * np.sin(columns / 5) * np.cos(rows / 4)
            picture = np.stack([np.where(disc, 0.9, wall), wall, np.where(disc, 0.2, 1 - wall)], axis=-1)
            if cut is not None and i >= cut:
                picture = 1 - picture[::-1, :, ::-1] * np.array([1.0, 0.3, 0.6])
            frame = av.VideoFrame.from_ndarray((picture * 255).astype(np.uint8), format="rgb24")
            frame.pts, frame.time_base = 20 * i + 7 * (i % 3), Fraction(1, 600)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return path


def frames_of(path: Path):
    with open_reader(path) as reader:
        return reader.read(0, reader.info.frames)


def test_a_job_keeps_count_times_and_size(tmp_path, model):
    source = draw_clip(tmp_path / "clip.mp4", 50, cut=20)
    result = pipeline.restyle(source, None, STEADY)
    assert result.output == tmp_path / "clip.comic.mp4"
    before, after = probe(source), probe(result.output)
    assert after.times == before.times
    assert after.end == before.end
    assert (after.width, after.height) == (before.width, before.height)
    assert result.shots == 2
    assert result.chunks == 3


def test_stills_have_a_folder_for_their_name(tmp_path, model):
    result = pipeline.restyle(draw_clip(tmp_path / "my.clip.mp4", 3), None, replace(COMIC, codec=Codec.PNG))
    assert result.output == tmp_path / "my-clip-comic"
    assert len(list(result.output.glob("*.png"))) == 3


@pytest.mark.parametrize("length", [1, 2, 23, 24, 25])
def test_any_length_works(tmp_path, model, length):
    source = draw_clip(tmp_path / "clip.mp4", length)
    result = pipeline.restyle(source, tmp_path / "out.mp4", STEADY)
    assert probe(result.output).frames == length


def test_a_killed_job_goes_on_to_the_same_bytes(tmp_path, model):
    source = draw_clip(tmp_path / "clip.mp4", 60)
    whole = pipeline.restyle(source, tmp_path / "whole.mp4", STEADY)
    calls = len(model.calls)

    def kill_after_one_chunk(progress):
        if progress.stage == "restyling" and progress.done >= 21:
            raise Killed

    with pytest.raises(Killed):
        pipeline.restyle(source, tmp_path / "killed.mp4", STEADY, progress=kill_after_one_chunk)
    assert not (tmp_path / "killed.mp4").exists()
    told: list[telling.Progress] = []
    resumed = pipeline.restyle(source, tmp_path / "killed.mp4", STEADY, progress=told.append)
    assert resumed.resumed_chunks == 1
    assert "going on: 1 of 4 chunks are finished" in [progress.note for progress in told]
    assert next(progress for progress in told if progress.stage == "restyling").done == 21
    assert len(model.calls) == 2 * calls
    assert resumed.output.read_bytes() == whole.output.read_bytes()


def test_progress_moves_within_a_chunk_and_ends_with_all_frames(tmp_path, model):
    """Its two steps, what comes before them (told when half done) and what comes after count alike: six frames each."""
    told: list[telling.Progress] = []
    pipeline.restyle(draw_clip(tmp_path / "clip.mp4", 24), None, COMIC, progress=told.append)
    assert len(model.calls) == 1
    assert [progress.done for progress in told if progress.stage == "restyling"] == [0, 3, 12, 18, 24]
    assert {progress.total for progress in told if progress.stage == "restyling"} == {24}


def test_a_finished_result_stays_until_something_else_is_asked_or_it_is_gone(tmp_path, model, monkeypatch):
    source, output, palette = draw_clip(tmp_path / "clip.mp4", 5), tmp_path / "out.mp4", tmp_path / "colours.png"
    written = []

    def run(**given):
        if output.exists():
            os.utime(output, (1, 1))
        result = pipeline.restyle(source, output, replace(COMIC, **given))
        written.append(output.stat().st_mtime != 1)
        return any("finished already" in words for words in result.warnings)

    cv2.imwrite(str(palette), np.full((8, 8, 3), 200, np.uint8))
    told = [run(), run(), run(device="cpu"), run(palette=str(palette)), run(palette=str(palette))]
    cv2.imwrite(str(palette), np.full((8, 8, 3), 20, np.uint8))
    told += [run(palette=str(palette)), run(steady=1), run(steady=1)]
    output.write_bytes(output.read_bytes()[:-1] + b"?")
    told.append(run(steady=1))
    output.unlink()
    told += [run(steady=1), run(steady=1, codec=Codec.HEVC)]
    assert len(model.calls) == 1
    next(tmp_path.glob("out.mp4.restyle/chunk-*")).unlink()
    told.append(run(steady=1, codec=Codec.HEVC))
    assert len(model.calls) == 2
    monkeypatch.setattr("engine.identity.RESULT", 0)  # as an older version made it
    told.append(run(steady=1, codec=Codec.HEVC))
    assert written == [True, False, False, True, False, True, True, False, True, True, True, True, True]
    assert told == [not one for one in written]


def test_a_job_asks_the_disk_for_what_is_missing_only(tmp_path, model, monkeypatch):
    source = draw_clip(tmp_path / "clip.mp4", 60)
    result = pipeline.restyle(source, tmp_path / "out.mp4", COMIC)
    needed = 60 * 64 * 96 * 3 - sum(path.stat().st_size for path in tmp_path.glob("*/chunk-*.avi"))
    monkeypatch.setattr("engine.room.free_disk", lambda folder: max(0, needed) + 60 * 64 * 96 * 0.25)
    assert pipeline.restyle(source, tmp_path / "out.mp4", COMIC).resumed_chunks == result.chunks
    with pytest.raises(ResourceError, match="Make room"):
        pipeline.restyle(source, tmp_path / "other.mp4", COMIC)
    monkeypatch.setattr(
        "engine.room.free_disk", lambda folder: 60 * 64 * 96 * 0.25
    )  # all chunks are there, however small
    again = pipeline.restyle(source, tmp_path / "out.mp4", replace(COMIC, steady=0.5))
    assert again.resumed_chunks == result.chunks


def told_need(source: Path, output: Path, monkeypatch: pytest.MonkeyPatch) -> float:
    """The bytes that a job says it needs, once the cuts are known: a disk that had room before is full by then."""
    planned = (output.with_name(f"{output.name}.restyle") / "plan.json").exists()  # then they are known at once
    free = iter([0] if planned else [1e12, 0])
    with monkeypatch.context() as full:
        full.setattr("engine.room.free_disk", lambda folder: next(free))
        with pytest.raises(ResourceError, match="Make room") as refused:
            pipeline.restyle(source, output, COMIC)
    told = re.search(r"needs about ([\d.]+) MB", str(refused.value))
    assert told
    return float(told[1]) * 1e6


def grainy_stills(folder: Path, frames: int) -> Path:
    """Stills with the grain of real footage, without which frames take next to no room."""
    folder.mkdir()
    grain = np.random.default_rng(0).normal(128, 4, (frames, 144, 216, 3)).round().astype(np.uint8)
    for number, picture in enumerate(grain):
        cv2.imwrite(str(folder / f"{number:02d}.png"), picture)
    return folder


@pytest.mark.parametrize("rule", [FrameRule(8), FrameRule(8, stride=4, offset=1)], ids=["a frame", "four frames"])
def test_a_job_tells_the_disk_that_it_needs_at_its_worst(tmp_path, model, monkeypatch, rule):
    """In short chunks, whose frames are fewer than what they share and hand on is worth."""
    model.rule, model.lookback = rule, 2 * (rule.stride - 1)
    monkeypatch.setattr("engine.plan.LONGEST", rule.length(17))
    source, folder, taken = grainy_stills(tmp_path / "stills", 30), tmp_path / "job", [0]
    folder.mkdir()
    need = told_need(source, folder / "out.mp4", monkeypatch)
    assert not model.calls

    def weigh(progress):
        taken.append(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))

    pipeline.restyle(source, folder / "out.mp4", COMIC, progress=weigh)
    weigh(None)
    assert max(taken) <= need <= 1.4 * max(taken)
    second = sorted(folder.glob("*/chunk-*.avi"))[1]
    for part in folder.glob(f"*/{second.stem}.*"):
        part.unlink()
    assert told_need(source, folder / "out.mp4", monkeypatch) < need / 2


def kept_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_fresh_start_that_is_refused_leaves_all_that_was_made(tmp_path, model, monkeypatch):
    source, output = draw_clip(tmp_path / "clip.mp4", 30, cut=20), tmp_path / "out.mp4"
    pipeline.restyle(source, output, COMIC)
    folder = tmp_path / "out.mp4.restyle"
    (folder / "cuts.txt").write_text("10\n")
    (tmp_path / "bad.txt").write_text("ten\n")
    made = kept_in(folder)

    def refused(error, told, **given):
        with pytest.raises(error, match=told):
            pipeline.restyle(source, output, replace(COMIC, **given), fresh=True)
        assert kept_in(folder) == made

    refused(SettingsError, "line 1", cuts=str(tmp_path / "bad.txt"))
    refused(SettingsError, "lie in one shot", reseed=("0.1=7", "0.2=8"))
    free = iter([1e12, 0])
    with monkeypatch.context() as full:
        full.setattr("engine.room.free_disk", lambda where: next(free))
        refused(ResourceError, "Make room")
    with monkeypatch.context() as little:
        little.setattr(model.memory, "free_bytes", lambda: 1)
        refused(ResourceError, "of memory for", width=48, height=32)
    calls = len(model.calls)
    result = pipeline.restyle(source, output, replace(COMIC, seed=3), fresh=True)
    assert (result.resumed_chunks, len(model.calls)) == (0, calls + 2)
    assert len(list(folder.glob("chunk-*.avi"))) == 2
    assert read_cuts(folder / "cuts.txt", probe(source).times) == [20]


def test_a_fresh_start_asks_the_disk_for_no_more_than_the_old_job_does_not_give_back(tmp_path, model, monkeypatch):
    source = grainy_stills(tmp_path / "stills", 24)
    pipeline.restyle(source, tmp_path / "out.mp4", COMIC)
    need = told_need(source, tmp_path / "other.mp4", monkeypatch)
    given_back = sum(path.stat().st_size for path in tmp_path.glob("out.mp4.restyle/chunk-*"))
    monkeypatch.setattr("engine.room.free_disk", lambda where: need - given_back + 1e5)  # it was told to 0.1 MB
    assert pipeline.restyle(source, tmp_path / "out.mp4", COMIC, fresh=True).resumed_chunks == 0


@pytest.mark.parametrize("length", [33, 34, 35, 36])
def test_a_model_whose_latents_stand_for_four_frames_keeps_every_frame_in_its_place(tmp_path, model, length):
    """The stand-in follows the source closely, so a frame that is off by one shows at the disc's edges."""
    model.rule, model.lookback = FrameRule(8, stride=4, offset=1), 2
    source = draw_clip(tmp_path / "clip.mp4", length)
    gentle = Settings(look="comic", strength=0.02, controls={}, codec=Codec.PNG, steady=0)
    result = pipeline.restyle(source, tmp_path / "whole", gentle)
    assert result.frames == length
    assert result.chunks == 2
    before, after = frames_of(source), frames_of(result.output)
    off = [float((after[i] - before[i]).abs().mean()) for i in range(length)]
    beside = [float((after[i] - before[max(0, i - 1)]).abs().mean()) for i in range(1, length)]
    assert max(off) < 0.5 * min(beside)
    second = sorted((tmp_path / "whole.restyle").glob("chunk-*.avi"))[1]
    for part in (tmp_path / "whole.restyle").glob(f"{second.stem}.*"):
        part.unlink()
    again = pipeline.restyle(source, tmp_path / "whole", gentle)
    assert again.resumed_chunks == 1
    assert torch.equal(frames_of(again.output), after)


def test_another_setting_source_model_or_way_of_making_chunks_is_noticed(tmp_path, model, monkeypatch):
    source = draw_clip(tmp_path / "clip.mp4", 10)
    output = tmp_path / "out.mp4"
    pipeline.restyle(source, output, COMIC)
    with pytest.raises(JobError, match=r"other settings \(seed 0, now 1\).*--fresh"):
        pipeline.restyle(source, output, replace(COMIC, seed=1))
    model.fingerprint = "fake-2"
    with pytest.raises(JobError, match="another model"):
        pipeline.restyle(source, output, COMIC)
    model.fingerprint = "fake-1"
    with monkeypatch.context() as later:
        later.setattr(identity, "CHUNKS", identity.CHUNKS + 1)
        with pytest.raises(JobError, match="another way of making chunks"):
            pipeline.restyle(source, output, COMIC)
    draw_clip(source, 11)
    with pytest.raises(JobError, match="another source"):
        pipeline.restyle(source, output, COMIC)
    assert pipeline.restyle(source, output, COMIC, fresh=True).frames == 11


@pytest.mark.parametrize("name", [".", "%02d.png", "*.png"])
def test_another_still_is_noticed_however_the_stills_are_named(tmp_path, model, name):
    stills = tmp_path / "stills"
    stills.mkdir()
    picture = np.full((32, 48, 3), 80, np.uint8)
    for number in range(3):
        cv2.imwrite(str(stills / f"{number:02d}.png"), picture)
    (stills / "notes.txt").write_text("does not count")
    pipeline.restyle(stills / name, tmp_path / "out.mp4", COMIC)
    (stills / "notes.txt").write_text("still does not")
    pipeline.restyle(stills / name, tmp_path / "out.mp4", COMIC)
    cv2.imwrite(str(stills / "01.png"), picture + 1)
    with pytest.raises(JobError, match="another source"):
        pipeline.restyle(stills / name, tmp_path / "out.mp4", COMIC)


def test_a_corrected_cut_costs_the_shots_beside_it_and_gives_what_a_fresh_job_would(tmp_path, model):
    """Chance, controls, colours and steadying are seen to go by the frames of a shot: the stand-in shows its seeds."""
    model.drift = 0.5
    source, output, cuts = draw_clip(tmp_path / "clip.mp4", 84, cut=20), tmp_path / "out.mp4", tmp_path / "cuts.txt"
    listed, notes = replace(STEADY, cuts=str(cuts)), list[str]()

    def run(lines, where=output, **how):
        cuts.write_text(lines)
        before = len(model.calls)
        result = pipeline.restyle(source, where, listed, progress=lambda told: notes.append(told.note), **how)
        return where.read_bytes(), model.calls[before:], result

    first, calls, _ = run("20\n36\n50\n")
    assert calls == [20, 16, 14, 21, 21]
    assert not any("shots" in note for note in notes)
    corrected, calls, result = run("20\n40\n50\n")
    assert calls == [20, 10]
    assert (result.chunks, result.resumed_chunks) == (5, 3)
    assert "other cuts than before: 2 of 4 shots are finished already and kept" in notes
    fresh, calls, _ = run("20\n40\n50\n", tmp_path / "fresh.mp4")
    assert len(calls) == 5
    assert corrected == fresh != first
    _, calls, result = run("20\n40\n50  # written otherwise\n")
    assert any("finished already, and stays" in words for words in result.warnings)
    fewer, calls, _ = run("40\n50\n")  # the one that reaches over two goes, the others stay
    assert calls == [24, 24]
    again, calls, _ = run("20\n36\n50\n")  # what was made is not lost
    assert (again, calls) == (first, [])
    assert fewer != first


def test_a_result_of_other_cuts_is_not_judged_by_the_new_plan(tmp_path, model):
    source, output, cuts = draw_clip(tmp_path / "clip.mp4", 60, cut=20), tmp_path / "out.mp4", tmp_path / "cuts.txt"
    listed = replace(COMIC, cuts=str(cuts))
    cuts.write_text("20\n")
    pipeline.restyle(source, output, listed)
    old = output.read_bytes()
    cuts.write_text("30\n")

    def stop(progress):
        if progress.stage == telling.WRITING:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipeline.restyle(source, output, listed, progress=stop)
    assert output.read_bytes() == old
    with pytest.raises(JobError, match="its result is of other cuts"):
        FinishedJob.open(output)
    pipeline.restyle(source, output, listed)
    assert FinishedJob.open(output).cuts == [30]


def test_a_list_of_another_clip_given_by_mistake_costs_nothing_that_was_made(tmp_path, model):
    source, output, cuts = draw_clip(tmp_path / "clip.mp4", 60, cut=20), tmp_path / "out.mp4", tmp_path / "cuts.txt"
    first = pipeline.restyle(source, output, COMIC).output.read_bytes()
    made, calls = set(tmp_path.glob("out.mp4.restyle/chunk-*")), len(model.calls)
    cuts.write_text("3\n33\n")

    def stop(progress):
        if "shots" in progress.note:
            raise Killed

    with pytest.raises(Killed):
        pipeline.restyle(source, output, replace(COMIC, cuts=str(cuts)), progress=stop)
    assert made <= set(tmp_path.glob("out.mp4.restyle/chunk-*"))
    back = pipeline.restyle(source, output, COMIC)
    assert (back.output.read_bytes(), len(model.calls)) == (first, calls)


def test_chunks_that_stay_are_as_long_as_they_were_though_less_memory_is_free(tmp_path, model, monkeypatch):
    source, output, cuts = draw_clip(tmp_path / "clip.mp4", 84, cut=20), tmp_path / "out.mp4", tmp_path / "cuts.txt"
    pipeline.restyle(source, output, COMIC)
    calls = len(model.calls)
    monkeypatch.setattr("engine.plan.LONGEST", 17)
    cuts.write_text("10\n20\n")
    result = pipeline.restyle(source, output, replace(COMIC, cuts=str(cuts)))
    assert model.calls[calls:] == [10, 10]
    assert result.resumed_chunks == result.chunks - 2


def test_cuts_are_looked_for_once_and_a_corrected_list_is_never_written_over(tmp_path, model, monkeypatch):
    source, output = draw_clip(tmp_path / "clip.mp4", 30, cut=20), tmp_path / "out.mp4"
    pipeline.restyle(source, output, COMIC)
    cuts = tmp_path / "out.mp4.restyle" / "cuts.txt"
    cuts.write_text("10\n")
    assert pipeline.restyle(source, output, replace(COMIC, cuts=str(cuts))).shots == 2
    monkeypatch.setattr("engine.planning.detect_cuts", lambda windows: pytest.fail("looked for again"))
    assert pipeline.restyle(source, output, COMIC).resumed_chunks == 2
    assert cuts.read_text() == "10\n"


def test_a_corrected_list_stays_where_cuts_are_looked_for_after_it_was_given(tmp_path, model):
    source, output, notes = draw_clip(tmp_path / "clip.mp4", 30, cut=20), tmp_path / "out.mp4", list[str]()
    cuts = tmp_path / "out.mp4.restyle" / "cuts.txt"
    with pytest.raises(SettingsError, match="lie in one shot"):
        pipeline.restyle(source, output, replace(COMIC, reseed=("0.1=7", "0.2=8")))
    cuts.write_text("10\n")
    pipeline.restyle(source, output, replace(COMIC, cuts=str(cuts)), fresh=True)
    pipeline.restyle(source, output, COMIC, progress=lambda told: notes.append(told.note))
    assert cuts.read_text() == "10\n"
    assert any(note.startswith("1 cut found; the other list that is there stays") for note in notes)


def test_a_folder_that_is_no_job_is_left_alone(tmp_path, model):
    source = draw_clip(tmp_path / "clip.mp4", 5)
    folder = tmp_path / "out.mp4.restyle"
    folder.mkdir()
    (folder / "mine.txt").write_text("precious")
    for fresh in (False, True):
        with pytest.raises(JobError, match="in the way"):
            pipeline.restyle(source, tmp_path / "out.mp4", COMIC, fresh=fresh)
    assert (folder / "mine.txt").read_text() == "precious"


def test_bad_jobs_are_refused_before_work(tmp_path, model):
    source = draw_clip(tmp_path / "clip.mp4", 5)
    with pytest.raises(SettingsError, match="source itself"):
        pipeline.restyle(source, source, COMIC)
    with pytest.raises(MediaError, match="no folder"):
        pipeline.restyle(source, tmp_path / "nowhere" / "out.mp4", COMIC)
    with pytest.raises(SettingsError, match="no look called"):
        pipeline.restyle(source, None, Settings(look="cubism"))
    with pytest.raises(SettingsError, match="control"):
        pipeline.restyle(source, None, Settings(look="comic", controls={"smell": 1.0}))
    assert not model.calls


@pytest.mark.parametrize("cuts", ["auto", "none"])
def test_a_torn_still_is_named_before_any_work(tmp_path, model, cuts):
    noise = np.random.default_rng(0).integers(0, 255, (30, 32, 48, 3), np.uint8)
    for number, picture in enumerate(noise):
        cv2.imwrite(str(tmp_path / f"{number:02d}.png"), picture)
    torn = tmp_path / "27.png"
    torn.write_bytes(torn.read_bytes()[:900])
    with pytest.raises(MediaError, match=r"27\.png cannot be read"):
        pipeline.restyle(tmp_path, tmp_path / "out.mp4", replace(COMIC, cuts=cuts))
    assert model.calls == []


def test_cuts_that_were_found_are_listed_and_the_list_can_be_corrected_where_it_is(tmp_path, model):
    source, output, notes = draw_clip(tmp_path / "clip.mp4", 30, cut=20), tmp_path / "out.mp4", []
    pipeline.restyle(source, output, COMIC, progress=lambda told: notes.append(told.note))
    cuts = tmp_path / "out.mp4.restyle" / "cuts.txt"
    assert any(note.startswith("1 cut found") and str(cuts) in note for note in notes)
    plain: list[str] = []
    one_shot = draw_clip(tmp_path / "one.mp4", 12)
    pipeline.restyle(one_shot, tmp_path / "one.out.mp4", COMIC, progress=lambda told: plain.append(told.note))
    assert "no cut found" in plain
    assert read_cuts(cuts, probe(source).times) == [20]
    cuts.write_text(cuts.read_text() + "25\n")
    assert pipeline.restyle(source, output, replace(COMIC, cuts=str(cuts))).shots == 3
    assert pipeline.restyle(source, output, replace(COMIC, cuts=str(cuts)), fresh=True).shots == 3


def test_cuts_from_a_file_or_none(tmp_path, model):
    source = draw_clip(tmp_path / "clip.mp4", 30, cut=20)
    cuts = tmp_path / "cuts.txt"
    cuts.write_text("10 # the door\n0.5\n")
    listed = pipeline.restyle(source, tmp_path / "a.mp4", replace(COMIC, cuts=str(cuts)))
    assert listed.shots == 3
    assert pipeline.restyle(source, tmp_path / "b.mp4", replace(COMIC, cuts="none")).shots == 1
    cuts.write_text("ten\n")
    with pytest.raises(SettingsError, match="line 1"):
        pipeline.restyle(source, tmp_path / "c.mp4", replace(COMIC, cuts=str(cuts)))
    cuts.write_text("99\n")
    with pytest.raises(SettingsError, match="30 frames"):
        pipeline.restyle(source, tmp_path / "d.mp4", replace(COMIC, cuts=str(cuts)))


def test_size_is_the_results_size(tmp_path, model):
    source = draw_clip(tmp_path / "clip.mp4", 5)
    result = pipeline.restyle(source, tmp_path / "out.mp4", replace(COMIC, width=50, height=34))
    info = probe(result.output)
    assert (info.width, info.height) == (50, 34)


def test_the_lock_of_a_living_process_is_kept(tmp_path, model):
    source = draw_clip(tmp_path / "clip.mp4", 5)
    folder = tmp_path / "out.mp4.restyle"
    folder.mkdir()
    (folder / "lock").write_text("1")  # the first process always lives
    with pytest.raises(JobError, match="Process 1 is at work"):
        pipeline.restyle(source, tmp_path / "out.mp4", COMIC)
    assert frames_of(source).shape[0] == 5
