"""What the product is compared with does what it is said to do."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from benchmarks.steadiness import peers_ffmpeg
from benchmarks.steadiness.peers import PEERS, left_out
from benchmarks.steadiness.peers_ffmpeg import Filtered, Hqdn3d, Tmedian, Tmix, filtered
from benchmarks.steadiness.peers_join import BandFade, Fade, RandomBlend, affine_match, hard_cut, raised_cosine
from benchmarks.steadiness.peers_steady import MotionAverage, RecursiveBlend, ScreenedPoisson, Steady, solve_screened
from benchmarks.steadiness.trial import Clip, Method, Motion, Part, Trial
from consistency.metrics import detail
from consistency.warp import warp
from samples.scenes import Scene, draw_scene

SIZE = (60, 96)

needs_ffmpeg = pytest.mark.skipif(peers_ffmpeg.missing() is not None, reason=str(peers_ffmpeg.missing()))
each_peer = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=needs_ffmpeg) if isinstance(m, Filtered) else n for n, m in PEERS.items()]
)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return draw_scene(100, 11, *SIZE)


def trial_of(source: Tensor, motion: Motion, left: Tensor, right: Tensor, start: int = 4) -> Trial:
    clip = Clip("drawn", source, motion, torch.ones_like(source[:, :1]))
    return Trial(clip, "D3", "mid", (Part(0, left), Part(start, right)), (source,))


def still(source: Tensor) -> Motion:
    return Motion(torch.zeros_like(source[:, :2]), torch.zeros_like(source[:, :2]))


def moving(scene: Scene) -> Motion:
    return Motion(scene.flow_to_previous, scene.flow_to_next)


def noise(like: Tensor, seed: int = 0) -> Tensor:
    return torch.rand(like.shape, generator=torch.Generator().manual_seed(seed))


@each_peer
def test_every_peer_leaves_a_still_and_steady_clip_alone(name: str, scene: Scene) -> None:
    source = scene.frames[:1].expand(11, -1, -1, -1).contiguous()
    trial = trial_of(source, still(source), source[:7], source[4:])
    made = PEERS[name](trial, trial.clip.motion)
    assert made.shape == source.shape
    assert (made - source).abs().max() < 1.5 / 255


@each_peer
def test_every_peer_gives_each_frame_once_and_keeps_the_parts(name: str, scene: Scene) -> None:
    left, right = noise(scene.frames[:7], 1), noise(scene.frames[4:], 2)
    kept = left.clone(), right.clone()
    trial = trial_of(scene.frames, moving(scene), left, right)
    made = PEERS[name](trial, trial.clip.motion)
    assert made.shape == scene.frames.shape
    assert 0 <= made.min() <= made.max() <= 1
    assert torch.equal(left, kept[0])
    assert torch.equal(right, kept[1])


def test_the_hard_cut_does_nothing(scene: Scene) -> None:
    trial = trial_of(scene.frames, moving(scene), noise(scene.frames[:7], 1), noise(scene.frames[4:], 2))
    assert torch.equal(hard_cut(trial, trial.clip.motion), trial.flickering)


@pytest.mark.parametrize("fade", [Fade(), Fade(raised_cosine), BandFade()])
def test_fades_meet_in_the_middle_and_leave_the_rest(fade: Method, scene: Scene) -> None:
    left, right = noise(scene.frames[:7], 1), noise(scene.frames[4:], 2)
    made = fade(trial_of(scene.frames, moving(scene), left, right), moving(scene))
    assert torch.allclose(made[5], (left[5] + right[1]) / 2, atol=1e-6)
    assert torch.equal(made[:4], left[:4])
    assert torch.equal(made[7:], right[3:])
    assert (made[4] - left[4]).abs().mean() < (made[4] - right[0]).abs().mean()


def test_a_fade_of_one_band_is_a_linear_one_and_finer_bands_change_faster(scene: Scene) -> None:
    left, right = noise(scene.frames[:9], 1), noise(scene.frames[4:], 2)
    trial = trial_of(scene.frames, moving(scene), left, right)
    plain, banded = Fade()(trial, moving(scene)), BandFade()(trial, moving(scene))
    assert torch.allclose(BandFade(1)(trial, moving(scene)), plain, atol=1e-6)
    assert detail(banded[5:6] - left[5:6]).abs().mean() < 0.5 * detail(plain[5:6] - left[5:6]).abs().mean()


@pytest.mark.parametrize("join", [Fade(), Fade(raised_cosine, affine_match), BandFade(), RandomBlend()])
def test_parts_that_share_nothing_are_put_side_by_side(join: Method, scene: Scene) -> None:
    trial = trial_of(scene.frames, moving(scene), scene.frames[:4], scene.frames[4:])
    assert torch.equal(join(trial, moving(scene)), scene.frames)


def test_the_colour_match_undoes_gains_and_offsets(scene: Scene) -> None:
    calm = scene.frames * 0.5 + 0.25
    tinted = calm * torch.tensor([1.1, 0.9, 1.05]).view(3, 1, 1) + torch.tensor([-0.05, 0.04, 0.0]).view(3, 1, 1)
    assert torch.allclose(affine_match(tinted[4:], calm[4:7]), calm[4:], atol=1e-4)


def test_randomised_blending_leaves_the_left_as_often_as_it_says_and_for_good(scene: Scene) -> None:
    source = torch.zeros(7, 3, 200, 200)
    left, right = torch.zeros(5, 3, 200, 200), torch.ones(5, 3, 200, 200)
    trial = trial_of(source, still(source), left, right, start=2)
    made = RandomBlend(block=4)(trial, still(source))
    shares = made[2:5].mean(dim=(1, 2, 3))
    assert torch.allclose(shares, torch.tensor([1, 2, 3]) / 4, atol=0.05)
    assert (made.diff(dim=0) >= 0).all()
    assert torch.equal(made, RandomBlend(block=4)(trial, still(source)))


def test_screened_poisson_without_weight_gives_the_flickering_frames_back(scene: Scene) -> None:
    frames = noise(scene.frames)
    assert torch.allclose(ScreenedPoisson(0)(frames, scene.frames, moving(scene)), frames, atol=1e-6)


def test_screened_poisson_with_huge_weight_gives_the_past_carried_along() -> None:
    source = torch.full((3, 3, 24, 32), 0.5)
    motion = Motion(torch.full((3, 2, 24, 32), 1.0), torch.full((3, 2, 24, 32), -1.0))
    frames = noise(source)
    made = ScreenedPoisson(1e6)(frames, source, motion)
    carried = warp(made[:-1], motion.to_previous[1:])[0]
    assert torch.allclose(made[1:, :, :-1, :-1], carried[:, :, :-1, :-1], atol=1e-3)


def test_the_screened_solution_is_where_the_energy_is_least() -> None:
    weight, towards = noise(torch.empty(1, 12, 15)).double(), noise(torch.empty(3, 12, 15), 1).double() - 0.5
    weight[:, :, 5:] *= 1e-3

    def energy(x: Tensor) -> Tensor:
        slopes = x.diff(dim=-1).square().sum() + x.diff(dim=-2).square().sum()
        return slopes + (weight * (x - towards).square()).sum()

    x = solve_screened(weight, towards, exact=1e-8).requires_grad_()
    (slope,) = torch.autograd.grad(energy(x), x)
    assert slope.abs().max() < 1e-6


@pytest.mark.parametrize("steady", [RecursiveBlend(0.8, "bicubic"), MotionAverage(4, "bicubic"), ScreenedPoisson()])
def test_along_the_true_motion_flicker_goes_and_the_picture_stays(steady: Steady, scene: Scene) -> None:
    light = 0.1 * (noise(torch.empty(11, 1, 1, 1)) - 0.5)
    clean = scene.frames * 0.8 + 0.1
    made, seen = steady(clean + light, scene.frames, moving(scene)), scene.clean[1:]
    miss = ((made - clean)[1:].mean(dim=1, keepdim=True) * seen).sum(dim=(1, 2, 3)) / seen.sum(dim=(1, 2, 3))
    assert miss.diff().abs().mean() < 0.5 * light.diff(dim=0).abs().mean()
    off = (steady(clean, scene.frames, moving(scene)) - clean).abs().mean(dim=1, keepdim=True)
    assert (off * scene.clean).sum() / scene.clean.sum() < 1.5 / 255


def test_what_was_hidden_is_not_averaged_with_what_hid_it() -> None:
    source = torch.full((4, 3, 32, 48), 0.2)
    motion = still(source)
    for t in range(4):
        source[t, :, 8:24, 8 * t : 8 * t + 16] = 0.9
        motion.to_previous[t, 0, 8:24, 8 * t : 8 * t + 16] = -8 if t else 0
        motion.to_next[t, 0, 8:24, 8 * t : 8 * t + 16] = 8 if t < 3 else 0
    for steady in (MotionAverage(3), RecursiveBlend(0.9)):
        assert (steady(source, source, motion) - source).abs().max() < 1e-4


@needs_ffmpeg
def test_ffmpeg_gives_back_what_it_was_given(scene: Scene) -> None:
    assert (filtered(scene.frames, "null") - scene.frames).abs().mean() < 0.05 / 255


@needs_ffmpeg
def test_filters_in_time_are_not_late(scene: Scene) -> None:
    steps = torch.arange(11).div(20).view(-1, 1, 1, 1).expand_as(scene.frames).contiguous()
    for plain in (Tmix(), Tmedian()):
        assert (filtered(steps, plain.graph)[2:-2] - steps[2:-2]).abs().max() < 1 / 255


@needs_ffmpeg
def test_the_denoiser_does_not_blur_a_still_picture(scene: Scene) -> None:
    picture = scene.frames[:1].expand(5, -1, -1, -1).contiguous()
    assert (filtered(picture, Hqdn3d(20).graph) - picture).abs().mean() < 0.1 / 255


@needs_ffmpeg
def test_a_filter_that_ffmpeg_does_not_know_is_an_error_of_one_sentence(scene: Scene) -> None:
    with pytest.raises(RuntimeError, match="nosuchfilter"):
        filtered(scene.frames, "nosuchfilter")


def test_where_ffmpeg_is_missing_its_rows_are_left_out_and_it_is_said_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers_ffmpeg, "PROGRAM", "no-such-program")
    out = left_out()
    assert set(out) == {name for name, peer in PEERS.items() if isinstance(peer, Filtered)}
    assert all("apt install ffmpeg" in why for why in out.values())
    with pytest.raises(RuntimeError, match="not installed"):
        filtered(torch.zeros(1, 3, 4, 4), "null")
