"""Reference pictures on AnimateDiff: seen once, by the library's own way, worn only while they are asked for."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

from engine.diffusion import catalog, hub
from engine.diffusion.animatediff import AnimateDiff
from engine.diffusion.memory import ON_GPU
from engine.diffusion.setup import Setup
from engine.diffusion.stylizer import Reference, Request
from engine.errors import ModelError, SettingsError
from tests.engine.diffusion import tiny_sd15 as tiny
from tests.engine.diffusion.conformance import chunk, difference

LIBRARY: Any = diffusers
SIZE = (32, 40)
RED = Reference(torch.tensor([0.9, 0.2, 0.1]).view(3, 1, 1).expand(3, 24, 40) * torch.linspace(0.5, 1, 40))
BLUE = Reference(torch.tensor([0.1, 0.2, 0.9]).view(3, 1, 1).expand(3, 50, 30) * torch.linspace(1, 0.5, 30), 0.6)
REQUEST = Request("ink", strength=0.6, steps=2, guidance=3.0, controls={"depth": 1.0}, references=(RED,))
FILE = "ip_adapter/ip-adapter_sd15.safetensors"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.seeing(tiny.build(tmp_path_factory.mktemp("model"), controls=("depth",)))


@pytest.fixture(scope="module")
def model(folder: Path) -> AnimateDiff:
    return load(folder)


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """One to change."""
    return Path(shutil.copytree(folder, tmp_path / "model"))


def load(folder: Path | str) -> AnimateDiff:
    loaded = catalog.load(str(folder), "cpu")
    assert isinstance(loaded, AnimateDiff)
    return loaded


@pytest.mark.parametrize("guidance", [1.0, 4.0])
@pytest.mark.parametrize("resampler", [False, True], ids=["plain", "plus"])
def test_one_window_equals_the_librarys_own_pipeline(copy: Path, guidance: float, resampler: bool) -> None:
    """Two pictures, each with its weight, from PIL through its own processor: the plain way to run it."""
    model = load(tiny.seeing(copy, resampler))
    given = chunk(model, 5, SIZE)
    shown = torch.randint(0, 256, (2, 32, 32, 3), generator=torch.Generator().manual_seed(5)) / 255
    pictures = LIBRARY.image_processor.VaeImageProcessor.numpy_to_pil(shown.numpy())
    exact = tuple(Reference(one, weight) for one, weight in zip(shown.permute(0, 3, 1, 2), (1.0, 0.6), strict=True))
    sampler = LIBRARY.DDIMScheduler.from_pretrained(copy, subfolder="scheduler", timestep_spacing="trailing")
    sampler.set_timesteps(10)
    start = sampler.add_noise(model.autoencoder.encode(given.frames), given.noise, sampler.timesteps[-5:][:1])
    eye = CLIPVisionModelWithProjection.from_pretrained(copy / "image_encoder")
    net = LIBRARY.ControlNetModel.from_pretrained(copy, subfolder="controlnet_depth")
    plain = LIBRARY.AnimateDiffVideoToVideoControlNetPipeline(
        vae=model.autoencoder.net,
        text_encoder=model.sampler.text_encoder,
        tokenizer=model.sampler.tokenizer,
        unet=LIBRARY.UNet2DConditionModel.from_pretrained(copy, subfolder="unet"),
        motion_adapter=LIBRARY.MotionAdapter.from_pretrained(copy, subfolder="motion_adapter"),
        controlnet=net,
        scheduler=sampler,
        image_encoder=eye,
        feature_extractor=CLIPImageProcessor(size=32, crop_size=32),
    )
    plain.set_progress_bar_config(disable=True)
    where = {"subfolder": ["ip_adapter"] * 2, "weight_name": [Path(FILE).name] * 2}
    plain.load_ip_adapter([str(copy)] * 2, **where, low_cpu_mem_usage=False)
    plain.set_ip_adapter_scale([1.0, 0.6])
    expected = plain(
        prompt="ink",
        negative_prompt="",
        ip_adapter_image=pictures,
        latents=start.transpose(0, 1)[None],
        conditioning_frames=list(given.controls["depth"].expand(-1, 3, -1, -1)),
        controlnet_conditioning_scale=1.0,
        num_inference_steps=10,
        strength=0.5,
        guidance_scale=guidance,
        height=SIZE[0],
        width=SIZE[1],
        output_type="latent",
    ).frames[0]
    ours = model.restyle(given, replace(REQUEST, strength=0.5, steps=5, guidance=guidance, references=exact))
    torch.testing.assert_close(ours.latents, expected.transpose(0, 1), atol=5e-4, rtol=1e-3)


def test_weights_reach_the_attentions_that_they_were_trained_for(model: AnimateDiff) -> None:
    """By numbers, which count the attentions of the denoiser of still pictures; ours has motion modules between."""
    weights = load_file(model.checkpoint.place("ip_adapter") / Path(FILE).name)
    stills = [place for place, _ in tiny.seen_by(tiny.unet())]
    assert sorted(stills) == sorted(place for place, _ in tiny.seen_by(model.unet))
    with model.adapter.worn((RED,), guided=True):
        for number, place in enumerate(stills):
            worn = model.unet.get_submodule(place).processor.to_k_ip[0].weight
            assert torch.equal(worn, weights[f"ip_adapter.{2 * number + 1}.to_k_ip.weight"]), place


def test_every_window_sees_the_picture_beside_all_of_its_frames(model: AnimateDiff) -> None:
    seen: list[tuple[int, int, list[int]]] = []

    def look(_: object, inputs: tuple[Any, ...], options: dict[str, Any]) -> None:
        text, pictures = options["encoder_hidden_states"]
        seen.append((len(options["hidden_states"]), len(text), [len(one) for one in pictures]))

    hook = model.unet.down_blocks[0].register_forward_pre_hook(look, with_kwargs=True)
    model.restyle(chunk(model, 2 * tiny.WINDOW + 3, SIZE), replace(REQUEST, references=(RED, BLUE)))
    hook.remove()
    assert len(seen) >= 3 * REQUEST.steps
    assert all(pictures == [frames, frames] and text == frames for frames, text, pictures in seen)


def test_a_picture_is_seen_as_it_is_and_once_a_job(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library takes values of 0 to 1 for bytes, and would see nothing but black in any of them."""
    shown: list[Tensor] = []
    forward = CLIPVisionModelWithProjection.forward

    def look(self: Any, pixels: Tensor, **options: Any) -> Any:
        shown.append(pixels)
        return forward(self, pixels, **options)

    monkeypatch.setattr(CLIPVisionModelWithProjection, "forward", look)
    model = load(copy)
    request = replace(REQUEST, references=(Reference(torch.ones(3, 20, 20)),))
    model.check(request)
    for frames in (3, 5):
        again = (Reference(torch.ones(3, 20, 20), 0.7),)  # the same picture, loaded again
        model.restyle(chunk(model, frames, SIZE), replace(request, references=again))
    assert [tuple(pixels.shape) for pixels in shown] == [(1, 3, 32, 32)]
    white = (1 - torch.tensor([0.481, 0.458, 0.408])) / torch.tensor([0.269, 0.261, 0.276])
    torch.testing.assert_close(shown[0].mean(dim=(0, 2, 3)), white, atol=0.01, rtol=0.01)
    assert model.sampler.image_encoder is None  # nor does it stay


def test_the_picture_itself_counts_and_more_weight_does_more(model: AnimateDiff) -> None:
    given = chunk(model, 3, SIZE)
    none = model.restyle(given, replace(REQUEST, references=()))
    far = [
        difference(none, model.restyle(given, replace(REQUEST, references=(replace(RED, weight=weight),))))
        for weight in (0.1, 0.5, 1.0)
    ]
    assert 1e-4 < far[0] < far[1] < far[2]
    red, blue = (model.restyle(given, replace(REQUEST, references=(Reference(p.picture),))) for p in (RED, BLUE))
    assert difference(red, blue) > 1e-4


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_in_half_precision_all_of_it_is_and_gives_nearly_the_same(
    folder: Path, model: AnimateDiff, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Setup, "of", lambda device: Setup(torch.device("cpu"), dtype))
    halved, given = load(folder), chunk(model, 3, SIZE)
    exact, coarse = model.restyle(given, REQUEST), halved.restyle(given, REQUEST)
    assert {parameter.dtype for net in halved.adapter.nets for parameter in net.parameters()} == {dtype}
    assert float((coarse.latents - exact.latents).abs().mean()) < 0.06 * float(exact.latents.std())


def test_smaller_plans_for_memory_give_nearly_the_same_picture(folder: Path) -> None:
    model, given = load(folder), chunk(load(folder), 3, SIZE)
    model.memory.plans = tuple(plan for plan in ON_GPU if not plan.eight_bits)
    whole = model.restyle(given, REQUEST)
    while model.memory.spare():
        assert difference(model.restyle(given, REQUEST), whole) < 1e-3 * float(whole.latents.std())
    two = replace(REQUEST, references=(RED, BLUE))  # more pictures, when the UNet comes by layers already
    assert difference(model.restyle(given, two), whole) > 1e-4


def test_a_row_whose_adapter_is_not_here_says_how_to_fetch_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = {place.name: place for place in folder.iterdir() if place.is_dir()}
    monkeypatch.setattr(hub, "places", lambda row: dict(places))
    load("animatediff").check(REQUEST)
    del places["image_encoder"]
    model = load("animatediff")
    model.check(replace(REQUEST, references=()))
    with pytest.raises(ModelError, match=r"not here\. Fetch it: restyle models --pull animatediff$"):
        model.check(REQUEST)


def test_a_folder_without_one_takes_no_references(copy: Path) -> None:
    shutil.rmtree(copy / "ip_adapter")
    with pytest.raises(SettingsError, match=r"takes no reference pictures\. .*--palette"):
        load(copy).check(REQUEST)


def _more(weights: dict[str, Tensor]) -> None:
    for part in ("to_k_ip", "to_v_ip"):
        weights[f"ip_adapter.99.{part}.weight"] = torch.zeros(32, 12)


def _less(weights: dict[str, Tensor]) -> None:
    del weights["ip_adapter.1.to_k_ip.weight"]


def _wide(weights: dict[str, Tensor]) -> None:
    weights["image_proj.proj.weight"] = torch.zeros(48, 17)


def _foreign(weights: dict[str, Tensor]) -> None:
    weights.clear()
    weights["anything.weight"] = torch.zeros(2)


@pytest.mark.parametrize("change", [_more, _less, _wide, _foreign])
def test_an_adapter_that_does_not_fit_is_refused_before_any_frame(
    copy: Path, change: Callable[[dict[str, Tensor]], None]
) -> None:
    """For a larger model, broken, for another image encoder, none at all."""
    weights = load_file(copy / FILE)
    change(weights)
    save_file(weights, copy / FILE)
    model = load(copy)
    with pytest.raises(ModelError, match=r"The IP-Adapter .*ip-adapter_sd15\.safetensors does not fit") as refused:
        model.check(REQUEST)
    assert "\n" not in str(refused.value)
    model.restyle(chunk(model, 2, SIZE), replace(REQUEST, references=()))  # nothing of it has stayed


def test_a_damaged_encoder_and_a_folder_of_several_adapters_are_refused(copy: Path) -> None:
    shutil.copy(copy / FILE, copy / "ip_adapter" / "other.safetensors")
    with pytest.raises(ModelError, match="must hold one IP-Adapter in safetensors; it holds 2"):
        load(copy).check(REQUEST)
    (copy / "ip_adapter" / "other.safetensors").unlink()
    (copy / "image_encoder" / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(ModelError, match=r"image_encoder/model\.safetensors is damaged"):
        load(copy).check(REQUEST)
