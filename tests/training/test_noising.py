"""What a denoiser is asked in training leads to the target, from noise, from the source and from its own steps."""

from __future__ import annotations

import torch
from torch import Tensor

from training.diffusion import build_scheduler
from training.noising import FEWEST_STEPS, LEVELS, MOST_STEPS, answered, noised_clip, noised_pair, rolled_out

ALPHAS = build_scheduler().alphas_cumprod
SHAPE = (4, 3, 5, 6)


def pair(seed: int) -> tuple[Tensor, Tensor, torch.Generator]:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(SHAPE, generator=rng), torch.randn(SHAPE, generator=rng), rng


def clean(noised: Tensor, times: Tensor, answer: Tensor) -> Tensor:
    alpha = ALPHAS[times].sqrt().view(-1, 1, 1, 1)
    made: Tensor = alpha * noised - (1 - ALPHAS[times]).sqrt().view(-1, 1, 1, 1) * answer
    return made


def test_the_wanted_answer_is_the_target() -> None:
    for seed in range(20):
        source, target, rng = pair(seed)
        noised, times, wanted, sigma = noised_pair(source, target, ALPHAS, rng)
        assert torch.allclose(clean(noised, times, wanted), target, atol=1e-4)
        assert torch.allclose(sigma, (1 - ALPHAS[times]).sqrt())
        noised, times, wanted, sigma = noised_clip(source, target, torch.randn(SHAPE, generator=rng), ALPHAS, rng)
        assert len(times) == 1
        assert torch.allclose(clean(noised, times, wanted), target, atol=1e-4)
        noised, times, wanted, sigma = rolled_out(source, target, ALPHAS, rng, lambda latents, _: latents)
        assert torch.allclose(clean(noised, times, wanted), target, atol=1e-4)
        assert torch.allclose(sigma, (1 - ALPHAS[times]).sqrt())


def true_answer(latents: Tensor, times: Tensor, target: Tensor) -> Tensor:
    alpha = ALPHAS[times].sqrt().view(-1, 1, 1, 1)
    wanted: Tensor = (alpha * latents - target) / (1 - ALPHAS[times]).sqrt().view(-1, 1, 1, 1)
    return wanted


def test_a_whole_job_by_true_answers_leads_to_the_target() -> None:
    counts = set()
    for seed in range(20):
        source, target, rng = pair(seed)
        asked: list[int] = []

        def answer(latents: Tensor, times: Tensor, target: Tensor = target, asked: list[int] = asked) -> Tensor:
            asked.append(int(times[0]))
            return true_answer(latents, times, target)

        assert torch.allclose(answered(source, ALPHAS, rng, answer), target, atol=1e-3)
        assert asked == sorted(asked, reverse=True)
        counts.add(len(asked))
    assert counts == set(range(FEWEST_STEPS, MOST_STEPS + 1))


def test_own_steps_by_true_answers_keep_the_noise_and_leave_the_source() -> None:
    after = 0
    for seed in range(40):
        source, target, rng = pair(seed)
        noise = torch.randn(SHAPE, generator=rng)
        asked: list[int] = []

        def answer(latents: Tensor, times: Tensor, target: Tensor = target, asked: list[int] = asked) -> Tensor:
            asked.append(int(times[0]))
            return true_answer(latents, times, target)

        noised, times, _, _ = rolled_out(source, target, ALPHAS, rng, answer, noise)
        first = asked[0] if asked else int(times[0])
        assert len(set(times.tolist())) == 1
        assert LEVELS * 0.37 <= first < LEVELS
        assert asked == sorted(asked, reverse=True)
        assert not asked or asked[-1] > int(times[0])
        alpha, sigma = ALPHAS[times[0]].sqrt(), (1 - ALPHAS[times[0]]).sqrt()
        if asked:
            # As noise stays what it was but for what the source and the target differ by, which had to go somewhere.
            start_alpha, start_sigma = ALPHAS[first].sqrt(), (1 - ALPHAS[first]).sqrt()
            left = noise + start_alpha / start_sigma * (source - target)
            assert torch.allclose(noised, alpha * target + sigma * left, atol=1e-3)
            after += 1
        else:
            assert torch.allclose(noised, alpha * source + sigma * noise, atol=1e-5)
    assert 5 < after < 40  # both kinds were seen
