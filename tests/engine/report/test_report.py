"""The report names the seams that are there, and none else; its figures hold for jobs of known truth."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from engine.report import Findings, as_facts, as_lines, brief, brief_lines, headline, measure
from engine.report.figures import figures_of
from tests.engine.report.jobs import FRAMES, SEAMS, finished


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    return measure(finished(tmp_path_factory.mktemp("hard"), unlike=True))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    return measure(finished(tmp_path_factory.mktemp("clean"), unlike=False))


def test_hard_seams_are_named_at_their_frames(hard: Findings) -> None:
    assert [seam.frame for seam in hard.seams if seam.named] == SEAMS
    assert headline(hard).startswith("A step can be seen at both seams: frames 14 and 28.")


def test_a_clean_job_has_no_seam_to_name(clean: Findings) -> None:
    assert [seam.seam.start for seam in clean.seams] == SEAMS
    assert headline(clean) == "No seam can be told from other frames."
    assert figures_of(clean).seam_ratio < 1.5


def test_a_look_at_a_few_frames_says_the_same_of_the_seams(hard: Findings, clean: Findings) -> None:
    for findings in (hard, clean):
        shortly = brief(findings.job)
        assert [seam.named for seam in shortly.seams] == [seam.named for seam in findings.seams]
        assert len(brief_lines(shortly)) == 3


def test_the_short_form_says_of_how_many_frames_its_figures_are(hard: Findings) -> None:
    """They are not those of all frames, and who compares the two must see why."""
    shortly = brief(hard.job)
    assert 0 < as_facts(shortly)["frames_looked_at"] < FRAMES == as_facts(hard)["frames_looked_at"]
    assert brief_lines(shortly)[-1].startswith(f"In {shortly.looked_at} of {FRAMES} frames: ")


def test_of_a_single_picture_nothing_is_said_of_seams_and_motion(tmp_path: Path) -> None:
    (line,) = brief_lines(brief(finished(tmp_path, unlike=False, frames=1)))
    assert re.fullmatch(r"\d+ % of the raw picture's detail is kept\.", line)


def test_figures_of_a_clean_job_are_near_its_chunks(clean: Findings) -> None:
    figures = figures_of(clean)
    assert figures.detail > 0.8
    assert 0.85 < figures.sharpness < 1.15
    assert figures.motion == pytest.approx(1, abs=0.1)
    assert figures.drift < 1
    assert clean.extra_cuts == ()
    assert figures.warp_ratio < figures.warp_ratio_raw


def test_figures_of_unlike_chunks_show_it(hard: Findings) -> None:
    figures = figures_of(hard)
    assert figures.seam_ratio > 1.5
    assert figures.drift > 2
    assert figures.colour_step > 2


def test_facts_are_plain_json_and_name_every_seam(hard: Findings) -> None:
    facts = json.loads(json.dumps(as_facts(hard), allow_nan=False))
    assert facts["frames"] == FRAMES
    assert [seam["start"] for seam in facts["seams"]] == SEAMS
    assert all(seam["seen"] for seam in facts["seams"])
    assert facts["figures"]["warp_ratio"] == pytest.approx(
        facts["figures"]["warp_error"] / facts["figures"]["warp_floor"], rel=1e-3
    )
    assert "seam 14" in as_lines(hard)


@pytest.mark.parametrize("settings", [{"look": "comic", "codec": "png"}, {"prompt": "fog", "width": 64, "height": 36}])
def test_results_of_other_kinds_and_sizes_are_judged(tmp_path, settings) -> None:
    name = "stills" if "codec" in settings else "small.mp4"
    findings = measure(finished(tmp_path, unlike=False, name=name, **settings))
    assert findings.seams
    assert headline(findings) == "No seam can be told from other frames."
