"""Laws of shots: cuts on the exact frame; whip pans, fades and flashes are none; every frame in exactly one shot."""

import weakref
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from consistency.flashes import LONGEST, Glimpse, Sight, without_flashes
from engine import shots
from engine.media import open_reader
from engine.shots import detect_cuts, shots_between
from samples.scenes import draw_scene


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
    between = shots_between(sorted(cut for cut in cuts if cut < frames), frames)
    assert [i for shot in between for i in range(shot.start, shot.stop)] == list(range(frames))


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


def lit(frames: torch.Tensor, share: float = 1.0) -> torch.Tensor:
    """In the light of a flash: what is bright is burnt out."""
    return (frames * (1 + 1.5 * share) + 0.4 * share).clamp(0, 1)


HERE, THERE, ELSEWHERE = (draw_scene(seed, 40, 72, 128).frames for seed in (4, 3, 2))
DECAY = (1, 0.7, 0.45, 0.3, 0.2, 0.12, 0.07)


def lit_at(clip: torch.Tensor, shares: dict[int, float]) -> torch.Tensor:
    return torch.stack([lit(frame, shares.get(number, 0)) for number, frame in enumerate(clip)])


FLASHES = {
    "one frame": lit_at(HERE, {20: 1}),
    "four frames": lit_at(HERE, dict.fromkeys(range(20, 24), 1)),
    "double": lit_at(HERE, {18: 1, 21: 1}),
    "strobe, every fourth": lit_at(HERE, dict.fromkeys(range(10, 30, 4), 1)),
    "strobe, every third": lit_at(HERE, dict.fromkeys(range(10, 30, 3), 1)),
    "lightning": lit_at(HERE, {20 + place: share for place, share in enumerate(DECAY)}),
    "white": torch.cat([HERE[:20], torch.ones_like(HERE[:2]), HERE[22:]]),
    "black": torch.cat([HERE[:20], torch.zeros_like(HERE[:3]), HERE[23:]]),
    "fade to white and back": lit_at(HERE, {15 + place: 2 * (1 - abs(place - 5) / 5) for place in range(11)}),
}


@pytest.mark.parametrize("name", FLASHES)
@pytest.mark.parametrize("window", [3, 40])
def test_a_flash_is_no_cut(name, window):
    assert detect_cuts(FLASHES[name].split(window)) == []


def test_most_of_these_flashes_were_cuts_if_one_looked_at_frames_alone(monkeypatch):
    """Else the test above would tell nothing."""
    monkeypatch.setattr(shots, "without_flashes", lambda ps: (Sight(Glimpse(i, p), i) for i, p in enumerate(ps)))
    assert sum(bool(detect_cuts([clip])) for clip in FLASHES.values()) >= 6


CUT = torch.cat([HERE[:20], THERE[20:]])


@pytest.mark.parametrize(
    "clip",
    [
        lit_at(CUT, {20: 1}),
        lit_at(CUT, {19: 1}),
        lit_at(CUT, {19: 1, 20: 1}),
        lit_at(CUT, {20 + place: share for place, share in enumerate(DECAY)}),
        torch.cat([HERE[:20], torch.ones_like(HERE[:2]), THERE[22:]]),
    ],
    ids=["after it", "before it", "about it", "lightning", "white"],
)
def test_a_cut_within_a_flash_is_one_cut_and_where_the_scene_changes(clip):
    assert detect_cuts(clip.split(8)) == [20]


@pytest.mark.parametrize(("length", "light"), [(2, 0), (3, 0), (4, 0), (3, 0.3), (4, 0.3)])
@pytest.mark.parametrize("after", [HERE, ELSEWHERE], ids=["back", "on"])
def test_another_picture_that_is_cut_in_is_a_shot_though_it_is_short_and_bright(length, light, after):
    stop = 20 + length
    clip = torch.cat([HERE[:20], lit(THERE[20:stop], light), after[stop:]])
    assert detect_cuts(clip.split(8)) == [20, stop]


def test_a_flash_is_told_with_a_few_pictures_in_hand():
    """Fails where pictures are kept: a night of footage would not fit into memory."""
    held: list[weakref.ref[np.ndarray]] = []

    def pictures():
        for frame in lit_at(HERE, dict.fromkeys(range(4, 40, 4), 1)).mul(255).byte().permute(0, 2, 3, 1):
            picture = frame.contiguous().numpy().copy()
            held.append(weakref.ref(picture))
            yield picture
            del picture
            assert sum(one() is not None for one in held) <= 2 * LONGEST + 2

    assert sum(1 for _ in without_flashes(pictures())) == 31
