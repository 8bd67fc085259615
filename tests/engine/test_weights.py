"""A control's weight over a model's steps: what is said is what is done, and what cannot be is refused."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import SettingsError
from engine.media import MediaInfo, probe
from engine.settings import Settings
from engine.weights import Passage, Stretch, Weight, Weighted, check_times
from tests.engine.test_pipeline import draw_clip

SHARES = st.integers(1, 99).map(lambda hundredths: hundredths / 100)
STEPS = st.integers(1, 60)


@given(weight=st.floats(0, 2), steps=STEPS)
def test_a_plain_number_holds_at_every_step(weight: float, steps: int) -> None:
    assert Weight.of(weight).over(steps) == (weight,) * steps


@given(share=SHARES, steps=STEPS)
def test_stretches_that_meet_share_no_step_and_leave_none_out(share: float, steps: int) -> None:
    both = Weight.of([f"1@0-{share}", f"0.5@{share}-1"]).over(steps)
    first = both.count(1.0)
    assert both == (1.0,) * first + (0.5,) * (steps - first)
    assert abs(first - share * steps) <= 0.5 + 1e-9


def test_six_tenths_of_five_steps_are_three() -> None:
    assert Weight.of("0.5@0-0.6").over(5) == (0.5, 0.5, 0.5, 0, 0)
    assert Weight.of("2@0.4-0.6").over(5) == (0, 0, 2, 0, 0)


@given(weight=st.integers(0, 200).map(lambda n: n / 100), start=SHARES)
def test_what_is_written_down_is_read_again(weight: float, start: float) -> None:
    whole = Weight((Stretch(0, start, weight), Stretch(start, 1, 1.0)))
    for one in (Weight.of(weight), Weight((Stretch(start, 1, weight),)), whole):
        assert Weight.of(one.plain()) == one
    assert Weight.of(0.8).plain() == 0.8


MOMENTS = st.integers(0, 10**7).map(lambda thousandths: Fraction(thousandths, 1000))


@given(start=MOMENTS, lasts=st.integers(1, 10**6), weight=st.integers(0, 200).map(lambda n: n / 100))
def test_a_time_that_is_written_down_is_read_again(start: Fraction, lasts: int, weight: float) -> None:
    passage = Passage(start, start + Fraction(lasts, 1000), weight)
    for one in (Weight((), (passage,)), Weight((Stretch(0, 0.5, 1.0),), (passage,))):
        assert Weight.of(one.plain()) == one
    assert str(Passage(Fraction(5), Fraction("72.5"), 0.2)) == "0.2@0:05-1:12.5"


def test_a_time_holds_from_its_start_to_before_its_end_in_place_of_all_else() -> None:
    weight = Weight.of(["0.8@0-0.5", "0.2@0:01-0:02", "0@2-0:03"])
    times = [Fraction(text) for text in ("0", "0.999", "0.9996", "1", "1.9", "2", "2.9", "3")]
    assert weight.along(times, 2) == ((0.8, 0.8, 0.2, 0.2, 0.2, 0, 0, 0.8), (0, 0, 0.2, 0.2, 0.2, 0, 0, 0))
    assert weight.over(2) == (0.8, 0)
    assert Weight.of("0.5").along(times[:3], 2) == ((0.5,) * 3,) * 2


def test_a_weight_of_zero_is_none() -> None:
    assert not Weight.of(0)
    assert not Weight.of("0@0.2-0.4")
    assert not Weight.of([])
    assert Weight.of(["0@0-0.5", "1@0.5-1"])
    assert not Weight.of(["0", "0@0:01-0:02"])
    assert Weight.of(["0", "1@0:01-0:02"])


def test_a_stretch_without_a_step_is_found() -> None:
    assert Weight.of("1@0-0.1").lost(4) == Stretch(0, 0.1, 1.0)
    assert Weight.of(["1@0-0.5", "0@0.5-0.51"]).lost(4) is None


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        (3, "control lines is 3; it must be a number between 0 and 2"),
        (-0.1, "between 0 and 2"),
        (float("nan"), "between 0 and 2"),
        (True, "between 0 and 2"),
        ("much", "say 0.8"),
        ("0.5@", "say 0.8"),
        ("0.5@0.6", "say 0.8"),
        ("0.5@0.6-0.2", "holds from 0.6 to 0.2"),
        ("0.5@0-6", "holds from 0.0 to 6.0"),
        ([0.5, "1@0-0.5"], "given twice for the same steps: 1@0-0.5 and 0.5"),
        ("0.5@0:06-0:02", r"holds from 0:06 to 0:02; it must end after it begins, as 0\.5@0:05-0:12\.5"),
        ("0.5@0:06-0:06", "must end after it begins"),
        ("0.5@0:06", "say 0.8"),
        ("0.5@0:06-", "say 0.8"),
        ("0.5@0-0.5@0:06-0:08", "say 0.8"),
        ("3@0:06-0:08", "between 0 and 2"),
        ("much@0:06-0:08", "say 0.8"),
        (["1@0:01-0:03", "0.5@0:02-0:04"], "given twice for the same time: 1@0:01-0:03 and 0.5@0:02-0:04"),
        ({"weight": 0.5}, "say 0.8"),
        (None, "between 0 and 2"),
    ],
    ids=str,
)
def test_what_is_no_weight_is_refused_with_its_control(weight: Any, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Settings(look="comic", controls={"lines": weight})


def test_settings_read_numbers_texts_and_lists_and_write_them_again(tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_text('look = "comic"\n[controls]\nedges = 0.8\ndepth = "0.5@0-0.6"\nflow = ["1@0-0.3", "0.2@0.3-1"]\n')
    settings = Settings.from_toml(path)
    plain: dict[str, Weighted] = {"edges": 0.8, "depth": "0.5@0-0.6", "flow": ["1@0-0.3", "0.2@0.3-1"]}
    assert settings.to_dict()["controls"] == plain
    assert Settings(look="comic", controls=plain) == settings


@pytest.fixture(scope="module")
def info(tmp_path_factory: pytest.TempPathFactory) -> MediaInfo:
    """Of two seconds, thirty frames each."""
    return probe(draw_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 60, size=(32, 48)))


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        ("1@0:01-0:07", r"depth at 1@0:01-0:07 lies beyond the end of .*, which lasts 2\.0"),
        ("1@0:07-0:09", "lies beyond the end"),
        ("1@0:01.005-0:01.02", r"depth at 1@0:01\.005-0:01\.02 does nothing: no frame begins there"),
    ],
)
def test_a_time_that_the_clip_does_not_have_is_refused(info: MediaInfo, weight: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        check_times({"depth": ["0.5", weight]}, info)
    check_times({"depth": ["0.5", "1@0:00-0:02"], "edges": "1@0.1-0.2"}, info)
