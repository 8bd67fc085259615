"""Laws of the judge of looks: it tells pictures apart by palette and texture, and what it has seen is near."""

import torch

from benchmarks.looks import Judge, roughened, statistics

NOISE = torch.rand(40, 3, 32, 32, generator=torch.Generator().manual_seed(0))
KINDS = (NOISE, NOISE * torch.tensor([1.0, 0.5, 0.2]).view(3, 1, 1), torch.nn.functional.avg_pool2d(NOISE, 5, 1, 2))


def taught(described: torch.Tensor) -> Judge:
    looks = torch.arange(described.shape[1]).repeat(len(described))
    return Judge(described.flatten(0, 1), described.flatten(0, 1), looks)


def test_kinds_that_differ_in_colour_or_grain_are_told_apart():
    described = torch.stack([statistics(kind) for kind in KINDS], dim=1)
    judge = taught(described[:20])
    for number in range(len(KINDS)):
        assert (judge.names(described[20:, number]) == number).all()


def test_a_distance_is_nothing_to_itself_and_grows_on_the_way():
    described = torch.stack([statistics(kind) for kind in KINDS], dim=1)
    judge = taught(described)
    plain, tinted = (statistics(kind[:8]) for kind in KINDS[:2])
    half = statistics((KINDS[0][:8] + KINDS[1][:8]) / 2)
    assert (judge.distance(plain, plain) == 0).all()
    assert (judge.distance(half, tinted) < judge.distance(plain, tinted)).all()


def test_roughening_leaves_a_picture_that_is_nearly_the_same():
    rng = torch.Generator().manual_seed(0)
    smooth = torch.nn.functional.interpolate(NOISE[:1], (96, 96), mode="bicubic").clamp(0, 1)
    rough = roughened(smooth, rng)
    assert rough.shape == smooth.shape
    assert 0 <= float(rough.min()) <= float(rough.max()) <= 1
    assert 0.01 < float((rough - smooth).abs().mean()) < 0.15
