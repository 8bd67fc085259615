"""AnimateDiff behind the protocol, on a tiny model of the real classes: what it promises, and what would go wrong.

Each quiet failure of the library below it that we know of has its test here or beside it; the laws of all families are
in `conformance.py`.
"""

import math
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from torch import Tensor

from engine.diffusion import catalog
from engine.diffusion.animatediff import AnimateDiff
from engine.diffusion.controls import Steering
from engine.diffusion.sampling import levels
from engine.diffusion.setup import Setup
from engine.diffusion.stylizer import Chunk, Request, Styled, Stylizer
from engine.errors import ModelError, SettingsError
from engine.weights import Weighted
from engine.windows import Span
from tests.engine.diffusion import tiny_animatediff as tiny

LIBRARY: Any = diffusers
HEIGHT, WIDTH = 24, 40  # not multiples of what the UNet halves: odd latents work, too
REQUEST = Request("ink", strength=0.6, steps=3, controls={"depth": 1.0, "edges": 0.5})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.build(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def model(folder: Path) -> AnimateDiff:
    return load(folder)


def load(folder: Path) -> AnimateDiff:
    loaded = catalog.load(str(folder), "cpu")
    assert isinstance(loaded, AnimateDiff)
    return loaded


def chunk(model: Stylizer, frames: int, **changes: Any) -> Chunk:
    generator = torch.Generator().manual_seed(7)
    pictures = torch.rand(frames, 3, HEIGHT, WIDTH, generator=generator)
    noise = torch.randn(frames, *model.noise_shape(HEIGHT, WIDTH), generator=generator)
    maps = {name: torch.rand(frames, 1, HEIGHT, WIDTH, generator=generator) for name in tiny.CONTROLS}
    return Chunk(**{"frames": pictures, "noise": noise, "controls": maps, **changes})


def difference(a: Any, b: Any) -> float:
    return float((a.latents - b.latents).abs().max())


def test_the_motion_modules_themselves_break_beyond_their_limit(model: AnimateDiff, folder: Path) -> None:
    frames = tiny.WINDOW + 1
    sample = torch.randn(1, 8, frames, 3, 5)
    with pytest.raises(RuntimeError, match="must match the size"):
        model.unet(sample, 1, torch.randn(frames, 32, tiny.TEXT))
    assert model.window == tiny.WINDOW < catalog.find(str(folder)).window  # cut to what they can number


@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_one_window_equals_the_librarys_own_pipeline(model: AnimateDiff, folder: Path, guidance: float) -> None:
    """Same levels, several ControlNets with weights, hints through its own processor: the plain way to run it."""
    names, given = ["depth", "edges", "flow"], chunk(model, 5)
    nets = [LIBRARY.ControlNetModel.from_pretrained(folder, subfolder=f"controlnet_{name}") for name in names]
    sampler = LIBRARY.DDIMScheduler.from_pretrained(folder, subfolder="scheduler")
    sampler.set_timesteps(10)
    clean = model.autoencoder.encode(given.frames)
    start = sampler.add_noise(clean, given.noise, sampler.timesteps[-5:][:1])
    parts = {"vae": model.autoencoder.net, "text_encoder": model.sampler.text_encoder, "motion_adapter": None}
    plain = LIBRARY.AnimateDiffVideoToVideoControlNetPipeline(
        tokenizer=model.sampler.tokenizer, unet=model.unet, controlnet=nets, scheduler=sampler, **parts
    )
    plain.set_progress_bar_config(disable=True)
    expected = plain(
        prompt="ink",
        negative_prompt="",
        latents=start.transpose(0, 1)[None],
        conditioning_frames=[list(given.controls[name].expand(-1, 3, -1, -1)) for name in names],
        controlnet_conditioning_scale=[1.0, 0.5, 0.25],
        num_inference_steps=10,
        strength=0.5,
        guidance_scale=guidance,
        height=HEIGHT,
        width=WIDTH,
        output_type="latent",
    ).frames[0]
    controls = dict(zip(names, [1.0, 0.5, 0.25], strict=True))
    ours = model.restyle(given, Request("ink", strength=0.5, steps=5, guidance=guidance, controls=controls))
    torch.testing.assert_close(ours.latents, expected.transpose(0, 1), atol=1e-4, rtol=1e-4)


def test_hints_reach_the_nets_as_they_are_once_a_chunk(model: AnimateDiff) -> None:
    """Neither rescaled, nor resized, nor rounded to eight bits; one channel is shown as three."""
    seen: list[Tensor] = []
    given = chunk(model, 2 * tiny.WINDOW)
    hook = model.nets["depth"].encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model.restyle(given, REQUEST)
    hook.remove()
    assert torch.equal(torch.cat(seen), given.controls["depth"].expand(-1, 3, -1, -1))


def test_nothing_of_a_chunk_stays_in_the_model(model: AnimateDiff) -> None:
    """Or the next chunk would take more memory than the first: a run's denoiser holds the hints of all its frames."""
    denoisers: list[weakref.ref[Any]] = []
    hook = model.unet.register_forward_pre_hook(lambda *_: denoisers.append(weakref.ref(model.sampler.unet)))
    model.restyle(chunk(model, tiny.WINDOW), REQUEST)
    hook.remove()
    assert len(denoisers) == REQUEST.steps
    assert all(denoiser() is None for denoiser in denoisers)


def test_a_map_of_three_channels_passes_as_it_is(model: AnimateDiff) -> None:
    given = chunk(model, 2)
    three = {name: hint.expand(-1, 3, -1, -1) for name, hint in given.controls.items()}
    assert difference(model.restyle(given, REQUEST), model.restyle(replace(given, controls=three), REQUEST)) == 0


@pytest.mark.parametrize("control", tiny.CONTROLS)
def test_every_one_of_several_controls_counts(model: AnimateDiff, control: str) -> None:
    """The library drops nets beyond the number of weights, without a word."""
    every = dict.fromkeys(tiny.CONTROLS, 1.0)
    whole = model.restyle(chunk(model, 3), replace(REQUEST, controls=every))
    less = model.restyle(chunk(model, 3), replace(REQUEST, controls={**every, control: 0.5}))
    assert difference(whole, less) > 1e-3
    maps = chunk(model, 3).controls
    other = chunk(model, 3, controls={**maps, control: 1 - maps[control]})
    assert difference(whole, model.restyle(other, replace(REQUEST, controls=every))) > 2e-5


def test_a_weight_of_zero_is_no_control_and_costs_nothing(model: AnimateDiff) -> None:
    calls: list[object] = []
    hook = model.nets["flow"].net.register_forward_pre_hook(lambda *_: calls.append(1))
    without = model.restyle(chunk(model, 3), REQUEST)
    zero = model.restyle(chunk(model, 3), replace(REQUEST, controls={**REQUEST.controls, "flow": 0}))
    hook.remove()
    assert difference(without, zero) == 0
    assert not calls


def test_a_control_is_asked_at_the_steps_of_its_stretch_only(model: AnimateDiff) -> None:
    asked: list[int] = []
    done: list[int] = []
    hooks = (
        model.unet.register_forward_hook(lambda *_: done.append(1)),
        model.nets["edges"].net.register_forward_pre_hook(lambda *_: asked.append(len(done))),
    )
    model.restyle(chunk(model, 3), replace(REQUEST, steps=5, controls={"depth": 1.0, "edges": "0.5@0.4-0.8"}))
    for hook in hooks:
        hook.remove()
    assert asked == [2, 3]


def test_a_weight_in_stretches_is_what_their_steps_say(model: AnimateDiff) -> None:
    def styled(**controls: Weighted) -> Styled:
        return model.restyle(chunk(model, 3), replace(REQUEST, steps=4, controls=controls))

    always = styled(depth=1.0)
    assert difference(always, styled(depth=["1@0-0.5", "1@0.5-1"])) == 0
    assert difference(always, styled(depth="1@0-0.5")) > 1e-3
    assert difference(styled(depth="1@0-0.5"), styled(depth="1@0.5-1")) > 1e-3
    assert difference(styled(), styled(depth="0@0-0.5")) == 0


@pytest.mark.parametrize("at_once", [None, 3])
def test_what_a_net_adds_to_each_frame_is_weighed_by_itself(model: AnimateDiff, at_once: int | None) -> None:
    given, span = chunk(model, 5), Span(1, 5)
    latents, text = torch.randn(2, 8, 4, 3, 5), torch.randn(8, 32, tiny.TEXT)

    def added(*weights: float) -> list[Tensor]:
        steering = Steering.encode(model.nets, {"depth": (weights,)}, given.controls, 8, at_once)
        with torch.no_grad():
            down, middle = steering(0, span, latents, torch.tensor(5), text)
        assert down is not None
        assert middle is not None
        return [*down, middle]

    with torch.no_grad():
        timed, whole = added(2.0, 0.0, 1.0, 0.5, 0.3), added(*[1.0] * 5)
    weights = torch.tensor([0, 1, 0.5, 0.3] * 2).view(-1, 1, 1, 1)
    for one, other in zip(timed, whole, strict=True):
        assert torch.equal(one, other * weights)
        assert other.any()


def test_weights_may_be_whole_numbers_and_in_any_order(model: AnimateDiff) -> None:
    one = model.restyle(chunk(model, 3), replace(REQUEST, controls={"depth": 1.0, "edges": 1.0}))
    other = model.restyle(chunk(model, 3), replace(REQUEST, controls={"edges": 1, "depth": 1}))
    assert difference(one, other) == 0


@pytest.mark.parametrize("controls", [(), ("depth",)])
def test_a_model_with_one_control_or_none_works(tmp_path: Path, controls: tuple[str, ...]) -> None:
    model = load(tiny.build(tmp_path, controls=controls))
    assert model.capabilities.controls == set(controls)
    styled = model.restyle(chunk(model, 3), replace(REQUEST, controls=dict.fromkeys(controls, 1.0)))
    assert styled.frames.shape == (3, 3, HEIGHT, WIDTH)
    with pytest.raises(SettingsError, match=r"no control called .*edges"):
        model.check(REQUEST)


def test_the_shots_noise_is_the_noise_that_is_used(model: AnimateDiff) -> None:
    given = chunk(model, 3)
    plain = model.restyle(given, REQUEST)
    assert difference(plain, model.restyle(replace(given, noise=given.noise.flip(0)), REQUEST)) > 1e-3
    assert difference(plain, model.restyle(replace(given, seed=99), REQUEST)) == 0  # this sampler draws none


def test_exactly_as_many_steps_are_run_as_asked_for(model: AnimateDiff) -> None:
    calls: list[object] = []
    hook = model.unet.register_forward_pre_hook(lambda *_: calls.append(1))
    for steps, strength in [(5, 0.1), (1, 0.3), (7, 1.0)]:
        calls.clear()
        model.restyle(chunk(model, 2), replace(REQUEST, steps=steps, strength=strength))
        assert len(calls) == steps
    hook.remove()


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("frames", [5, 2 * tiny.WINDOW + 3])
def test_carried_latents_come_out_bit_by_bit_and_draw_the_rest_along(
    model: AnimateDiff, frames: int, guidance: float
) -> None:
    request = replace(REQUEST, guidance=guidance)
    free = model.restyle(chunk(model, frames), request)
    carried = free.latents[:3] + 0.5
    held = model.restyle(chunk(model, frames, carried=carried), request)
    assert torch.equal(held.latents[:3], carried)
    assert float((held.latents[3:] - free.latents[3:]).abs().max()) > 1e-3


def test_carried_frames_are_seen_at_the_level_of_each_step_under_the_shots_own_noise(model: AnimateDiff) -> None:
    given, seen = chunk(model, 5), list[Tensor]()
    carried = torch.full((2, *model.noise_shape(HEIGHT, WIDTH)), 0.7)
    hook = model.unet.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][0].transpose(0, 1)))
    model.restyle(replace(given, carried=carried), REQUEST)
    hook.remove()
    scheduler = model.sampler.scheduler
    for sample, level in zip(seen, levels(scheduler, REQUEST.steps, REQUEST.strength), strict=True):
        expected = scheduler.add_noise(carried, given.noise[:2], torch.tensor([level]))
        torch.testing.assert_close(sample[:2], expected)


def test_what_was_made_before_is_kept_when_it_is_carried(model: AnimateDiff) -> None:
    """Holding frames to what the model itself made of them moves the others little: noise and levels agree."""
    given = chunk(model, tiny.WINDOW)
    free = model.restyle(given, REQUEST)
    held = model.restyle(replace(given, carried=free.latents[:4]), REQUEST)
    foreign = model.restyle(replace(given, carried=free.latents[:4].flip(0, 2, 3) * -3), REQUEST)
    assert difference(held, free) < 0.5 * float((foreign.latents - free.latents)[4:].abs().max())


SAMPLERS = ["DDIMScheduler", "EulerDiscreteScheduler", "DPMSolverMultistepScheduler", "LCMScheduler", "TCDScheduler"]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # the library's, with NumPy 2
@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_runs_repeats_itself_and_holds_what_is_carried(
    tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tiny.build(tmp_path, controls=("depth", "edges"))
    settings = {"clip_sample": False} if name == "DDIMScheduler" else {}
    getattr(LIBRARY, name)(beta_schedule="linear", **settings).save_pretrained(folder / "scheduler")
    capfd.readouterr()
    model = load(folder)
    given = chunk(model, tiny.WINDOW + 2)
    one, two = model.restyle(given, REQUEST), model.restyle(given, REQUEST)
    assert torch.equal(one.latents, two.latents)
    held = model.restyle(replace(given, carried=one.latents[:2] * 0.5), REQUEST)
    assert torch.equal(held.latents[:2], one.latents[:2] * 0.5)
    drawn = difference(one, model.restyle(replace(given, seed=1), REQUEST))
    assert (drawn > 0) == (name == "LCMScheduler")  # the one that draws noise as it goes
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["AutoencoderKL", "AutoencoderTiny"])
def test_other_autoencoders_work_as_well(tmp_path: Path, kind: str) -> None:
    model = load(tiny.build(tmp_path, autoencoder=kind, controls=("depth", "edges")))
    styled = model.restyle(chunk(model, 3), REQUEST)
    assert styled.frames.shape == (3, 3, HEIGHT, WIDTH)
    assert model.noise_shape(HEIGHT, WIDTH) == (4, 3, 5)


def test_a_model_that_gives_no_numbers_is_an_error_not_a_black_picture(folder: Path) -> None:
    broken = load(folder)
    with torch.no_grad():
        broken.unet.conv_out.weight.fill_(math.nan)
    with pytest.raises(ModelError, match="not numbers"):
        broken.restyle(chunk(broken, 2), REQUEST)
    clipped = load(folder)
    with torch.no_grad():
        next(reversed(list(clipped.autoencoder.net.decoder.parameters()))).fill_(math.nan)
    with pytest.raises(ModelError, match="not numbers"):
        clipped.restyle(chunk(clipped, 2), REQUEST)


def test_frames_noise_and_maps_that_do_not_fit_are_refused(model: AnimateDiff) -> None:
    with pytest.raises(ValueError, match="multiples of 8, are 20 x 40"):
        model.restyle(Chunk(torch.rand(2, 3, 20, 40), torch.randn(2, 8, 3, 5)), replace(REQUEST, controls={}))
    with pytest.raises(ValueError, match="noise must be"):
        model.restyle(chunk(model, 2, noise=torch.randn(2, 4, 3, 5)), REQUEST)
    with pytest.raises(ValueError, match="noise must be"):
        model.restyle(chunk(model, 2, noise=torch.randn(1, 8, 3, 5)), REQUEST)
    with pytest.raises(ValueError, match="no control map for edges; there are maps for depth"):
        model.restyle(chunk(model, 2, controls={"depth": torch.rand(2, 1, HEIGHT, WIDTH)}), REQUEST)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize(("dtype", "near"), [(torch.float16, 0.01), (torch.bfloat16, 0.05)])
def test_half_precision_gives_nearly_the_same_and_holds_what_is_carried(
    folder: Path, model: AnimateDiff, guidance: float, dtype: torch.dtype, near: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU: the nets compute in half precision, autoencoder, levels and latents stay single."""
    monkeypatch.setattr(Setup, "of", lambda device: Setup(torch.device("cpu"), dtype))
    halved, request, given = load(folder), replace(REQUEST, guidance=guidance), chunk(model, tiny.WINDOW + 3)
    assert {net.dtype for net in (halved.unet, halved.sampler.text_encoder, halved.nets["depth"].net)} == {dtype}
    exact, coarse = model.restyle(given, request), halved.restyle(given, request)
    assert coarse.latents.dtype == coarse.frames.dtype == torch.float32
    assert 0 < float((coarse.latents - exact.latents).abs().mean()) < near * float(exact.latents.std())
    held = halved.restyle(replace(given, carried=exact.latents[:3]), request)
    assert torch.equal(held.latents[:3], exact.latents[:3])
