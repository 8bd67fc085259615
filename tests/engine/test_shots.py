"""Laws of shots: cuts on the exact frame, wherever; whip pans and fades are none; every frame in exactly one shot."""

from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.media import open_reader
from engine.shots import detect_cuts, shots_between


def scene(seed: int, frames: int) -> torch.Tensor:
    noise = torch.rand(1, 3, 6, 9, generator=torch.Generator().manual_seed(seed))
    wide = torch.nn.functional.interpolate(noise, size=(72, 200), mode="bilinear")
    return torch.cat([wide[..., i : i + 128] for i in range(frames)])


@pytest.mark.parametrize("window", [1, 5, 100])
def test_a_hard_cut_is_found_on_its_frame_however_the_clip_is_windowed(window):
    clip = torch.cat([scene(1, 21), scene(2, 17), scene(3, 12)])
    assert detect_cuts(clip.split(window)) == [21, 38]


@pytest.mark.parametrize("cut", [1, 2, 3, 20, 37, 38, 39])
def test_a_cut_may_lie_right_beside_the_first_or_the_last_frame(cut):
    clip = torch.cat([scene(1, cut), 1 - scene(1, 40 - cut)])
    assert detect_cuts(clip.split(8)) == [cut]


@pytest.mark.parametrize("speed", [30, 60, 140])
def test_a_whip_pan_is_no_cut(speed):
    noise = torch.rand(1, 3, 12, 120, generator=torch.Generator().manual_seed(1))
    wide = torch.nn.functional.interpolate(noise, size=(72, 1600), mode="bilinear")
    places = [0] * 15 + list(range(0, 1400, speed)) + [1400] * 15
    assert detect_cuts([torch.cat([wide[..., x : x + 128] for x in places])]) == []


def test_a_slow_fade_is_no_cut():
    here, there = scene(1, 40), scene(2, 40)
    share = ((torch.arange(40) - 10) / 15).clamp(0, 1).view(-1, 1, 1, 1)
    assert detect_cuts([torch.lerp(here, there, share)]) == []


def test_a_still_clip_has_no_cut():
    assert detect_cuts([scene(1, 1).expand(20, -1, -1, -1)]) == []
    assert detect_cuts([scene(1, 1)]) == []


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(1, n)))))
def test_every_frame_is_in_exactly_one_shot(case):
    frames, cuts = case
    shots = shots_between(sorted(cut for cut in cuts if cut < frames), frames)
    assert [i for shot in shots for i in range(shot.start, shot.stop)] == list(range(frames))


@pytest.mark.parametrize(
    ("name", "cuts"),
    [("animation_bbb_cuts.mp4", [33, 126]), ("multishot_fades_720p.mp4", [120]), ("multishot_dark_audio.mp4", [102])],
)
def test_the_cuts_of_real_clips(footage, name, cuts):
    with open_reader(footage / name) as reader:
        found = detect_cuts(reader.read(i, min(i + 8, reader.info.frames)) for i in range(0, reader.info.frames, 8))
    assert set(cuts) <= set(found)
    assert len(found) <= len(cuts) + 1
    assert reader.info.times[cuts[0]] > Fraction(1)
