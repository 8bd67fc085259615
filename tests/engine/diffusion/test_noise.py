"""Noise of a shot: white and Gaussian in every frame, and moving with the picture from frame to frame."""

import time

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor
from torch.nn import functional as F

from engine.diffusion.noise import ShotNoise

SHAPE = (16, 24, 40)
HEIGHT, WIDTH = SHAPE[1] * 8, SHAPE[2] * 8


def shift(x: float, y: float) -> Tensor:
    return torch.tensor([x, y]).view(2, 1, 1).expand(2, HEIGHT, WIDTH)


def swirl(turn: float, zoom: float) -> Tensor:
    rows, columns = torch.meshgrid(torch.arange(HEIGHT) - HEIGHT / 2, torch.arange(WIDTH) - WIDTH / 2, indexing="ij")
    return torch.stack([columns * zoom - rows * turn, rows * zoom + columns * turn])


def ragged(seed: int) -> Tensor:
    return 6 * torch.randn(2, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(seed))


def patches(seed: int) -> Tensor:
    """Where a flow holds: not in some ragged patches, half of the picture in all."""
    coarse = torch.randn(1, 1, 9, 15, generator=torch.Generator().manual_seed(seed))
    return (F.interpolate(coarse, (HEIGHT, WIDTH), mode="bilinear")[0] > 0).float()


def run(flows: list[Tensor], seed: int = 3, carried: float = 1.0, patchy: bool = False) -> list[Tensor]:
    noise = ShotNoise(seed, 0, SHAPE, carried)
    valid = [patches(number) if patchy else None for number in range(len(flows))]
    return [noise.advance(None), *map(noise.advance, flows, valid)]


def correlation(a: Tensor, b: Tensor) -> float:
    return float((a * b).mean() / (a.square().mean() * b.square().mean()).sqrt())


FLOWS = {
    "still": [shift(0, 0)] * 12,
    "slow": [shift(0.3, -0.2)] * 12,
    "fast": [shift(13.7, 5.1)] * 12,
    "zoom in": [swirl(0.01, -0.03)] * 12,
    "zoom out": [swirl(-0.02, 0.04)] * 12,
    "ragged": [ragged(seed) for seed in range(12)],
}


@pytest.mark.parametrize("flows", FLOWS.values(), ids=FLOWS)
@pytest.mark.parametrize(("carried", "patchy"), [(1.0, False), (0.6, False), (1.0, True)])
def test_every_frame_is_white_and_unit_gaussian_whatever_the_flow(
    flows: list[Tensor], carried: float, patchy: bool
) -> None:
    last = run(flows, carried=carried, patchy=patchy)[-1]
    bound = 5 / last.numel() ** 0.5  # five standard errors of a mean of independent unit variables
    assert abs(float(last.mean())) < bound
    assert abs(float(last.var()) - 1) < bound * 2**0.5
    assert abs(float((last**4).mean()) - 3) < bound * 96**0.5
    for dim in (0, 1, 2):
        for lag in (1, 2):
            here, there = last.narrow(dim, lag, last.shape[dim] - lag), last.narrow(dim, 0, last.shape[dim] - lag)
            assert abs(float((here * there).mean())) < bound * 1.2


def test_no_two_cells_of_a_frame_ever_share_a_sample() -> None:
    noise = ShotNoise(3, 0, SHAPE)
    for flow in [shift(0, 0), *FLOWS["zoom in"], *FLOWS["ragged"], *FLOWS["zoom out"]]:
        noise.advance(flow)
        assert len(set(rows(noise))) == noise.state()["samples"].shape[0]


@pytest.mark.parametrize(("pixels", "frames"), [(8.0, 1), (0.4, 20), (1.6, 5)])
def test_motion_adds_up_however_small_its_steps(pixels: float, frames: int) -> None:
    frames_of_noise = run([shift(-pixels, 0.0)] * frames)  # the picture moves right, by 8 pixels in all
    assert torch.equal(frames_of_noise[-1][:, :, 1:], frames_of_noise[0][:, :, :-1])


def test_noise_stays_where_nothing_moves() -> None:
    first, *_, last = run(FLOWS["still"])
    assert torch.equal(first, last)


def test_a_sample_stays_with_what_it_was_drawn_on() -> None:
    noise, turn, zoom, frames = ShotNoise(3, 0, SHAPE), 0.02, -0.01, 15
    noise.advance(None)
    drawn_as = {sample: cell for cell, sample in enumerate(rows(noise))}
    for _ in range(frames):
        noise.advance(swirl(turn, zoom))
    now_as = {sample: cell for cell, sample in enumerate(rows(noise))}
    shared = sorted(drawn_as.keys() & now_as.keys())
    back = (1 + zoom + 1j * turn) ** frames  # where the picture now at a place was first, around the centre
    errors = (place([drawn_as[s] for s in shared]) - place([now_as[s] for s in shared]) * back).abs()
    assert len(shared) > 0.35 * len(drawn_as)  # 15 frames later, with a third of the picture gone beyond the border
    assert float(errors.mean()) < 1.6  # cells; four make a latent
    assert float(errors.quantile(0.99)) < 5


def rows(noise: ShotNoise) -> list[bytes]:
    """The sample of each cell, all channels of it, as bytes: that takes a quarter of the time of floats."""
    return [sample.tobytes() for sample in noise.state()["samples"].numpy()]


def place(cells: list[int]) -> Tensor:
    """Positions from the centre, in cells of a quarter latent, as complex numbers."""
    index, columns, rows = torch.tensor(cells), SHAPE[2] * 4, SHAPE[1] * 4
    return torch.complex((index % columns).float() - columns / 2 + 0.5, (index // columns).float() - rows / 2 + 0.5)


def test_noise_is_fresh_where_the_flow_does_not_hold() -> None:
    noise = ShotNoise(3, 0, SHAPE)
    first = noise.advance(None)
    valid = torch.ones(1, HEIGHT, WIDTH)
    valid[..., : WIDTH // 2] = 0
    second = noise.advance(shift(0, 0), valid)
    assert abs(correlation(first[..., : SHAPE[2] // 2], second[..., : SHAPE[2] // 2])) < 0.05
    assert torch.equal(first[..., SHAPE[2] // 2 :], second[..., SHAPE[2] // 2 :])


def test_what_comes_into_view_takes_no_noise_off_what_hid_it() -> None:
    """An object moves a latent a frame over ground that stands still; the ground it leaves points at the object."""
    noise = ShotNoise(3, 0, SHAPE)
    before = noise.advance(None)
    for t in range(1, 20):
        flow, valid = torch.zeros(2, HEIGHT, WIDTH), torch.ones(1, HEIGHT, WIDTH)
        flow[0, 64:128, 8 * t : 8 * t + 64] = -8
        valid[:, 64:128, 8 * (t - 1) : 8 * t] = 0
        now = noise.advance(flow, valid)
        assert torch.equal(now[:, 8:16, t : t + 8], before[:, 8:16, t - 1 : t + 7])
        assert abs(correlation(now[:, 8:16, t - 1], before[:, 8:16, t - 1])) < 0.45  # 128 pairs, five standard errors
        before = now
    bound = 5 / before.numel() ** 0.5
    assert abs(float(before.mean())) < bound
    assert abs(float(before.var()) - 1) < bound * 2**0.5


def test_a_flow_that_is_not_a_number_is_not_followed() -> None:
    first, second = run([shift(float("nan"), float("inf"))])
    assert second.isfinite().all()
    assert abs(correlation(first, second)) < 0.05


@pytest.mark.parametrize("carried", [0.0, 0.3, 0.9])
def test_the_dial_is_the_share_that_is_carried(carried: float) -> None:
    first, second = run([shift(0, 0)], carried=carried)
    assert correlation(first, second) == pytest.approx(carried, abs=0.03)


def test_seed_and_shot_decide_all() -> None:
    flows = FLOWS["zoom in"]
    assert all(torch.equal(a, b) for a, b in zip(run(flows), run(flows), strict=True))
    assert abs(correlation(run(flows)[-1], run(flows, seed=4)[-1])) < 0.05
    assert abs(correlation(ShotNoise(3, 0, SHAPE).advance(None), ShotNoise(3, 1, SHAPE).advance(None))) < 0.05


def test_a_noise_resumed_from_its_saved_state_goes_on_bit_by_bit() -> None:
    noise = ShotNoise(2**63 - 1, 5, SHAPE, carried=0.7)
    for flow in [shift(0, 0), *FLOWS["zoom in"][:3]]:
        noise.advance(flow)
    resumed = ShotNoise.from_state(load(save(noise.state())))
    for flow in FLOWS["ragged"][:3]:
        assert torch.equal(noise.advance(flow), resumed.advance(flow))


def test_a_flow_that_does_not_fit_and_a_share_that_is_none_are_refused() -> None:
    noise = ShotNoise(0, 0, SHAPE)
    noise.advance(None)
    with pytest.raises(ValueError, match="does not fit"):
        noise.advance(torch.zeros(2, HEIGHT - 1, WIDTH))
    with pytest.raises(ValueError, match="carried"):
        ShotNoise(0, 0, SHAPE, carried=1.2)


def test_a_small_frame_takes_milliseconds() -> None:
    noise, flow = ShotNoise(0, 0, (32, 27, 48)), F.interpolate(swirl(0.01, -0.01)[None], (216, 384))[0]
    noise.advance(None)
    spent = []
    for _ in range(7):
        start = time.process_time()
        noise.advance(flow)
        spent.append(time.process_time() - start)
    assert min(spent) < 0.03  # 9 ms where it was written
