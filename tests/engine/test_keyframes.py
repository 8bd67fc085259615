"""The result passes through painted frames, and what they change moves with the source until the next one."""

import weakref
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from consistency.blur import blur
from consistency.warp import warp
from engine import keyframes, pipeline, ways
from engine.errors import MediaError, SettingsError
from engine.keyframes import REACH, Keyframe, read_keyframes, through
from engine.media import TensorReader, open_reader
from engine.motion import Estimated, Motion
from engine.settings import Codec, Settings
from engine.upsampling import upsampled
from engine.windows import Span
from preprocessors.flow import DisFlow
from samples.scenes import Scene, draw_scene

LENGTH = 20
PNG = Settings(look="comic", codec=Codec.PNG, steady=0)


@pytest.fixture(scope="module")
def drawn() -> Scene:
    return draw_scene(3, LENGTH, 72, 128)


def styled(scene: Scene) -> Tensor:
    return 0.2 + 0.6 * scene.frames.flip(1)


def painted(scene: Scene, number: int) -> Tensor:
    """Other colours, and light where it was dark, on the same things."""
    return 0.85 - 0.7 * scene.frames[number].roll(1, dims=0)


def led(scene: Scene, *numbers: int) -> Tensor:
    """The styled scene, in chunks of seven, led through painted frames by the scene's own motion."""
    motion = lambda n, *_: (scene.flow_to_previous[n], scene.flow_to_next[n - 1])  # noqa: E731
    keys = [Keyframe(number, painted(scene, number)) for number in numbers]
    return spread(scene, keys, motion)


def spread(scene: Scene, keys: list[Keyframe], motion: Motion) -> Tensor:
    parts = iter(torch.split(styled(scene), 7))
    made = through(parts, Span(0, len(scene.frames)), keys, motion, lambda number: scene.frames[number])
    return torch.cat([led.onto(led.frames) for led in made])


def enlarged(small: Scene, large: Scene, number: int, motion: Motion | None = None) -> Tensor:
    """The small styled scene, brought to the size of the large one and led through its painted frame."""
    known = lambda n, *_: (small.flow_to_previous[n], small.flow_to_next[n - 1])  # noqa: E731
    keys, clip = [Keyframe(number, painted(large, number))], iter([styled(small)])
    made = through(clip, Span(0, len(small.frames)), keys, motion or known, lambda number: large.frames[number])
    pairs = zip(made, large.frames[:, None], strict=True)
    return torch.cat([led.onto(upsampled(led.frames, source)) for led, source in pairs])


def warp_error(clip: Tensor, scene: Scene, number: int) -> float:
    before, _ = warp(clip[number - 1 : number], scene.flow_to_previous[number : number + 1], "bicubic")
    clean = scene.clean[number].expand(3, -1, -1) == 1
    return float((before[0] - clip[number]).square()[clean].mean().sqrt())


@pytest.mark.parametrize("numbers", [(0,), (9,), (LENGTH - 1,), (4, 11), (5, 6, 19)])
def test_every_frame_comes_once_and_painted_ones_are_themselves(drawn, numbers):
    made = led(drawn, *numbers)
    assert made.shape == drawn.frames.shape
    for number in numbers:
        assert torch.equal(made[number], painted(drawn, number))


def test_a_painted_frame_spreads_both_ways_and_fades(drawn):
    change = (led(drawn, 9) - styled(drawn)).abs().mean(dim=(1, 2, 3))
    assert (change[:9].diff() > 0).all()
    assert (change[9:].diff() < 0).all()
    assert change[8] > 0.8 * change[9]
    assert change[10] > 0.8 * change[9]


def test_it_ends_at_the_next_one(drawn):
    """Between two the first one's share falls to none: just before the second the change is all the second's."""
    alone, both = led(drawn, 10), led(drawn, 4, 10)
    assert (both[9] - alone[9]).abs().mean() < 0.3 * (both[5] - alone[5]).abs().mean()


@pytest.mark.parametrize("seed", [1, 2, 3, 5, 8])
def test_leaving_it_changes_no_more_along_the_motion_than_the_source(seed):
    scene = draw_scene(seed, LENGTH, 72, 128)
    made = led(scene, 9)
    for number in (9, 10):
        assert warp_error(made, scene, number) < 1.2 * warp_error(scene.frames, scene, number)
    for number in (6, 7, 8, 11, 12, 13):  # looked up twice, and fading
        assert warp_error(made, scene, number) < 2.5 * warp_error(scene.frames, scene, number)


@cache
def two_sizes(seed: int) -> tuple[Scene, Scene]:
    """Three frames of a scene as it is worked on, and at twice that size."""
    small, large = (draw_scene(seed, 3, side, side * 16 // 9, first=8) for side in (108, 216))
    return small, large


@pytest.mark.parametrize("seed", [1, 2, 3, 5, 8])
def test_at_a_larger_size_it_leaves_with_all_its_detail(seed):
    """What was painted finer than the model works is in the frames beside it, too, and holds still at borders."""
    small, large = two_sizes(seed)
    made = enlarged(small, large, 1)
    assert torch.equal(made[1], painted(large, 1))
    inner = replace(large, clean=1 - F.max_pool2d(1 - large.clean, 9, 1, 4))
    for number in (1, 2):
        assert warp_error(made, large, number) < 1.2 * warp_error(large.frames, large, number)
        assert warp_error(made, inner, number) < 1.0 * warp_error(large.frames, inner, number)
    for number in (0, 2):
        clean, wanted = inner.clean[max(number, 1)][0] == 1, painted(large, number)
        missed, fine = (one - blur(one[None], 2)[0] for one in (made[number] - wanted, wanted))
        assert missed[:, clean].square().mean() < 0.05 * fine[:, clean].square().mean()


@pytest.mark.parametrize("seed", [2, 3, 5, 8])
def test_motion_that_is_guessed_small_is_looked_for_again_at_the_larger_size(seed):
    small, large = two_sizes(seed)
    made = enlarged(small, large, 1, Estimated(DisFlow(fine=True)))
    inner = replace(large, clean=1 - F.max_pool2d(1 - large.clean, 9, 1, 4))
    for number in (1, 2):
        assert warp_error(made, large, number) < 1.6 * warp_error(large.frames, large, number)
        assert warp_error(made, inner, number) < 1.1 * warp_error(large.frames, inner, number)


@pytest.mark.parametrize("seed", [2, 5, 8, 25])
def test_what_looks_as_the_source_did_is_painted_though_the_way_there_and_back_misses(seed):
    """At borders and at the picture's edge guessed motion often fails to come home, and the frame was left as made."""
    scene = draw_scene(seed, 3, 144, 256, first=5)
    scene = replace(scene, frames=scene.frames.mul(255).round() / 255)  # as in a file
    made = spread(scene, [Keyframe(1, painted(scene, 1))], Estimated(DisFlow(fine=True)))
    for number in (1, 2):
        assert warp_error(made, scene, number) < 1.2 * warp_error(scene.frames, scene, number)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_patch_that_was_hidden_has_no_rim_at_any_size(times: int) -> None:
    frames, there, back = torch.full((2, 3, 72, 128), 0.4), torch.zeros(2, 72, 128), torch.zeros(2, 72, 128)
    there[0, 20:50, 38:68] = 12  # and back it does not come home
    large = F.interpolate(frames, scale_factor=float(times))
    red = large[0] + torch.tensor([0.3, 0, 0]).view(3, 1, 1)
    led = through(
        iter([frames]), Span(0, 2), [Keyframe(0, red)], lambda *_: (there, back), lambda number: frames[number]
    )
    after = list(led)[1].onto(large[1:])[0]
    reddened = (after - large[1])[0, times * 2 : -times * 2, times * 2 : -times * 2]
    assert reddened.max() - reddened.min() < 0.02


def test_what_was_hidden_is_changed_as_what_looks_like_it_around() -> None:
    """A board passes before a wall that was painted red: the wall behind it, never painted, is red, too."""
    frames, there, back = torch.full((2, 3, 72, 128), 0.4), torch.zeros(2, 72, 128), torch.zeros(2, 72, 128)
    frames[0, 2, 20:50, 50:80] = frames[1, 2, 20:50, 38:68] = 1.0
    there[0, 20:50, 38:68], back[0, 20:50, 50:80] = 12, -12
    red = frames[0].clone()
    red[0] += 0.3 * (frames[0, 2] < 1)
    led = through(
        iter([frames]), Span(0, 2), [Keyframe(0, red)], lambda *_: (there, back), lambda number: frames[number]
    )
    _, after = (one.onto(one.frames)[0] for one in led)
    reddened = (after - frames[1])[0, 22:48, 70:78]
    assert reddened.min() > 0.15
    assert reddened.mean() > 0.25
    assert (after - frames[1])[:, 22:48, 40:66].abs().max() < 0.02  # the board is as it was


def test_motion_that_is_known_is_not_looked_for_again(monkeypatch):
    asked: list[Tensor] = []

    def near(previous: Tensor, current: Tensor, flow: Tensor) -> Tensor:
        asked.append(flow)
        return flow

    monkeypatch.setattr(ways.SEARCH, "near", near)
    small, large = two_sizes(3)
    enlarged(small, large, 1)
    assert asked == []
    enlarged(small, large, 1, Estimated(DisFlow()))
    assert len(asked) == 2


def test_light_that_changes_after_it_goes_on_changing(drawn):
    """A painted frame is carried with the light that the frames have: half as bright, as made, it is darker, too."""
    still = lambda *_: (torch.zeros(2, 72, 128), torch.zeros(2, 72, 128))  # noqa: E731
    source = torch.linspace(1.0, 0.5, LENGTH).view(-1, 1, 1, 1) * drawn.frames[:1]
    made = 0.8 * source
    key = Keyframe(0, made[0] * 0.5 + 0.25)
    led = through(iter([made]), Span(0, LENGTH), [key], still, lambda number: source[number])
    *_, last = (one.onto(one.frames) for one, _ in zip(led, range(4), strict=False))
    assert float((last - key.picture).mean()) == pytest.approx(float((made[3] - made[0]).mean()), abs=0.003)


@pytest.mark.parametrize("seed", [1, 3, 8])
def test_light_that_only_the_model_changes_does_not_flicker_beside_it(seed):
    """The model's frames are lighter and darker by turns, by 20 levels; the source's light is steady."""
    scene = draw_scene(seed, LENGTH, 72, 128)
    motion = lambda n, *_: (scene.flow_to_previous[n], scene.flow_to_next[n - 1])  # noqa: E731
    unsteady = 0.04 * torch.tensor([1.0, -1.0]).repeat(LENGTH // 2).view(-1, 1, 1, 1)
    clip = iter([0.2 + 0.6 * styled(scene) + unsteady])
    led = through(clip, Span(0, LENGTH), [Keyframe(9, painted(scene, 9))], motion, lambda number: scene.frames[number])
    made = torch.cat([one.onto(one.frames) for one in led])
    for number in (9, 10):
        assert warp_error(made, scene, number) < 1.2 * warp_error(scene.frames, scene, number)


def test_without_one_nothing_is_touched(drawn):
    assert torch.equal(led(drawn), styled(drawn))


def test_no_more_frames_are_held_than_one_reaches():
    came = []

    def parts():
        for number in range(200):
            came.append(number)
            yield torch.zeros(1, 3, 16, 16)

    still = lambda *_: (torch.zeros(2, 16, 16), torch.zeros(2, 16, 16))  # noqa: E731
    keys = [Keyframe(150, torch.ones(3, 16, 16))]
    source = torch.zeros(3, 16, 16)
    for number, _ in enumerate(through(parts(), Span(0, 200), keys, still, lambda number: source)):
        assert len(came) - number <= REACH + 1


@pytest.mark.parametrize("numbers", [(60,), (10, 46), (10, 20, 30, 40, 50)])
def test_ways_in_the_finer_source_are_held_of_one_frame_only(monkeypatch, numbers):
    made: list[weakref.ref[Tensor]] = []

    def watched(*given: Tensor) -> tuple[Tensor, Tensor]:
        way, trust = ways.settled(*given)
        made.append(weakref.ref(way))
        return way, trust

    monkeypatch.setattr(keyframes, "settled", watched)
    still = lambda *_: (torch.zeros(2, 12, 16), torch.zeros(2, 12, 16))  # noqa: E731
    keys, source = [Keyframe(number, torch.ones(3, 24, 32)) for number in numbers], torch.zeros(3, 24, 32)
    for led in through(iter([torch.zeros(64, 3, 12, 16)]), Span(0, 64), keys, still, lambda number: source):
        assert sum(way() is not None for way in made) == len(led.carried)
        assert all(carried.way.shape[-2:] == (24, 32) for carried in led.carried)
        del led
    assert len(made) > REACH


def write(path: Path, picture: np.ndarray) -> str:
    cv2.imwrite(str(path), picture)
    return str(path)


@pytest.fixture
def clip(tmp_path):
    folder = tmp_path / "clip"
    folder.mkdir()
    for number in range(12):
        write(folder / f"{number:03d}.png", np.roll(np.random.default_rng(1).integers(0, 256, (64, 96, 3)), number, 1))
    return folder


def test_a_job_passes_through_at_the_moment_that_was_said_and_keeps_its_chunks(tmp_path, clip, model):
    bars = np.random.default_rng(2).integers(0, 256, (1, 96, 3))  # the clip moves to the right, and they with it
    picture = write(tmp_path / "painted.png", np.repeat(bars, 64, axis=0))
    pipeline.restyle(clip, tmp_path / "out", PNG)
    calls = len(model.calls)
    made = pipeline.restyle(clip, tmp_path / "out", replace(PNG, keyframes=(f"0:00.25={picture}",)))
    assert len(model.calls) == calls
    with open_reader(made.output) as result, open_reader(picture) as wanted:
        assert torch.equal(result.read(6, 7), wanted.read(0, 1))
        assert not torch.equal(result.read(5, 6), wanted.read(0, 1))


def test_bad_ones_are_refused_before_the_model_is_asked(tmp_path, clip, model):
    picture = write(tmp_path / "painted.png", np.zeros((64, 96, 3), np.uint8))
    square = write(tmp_path / "square.png", np.zeros((64, 64, 3), np.uint8))
    for texts, error, told in (
        (["painted.png"], SettingsError, "is not TIME=PICTURE"),
        ([f"7={picture}"], SettingsError, "beyond the end"),
        ([f"0.25={picture}", f"0:00.26={picture}"], SettingsError, "Two painted frames stand for frame 6"),
        ([f"0.25={square}"], SettingsError, "is 64x64, the clip 96x64"),
        ([f"0.25={clip}"], SettingsError, "has 12 frames"),
        (["0.25=gone.png"], MediaError, "no file gone.png"),
    ):
        with pytest.raises(error, match=told):
            pipeline.restyle(clip, tmp_path / "out", replace(PNG, keyframes=tuple(texts)))
    assert model.calls == []


@pytest.mark.parametrize(("text", "number"), [("1.5", 36), ("0:02", 48), ("00:01.04", 25), ("0:00:02.99", 72)])
def test_times_name_the_nearest_frame(tmp_path, text, number):
    picture = write(tmp_path / "painted.png", np.zeros((16, 16, 3), np.uint8))
    info = TensorReader(torch.zeros(73, 3, 16, 16), Fraction(24)).info
    assert read_keyframes([f"{text}={picture}"], info, (16, 16))[0].number == number


def test_estimated_motion_carries_it_better_than_none(drawn):
    keys = [Keyframe(9, painted(drawn, 9))]
    stuck = lambda *_: (torch.zeros(2, 72, 128), torch.zeros(2, 72, 128))  # noqa: E731
    errors = []
    for motion in (Estimated(DisFlow(fine=True)), stuck):
        made = spread(drawn, keys, motion)
        errors.append(warp_error(made, drawn, 10))
    assert errors[0] < 0.5 * errors[1]


def test_a_palette_colours_all_but_painted_frames_and_keeps_the_chunks(tmp_path, clip, model):
    picture = write(tmp_path / "painted.png", np.full((64, 96, 3), (10, 200, 90), np.uint8))
    style = write(tmp_path / "style.png", np.random.default_rng(2).normal((30, 60, 190), 8, (40, 40, 3)).clip(0, 255))
    pipeline.restyle(clip, tmp_path / "out", PNG)
    calls = len(model.calls)
    made = pipeline.restyle(clip, tmp_path / "out", replace(PNG, palette=style, keyframes=(f"0={picture}",)))
    assert len(model.calls) == calls
    with open_reader(made.output) as result, open_reader(picture) as wanted:
        assert torch.equal(result.read(0, 1), wanted.read(0, 1))
    alone = pipeline.restyle(clip, tmp_path / "out", replace(PNG, palette=style))
    with open_reader(alone.output) as result:
        mean = result.read(0, 12).mean(dim=(0, 2, 3))
    assert torch.allclose(mean * 255, torch.tensor([190.0, 60, 30]), atol=12)
    with pytest.raises(SettingsError, match="has 12 frames; give one picture"):
        pipeline.restyle(clip, tmp_path / "out", replace(PNG, palette=str(clip)))
