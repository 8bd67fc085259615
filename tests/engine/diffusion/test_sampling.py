"""Which noise levels a run visits, and that it ends at the picture."""

from typing import Any

import diffusers
import pytest
import torch

from engine.diffusion.flow_sampling import begin
from engine.diffusion.sampling import SCHEDULERS, StridedDDIM, check_scheduler, levels
from engine.errors import ModelError, SettingsError
from tests.engine.diffusion import tiny_wan
from tests.engine.diffusion.tiny_animatediff import scheduler

LIBRARY: Any = diffusers


@pytest.mark.parametrize("steps", [1, 2, 4, 5, 6, 7, 20, 50])
@pytest.mark.parametrize("strength", [0.06, 0.1, 0.33, 0.6, 0.97, 1.0])
def test_all_steps_are_run_at_any_strength_evenly_and_from_where_the_strength_says(steps: int, strength: float) -> None:
    visited = levels(scheduler(), steps, strength)
    assert len(visited) == steps
    assert {a - b for a, b in zip(visited, [*visited[1:], -1], strict=True)} == {visited[-1] + 1}
    assert visited[0] <= 999
    assert abs(visited[0] + 1 - 1000 * strength) <= steps / 2 + (strength == 1) * steps


def test_the_library_itself_would_run_no_step_at_all() -> None:
    steps, strength = 5, 0.1
    assert int(steps * strength) == 0  # its arithmetic; a crash, or the source unchanged
    assert levels(scheduler(), steps, strength) == [99, 79, 59, 39, 19]


@pytest.mark.parametrize(("steps", "strength"), [(50, 0.02), (3, 0.001), (1001, 1.0)])
def test_steps_that_do_not_fit_are_refused_with_what_works(steps: int, strength: float) -> None:
    with pytest.raises(SettingsError, match=r"do not fit into a strength of .* What works: "):
        levels(scheduler(), steps, strength)


def test_what_is_said_to_work_works() -> None:
    with pytest.raises(SettingsError, match=r"What works: 20 steps or fewer, or a strength of 0.05 or more\."):
        levels(scheduler(), 50, 0.02)
    assert levels(scheduler(), 20, 0.02)
    assert levels(scheduler(), 50, 0.05)


def test_a_distilled_model_is_kept_to_the_levels_it_knows() -> None:
    lcm = LIBRARY.LCMScheduler(original_inference_steps=50)
    for steps, strength in [(1, 1.0), (4, 1.0), (4, 0.6), (8, 0.5)]:
        assert all((level + 1) % 20 == 0 for level in levels(lcm, steps, strength))
    with pytest.raises(SettingsError, match="What works: 25 steps or fewer"):
        levels(lcm, 60, 0.5)


def restored(sampler: Any, steps: int, visited: list[int]) -> float:
    """The error that is left when a model that knows the truth is sampled: 0 where the steps reach the picture."""
    generator = torch.Generator().manual_seed(0)
    clean, noise = torch.randn(2, 4, 8, 8, generator=generator)
    latents = sampler.add_noise(clean, noise, torch.tensor(visited[:1]))
    off = 0.0
    for level, following in zip(visited, [*visited[1:], None], strict=True):
        alpha = sampler.alphas_cumprod[level].sqrt()
        sigma = (1 - sampler.alphas_cumprod[level]).sqrt()
        eps = (latents - alpha * clean) / sigma
        latents = sampler.step(alpha * eps - sigma * clean, level, latents).prev_sample
        wanted = clean if following is None else sampler.add_noise(clean, noise, torch.tensor([following]))
        off = max(off, float((latents - wanted).abs().max()))
    return off


@pytest.mark.parametrize("steps", [1, 3, 4, 6, 7, 8, 12, 30])
def test_each_step_reaches_the_next_level_and_the_last_one_the_picture(steps: int) -> None:
    ours = StridedDDIM.from_config(scheduler().config)
    visited = levels(ours, steps, 0.93)
    ours.set_timesteps(timesteps=visited)
    assert restored(ours, steps, visited) < 1e-4


def test_the_librarys_own_steps_leave_noise_in_the_picture() -> None:
    theirs = scheduler()
    theirs.set_timesteps(6)
    assert restored(theirs, 6, theirs.timesteps.tolist()) > 0.02


@pytest.mark.parametrize("setting", ["clip_sample", "thresholding"])
def test_a_scheduler_that_would_cut_off_latents_is_refused(setting: str) -> None:
    with pytest.raises(ModelError, match=f"{setting} on, which damages latents"):
        check_scheduler(scheduler(**{setting: True}))
    check_scheduler(scheduler())


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # the library's, with NumPy 2
def test_every_scheduler_takes_levels_of_our_choice() -> None:
    for kind in SCHEDULERS.values():
        one: Any = kind()
        visited = levels(one, 4, 0.6)
        one.set_timesteps(timesteps=visited, device="cpu")
        assert [round(float(level)) for level in one.timesteps] == visited


def test_levels_that_round_to_one_timestep_are_all_visited() -> None:
    """By its timestep alone the library takes the second of two for the first."""
    sampler = tiny_wan.scheduler()
    for begun, visited in ((True, 1), (False, 2)):
        begin(sampler, 30, 0.005, torch.device("cpu"))
        assert sampler.timesteps[0] == sampler.timesteps[1]
        if not begun:
            sampler._begin_index = None  # as the library leaves it
        latents = torch.zeros(1, 1, 1, 1)
        sampler.step(latents, sampler.timesteps[0], latents)
        assert sampler.step_index == visited
