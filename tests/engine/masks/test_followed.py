"""Masks painted of some frames follow the motion to all others, one mask for a frame however it is asked for."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import cv2
import pytest
import torch
from torch import Tensor

from engine import pipeline
from engine.errors import MediaError, SettingsError
from engine.footage import Footage
from engine.keyframes import Keyframe
from engine.masks.followed import FollowedMasks
from engine.media import Pass, RenderPasses, TensorReader, open_reader
from engine.motion import Estimated, Motion
from engine.settings import Codec, Settings
from preprocessors.flow import DisFlow
from samples.kinds import Kind, draw_kind
from samples.scenes import Scene, draw_scene, film

LENGTH, SIZE = 21, (144, 256)
FINE = Estimated(DisFlow(fine=True))


@cache
def drawn(seed: int) -> Scene:
    """The scene of a seed, drawn once for all tests."""
    return draw_scene(seed, LENGTH, *SIZE)


def truth(scene: Scene) -> Tensor:
    """The mask of the nearest thing, `[T, 1, H, W]`."""
    return (scene.layers == scene.layers.max()).float()


def followed(
    frames: Tensor, masks: Tensor, numbers: tuple[int, ...], folder: Path, motion: Motion | None = None
) -> FollowedMasks:
    folder.mkdir(exist_ok=True)
    painted = [Keyframe(number, masks[number].expand(3, -1, -1)) for number in numbers]
    size = (frames.shape[-2], frames.shape[-1])
    return FollowedMasks(
        painted, Footage(TensorReader(frames, Fraction(24)), size), motion or estimated(frames), folder
    )


def estimated(frames: Tensor) -> Motion:
    """The motion of these frames, estimated once for all that ask for it: masks are followed there and back."""

    @cache
    def known(number: int) -> tuple[Tensor, Tensor]:
        return FINE(number, frames[number - 1], frames[number])

    def motion(number: int, previous: Tensor, current: Tensor) -> tuple[Tensor, Tensor]:
        assert torch.equal(previous, frames[number - 1])
        assert torch.equal(current, frames[number])
        return known(number)

    return motion


def overlap(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union of every frame, `[T]`."""
    a, b = one > 0.5, other > 0.5
    return (a & b).sum(dim=(1, 2, 3)) / (a | b).sum(dim=(1, 2, 3)).clamp(min=1)


def counting(scene: Scene) -> tuple[Motion, list[int]]:
    """The scene's own motion, and the frames that it is asked for."""
    asked: list[int] = []

    def counted(number: int, previous: Tensor, current: Tensor) -> tuple[Tensor, Tensor]:
        asked.append(number)
        return scene.flow_to_previous[number], scene.flow_to_next[number - 1]

    return counted, asked


@pytest.mark.parametrize("seed", [1, 3, 5, 8])
def test_between_two_painted_ones_the_mask_stays_on_its_thing(seed, tmp_path):
    scene = drawn(seed)
    masks = truth(scene)
    made = followed(scene.frames, masks, (0, LENGTH - 1), tmp_path)(0, LENGTH)
    still = torch.cat([masks[:1].expand(LENGTH // 2, -1, -1, -1), masks[-1:].expand(LENGTH - LENGTH // 2, -1, -1, -1)])
    assert overlap(made, masks).min() > 0.8
    assert overlap(made, masks).mean() > 0.9
    assert 1 - overlap(made, masks).mean() < 0.3 * (1 - overlap(still, masks).mean())


def test_it_stays_there_while_light_goes_down_and_up_again(tmp_path):
    scene = drawn(8)
    masks, light = truth(scene), 1 - 0.5 * torch.linspace(0, math.pi, LENGTH).sin().view(-1, 1, 1, 1)
    made = followed(scene.frames * light, masks, (0, LENGTH - 1), tmp_path)(0, LENGTH)
    assert overlap(made, masks).min() > 0.9
    assert overlap(made, masks).mean() > 0.92


@pytest.mark.parametrize(
    ("kind", "seed", "layer", "least"), [(Kind.OCCLUSION, 1, 3, 0.68), (Kind.THIN, 1, 4, 0.38)], ids=["hidden", "thin"]
)
def test_of_two_claims_that_disagree_the_one_whose_colour_is_there_counts(kind, seed, layer, least, tmp_path):
    planes = draw_kind(kind, seed, *SIZE)
    scene = film(lambda t: planes, range(LENGTH), *SIZE)
    masks = (scene.layers == layer).float()
    made = followed(scene.frames.clamp(0, 1), masks, (0, LENGTH - 1), tmp_path)(0, LENGTH)
    assert overlap(made, masks)[1:-1].mean() > least


def test_in_a_render_what_turns_or_goes_behind_others_keeps_more_of_its_mask(footage, tmp_path):
    pattern = footage / "proxy_blender" / "frame.*.exr"
    passes, last = RenderPasses.find(pattern), 23
    index = torch.stack([passes.read(number, Pass.OBJECT)[0] for number in range(last + 1)]).round()
    index = index.view(last + 1, 1, *index.shape[-2:])
    with open_reader(pattern) as reader:
        frames = reader.read(0, last + 1)

    motion = estimated(frames)
    things = {"cube": index == 3, "ball": index == 4, "figure": (index >= 5) & (index <= 7)}
    kept, worst = {}, {}
    for name, thing in things.items():
        masks = thing.float()
        made = followed(frames, masks, (0, last), tmp_path / name, motion)(0, last + 1)
        kept[name], worst[name] = (float(of(overlap(made, masks)[1:-1])) for of in (torch.mean, torch.amin))
    assert kept["cube"] > 0.94
    assert kept["ball"] > 0.93
    assert kept["figure"] > 0.54
    assert worst["cube"] > 0.91
    assert worst["ball"] > 0.87
    assert worst["figure"] > 0.27


def test_beyond_the_painted_ones_it_goes_on(tmp_path):
    scene = drawn(3)
    masks = truth(scene)
    made = followed(scene.frames, masks, (10,), tmp_path)(0, LENGTH)
    assert torch.equal(made[10], masks[10])
    assert overlap(made, masks)[5:16].min() > 0.8


def test_it_does_not_cross_a_cut(tmp_path):
    one, two = drawn(3), drawn(8)
    frames, masks = torch.cat([one.frames[:12], two.frames[:12]]), torch.cat([truth(one)[:12], truth(two)[:12]])
    made = followed(frames, masks, (2, 21), tmp_path)(0, 24)
    assert overlap(made, masks).min() > 0.7
    assert overlap(made, masks)[12:].min() > 0.8


def test_however_it_is_asked_for_it_is_the_same_and_followed_once(tmp_path):
    scene = draw_scene(3, LENGTH, 72, 128)
    counted, asked = counting(scene)
    whole = followed(scene.frames, truth(scene), (4, 15), tmp_path / "whole", counted)(0, LENGTH)
    assert len(asked) == 4 + 2 * 10 + 5
    parts = followed(scene.frames, truth(scene), (4, 15), tmp_path / "parts", counted)
    asked.clear()
    assert torch.equal(parts(13, 18), whole[13:18])
    assert torch.equal(parts(0, 9), whole[0:9])
    assert torch.equal(parts(0, LENGTH), whole)
    assert len(asked) == 4 + 2 * 10 + 5


def test_threads_that_ask_at_once_get_the_same_and_follow_it_once(tmp_path):
    scene = draw_scene(3, LENGTH, 72, 128)
    counted, asked = counting(scene)
    first = followed(scene.frames, truth(scene), (4, 15), tmp_path, counted)
    others = [first.beside(Footage(TensorReader(scene.frames, Fraction(24)), (72, 128))) for _ in range(3)]
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda masks: masks(0, LENGTH), [first, *others]))
    assert all(torch.equal(one, made[0]) for one in made)
    assert len(asked) == 4 + 2 * 10 + 5


def test_a_job_on_several_devices_follows_each_stretch_once(tmp_path, model, monkeypatch):
    stretches: list[tuple[int, ...]] = []
    follow = FollowedMasks._follow

    def counted(self: FollowedMasks, *ends: int) -> None:
        stretches.append(ends)
        follow(self, *ends)

    monkeypatch.setattr(FollowedMasks, "_follow", counted)
    scene, moments = draw_scene(3, 12, 72, 128), ("0", "0:00.46")
    mask = tuple(
        f"{moment}={write(tmp_path / f'{n}.png', truth(scene)[n].expand(3, -1, -1))}"
        for n, moment in zip((0, 11), moments, strict=True)
    )
    settings = Settings(look="comic", codec=Codec.PNG, mask=mask, device="cpu,cpu", cuts=str(tmp_path / "cuts.txt"))
    (tmp_path / "cuts.txt").write_text("6")
    monkeypatch.setattr(model, "capabilities", replace(model.capabilities, masks=True))
    assert len(torch.cat(list(pipeline.restyle_frames(scene.frames, settings)))) == 12
    assert stretches == [(0, 11)]


def test_it_tells_how_many_frames_are_followed(tmp_path):
    told: list[tuple[int, int]] = []
    still = lambda *_: (torch.zeros(2, 16, 16), torch.zeros(2, 16, 16))  # noqa: E731
    footage = Footage(TensorReader(torch.zeros(9, 3, 16, 16), Fraction(24)), (16, 16))
    painted = [Keyframe(number, torch.ones(3, 16, 16)) for number in (0, 8)]
    FollowedMasks(painted, footage, still, tmp_path, lambda *how: told.append(how))(4, 5)
    assert told == [(done, 9) for done in range(3, 10)]


def test_no_more_of_the_clip_is_held_than_is_read_at_once(tmp_path, monkeypatch):
    held: list[int] = []
    read = Footage.read

    def counted(self, span):
        held.append(len(span))
        return read(self, span)

    monkeypatch.setattr(Footage, "read", counted)
    frames = torch.zeros(70, 3, 16, 16)
    still = lambda *_: (torch.zeros(2, 16, 16), torch.zeros(2, 16, 16))  # noqa: E731
    made = followed(frames, torch.ones(70, 1, 16, 16), (0, 69), tmp_path, still)(30, 31)
    assert float(made.mean()) == 1
    assert max(held) <= 16
    assert len(held) <= 12  # forth and back


def write(path: Path, picture: Tensor) -> str:
    cv2.imwrite(str(path), (picture.permute(1, 2, 0).flip(-1) * 255).round().byte().numpy())
    return str(path)


def test_a_job_takes_masks_of_moments_and_keeps_the_rest(tmp_path, model):
    scene = draw_scene(3, 12, 72, 128)
    clip = tmp_path / "clip"
    clip.mkdir()
    for number, frame in enumerate(scene.frames):
        write(clip / f"{number:03d}.png", frame)
    first, last = (write(tmp_path / f"mask{n}.png", truth(scene)[n].expand(3, -1, -1)) for n in (0, 11))
    plain = Settings(look="comic", codec=Codec.PNG, mask_feather=0)
    settings = replace(plain, mask=(f"0={first}", f"0:00.46={last}"))
    made = pipeline.restyle(clip, tmp_path / "out", settings).output
    with open_reader(made) as result, open_reader(clip) as source:
        changed = (result.read(0, 12) != source.read(0, 12)).any(dim=1, keepdim=True).float()
    assert overlap(changed, truth(scene)).min() > 0.75
    for mask, error, told in (
        ((f"0={first}", last), SettingsError, "The mask .* is not TIME=PICTURE"),
        ((first, last), SettingsError, "is not TIME=PICTURE"),
        ((f"9={first}",), SettingsError, "The mask .* lies beyond the end"),
        (("0=gone.png",), MediaError, "no file gone.png"),
        ((f"0={first}", f"0.001={last}"), SettingsError, "Two painted frames"),
    ):
        with pytest.raises(error, match=told):
            pipeline.restyle(clip, tmp_path / "other", replace(plain, mask=mask))
    with pytest.raises(SettingsError, match="empty list"):
        replace(plain, mask=())
