"""Cosmos-Transfer2.5 behind the protocol, on a tiny model of the real classes; with it, what fails quietly below."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import diffusers
import pytest
import torch
from torch import Tensor

from engine.diffusion import catalog
from engine.diffusion.cosmos_transfer import KNOWN, KNOWN_LEVEL, CosmosTransfer
from engine.diffusion.flow_sampling import begin
from engine.diffusion.loading import Options
from engine.diffusion.stylizer import Request
from engine.errors import ModelError, SettingsError
from tests.engine.diffusion import conformance, fake_guardrail, tiny_wan
from tests.engine.diffusion import tiny_cosmos as tiny
from tests.engine.diffusion.conformance import REQUEST, SIZE, chunk
from tests.engine.diffusion.fake_guardrail import CosmosSafetyChecker

LIBRARY: Any = diffusers


@pytest.fixture(scope="module", autouse=True)
def guardrail() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        fake_guardrail.install(patch)
        yield


def load(folder: Path) -> CosmosTransfer:
    loaded = catalog.load(str(folder), "cpu")
    assert isinstance(loaded, CosmosTransfer)
    return loaded


folder = conformance.checkpoint(tiny.build)
model = conformance.loaded(load)


class TestCosmosTransfer(conformance.StylizerLaws):
    """Four controls, several at once, a chat for words, Karras levels."""

    size = SIZE
    request_ = replace(REQUEST, steps=2)
    dials: ClassVar[conformance.Changes] = {
        "prompt": {"prompt": "oil"},
        "negative prompt": {"negative_prompt": "blur"},
        "strength": {"strength": 0.4},
        "steps": {"steps": 3},
        "guidance": {"guidance": 6.0},
        "control": {"controls": {"depth": 0.5}},
        "a second control": {"controls": {"depth": 1.0, "canny": 1.0}},
        "control for a part of the steps": {"controls": {"depth": "1@0-0.5"}},
    }
    lacking: ClassVar[conformance.Refusals] = {
        "control": ({"controls": {"flow": 1.0}}, "no control called flow. It has: blur, canny, depth, seg"),
        "references": ({"references": (torch.zeros(3, 8, 8),)}, "takes no reference pictures"),
        "a negative prompt that does nothing": ({"negative_prompt": "x", "guidance": 1.0}, "does nothing"),
        "a long prompt": ({"prompt": "words " * 200}, "tokens, the model reads 512"),
        "a prompt that the guardrail refuses": ({"prompt": "gore"}, "NVIDIA's guardrail refuses the prompt 'gore'"),
    }

    @classmethod
    def build(cls, folder: Path) -> Path:
        return tiny.build(folder)

    @classmethod
    def load(cls, folder: Path) -> CosmosTransfer:
        return replace(load(folder), window=9)


class Passing(torch.nn.Module):
    """A guardrail as the library's pipeline wants it, for a model that has drawn nothing yet."""

    device, dtype = torch.device("cpu"), torch.float32

    def check_text_safety(self, _: str) -> bool:
        return True


@pytest.mark.parametrize("guidance", [1.0, 4.0])
@pytest.mark.parametrize("picture", [True, False])
@pytest.mark.filterwarnings("ignore:__array__ implementation")  # the library's sampler, of numbers that it does not use
def test_one_window_equals_the_librarys_own_pipeline(
    tmp_path: Path, guidance: float, picture: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All new, at the library's own levels; its guidance is counted from the answer with the prompt."""
    model = load(tiny.build(tmp_path, picture=picture, controls=("depth",)))
    given, steps = chunk(model, 9), 4
    encode = "diffusers.pipelines.cosmos.pipeline_cosmos2_5_transfer.retrieve_latents"
    monkeypatch.setattr(encode, lambda answer, *_, **__: answer.latent_dist.mode())  # the library draws at random
    begin(model.scheduler, steps, 1.0, torch.device("cpu"))
    first = float(model.scheduler.sigmas[0])
    plain = LIBRARY.Cosmos2_5_TransferPipeline(
        text_encoder=model.words.encoder,
        tokenizer=model.words.tokenizer,
        transformer=model.net,
        vae=model.autoencoder.net,
        scheduler=tiny.scheduler(),
        controlnet=model.controls["depth"],
        safety_checker=Passing(),
    )
    plain.set_progress_bar_config(disable=True)
    begun = torch.lerp(model.autoencoder.encode(given.frames), given.noise, first)
    expected = (
        plain(
            controls=(given.controls["depth"].expand(-1, 3, -1, -1)[None]),
            controls_conditioning_scale=0.7,
            prompt="ink",
            negative_prompt="blur",
            latents=begun.transpose(0, 1)[None],
            num_frames_per_chunk=9,
            num_inference_steps=steps,
            guidance_scale=guidance - 1 if guidance > 1 else 0.0,
            height=SIZE[0],
            width=SIZE[1],
            output_type="latent",
        )
        .frames[0]
        .transpose(0, 1)
    )
    avoid = "blur" if guidance > 1 else ""
    ours = model.restyle(given, Request("ink", 1.0, steps, guidance, avoid, controls={"depth": 0.7}))
    assert plain.scheduler.sigmas.tolist() == model.scheduler.sigmas.tolist()
    torch.testing.assert_close(ours.latents, expected, atol=2e-4, rtol=1e-3)


def test_levels_begin_at_the_strength_and_a_run_leaves_nothing_behind(model: CosmosTransfer) -> None:
    for strength, steps in ((0.5, 4), (1.0, 4), (0.8, 1), (0.5, 4)):
        begin(model.scheduler, steps, strength, torch.device("cpu"))
        sigmas = model.scheduler.sigmas
        assert len(sigmas) == steps + 1
        assert float(sigmas[0]) == pytest.approx(min(strength, 200 / 201), abs=1e-6)
        assert all(a > b for a, b in pairwise(sigmas))


def test_what_is_carried_is_told_as_known_as_far_as_the_model_has_learned_it(
    model: CosmosTransfer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a level of its own, with a mask; what is carried beyond that is held at each level all the same."""
    given = chunk(model, 17)
    free = model.restyle(given, REQUEST)
    carried = free.latents[:3] + 0.3
    told: list[dict[str, Tensor]] = []
    forward = model.net.forward

    def recorded(latents: Tensor, **rest: Any) -> Any:
        told.append({"latents": latents, **rest})
        return forward(latents, **rest)

    monkeypatch.setattr(model.net, "forward", recorded)
    held = model.restyle(replace(given, carried=carried), REQUEST)
    assert torch.equal(held.latents[:3], carried)
    for call in told:
        masks = call["condition_mask"][0, 0]
        assert masks[:KNOWN].eq(1).all()
        assert masks[KNOWN:].eq(0).all()
        assert call["timestep"][0, 0, :KNOWN].eq(KNOWN_LEVEL).all()
        torch.testing.assert_close(call["latents"][0, :, 1], carried[1])
        assert float((call["latents"][0, :, 2] - carried[2]).abs().max()) > 0.01  # under noise
    assert not torch.equal(told[0]["latents"][0, :, 2], told[-1]["latents"][0, :, 2])


def test_several_controls_add_up(model: CosmosTransfer) -> None:
    """One step from all noise, without guidance: twice the same control is one of twice the weight."""
    given = chunk(model, 5)
    twice = replace(given, controls=dict.fromkeys(("depth", "canny"), given.controls["depth"]))
    asked = Request("ink", strength=1.0, steps=1)
    net = model.controls["canny"]
    state = {name: weight.clone() for name, weight in net.state_dict().items()}
    net.load_state_dict(model.controls["depth"].state_dict())
    both = model.restyle(twice, replace(asked, controls={"depth": 0.5, "canny": 0.5}))
    one = model.restyle(given, replace(asked, controls={"depth": 1.0}))
    net.load_state_dict(state)
    torch.testing.assert_close(both.latents, one.latents, atol=1e-5, rtol=1e-4)


def test_only_the_controlnets_that_are_asked_for_are_loaded(folder: Path) -> None:
    fresh = load(folder)
    assert not fresh.controls.loaded
    fresh.check(replace(REQUEST, controls={"seg": 1.0, "blur": 0.0}))
    assert list(fresh.controls.loaded) == ["seg"]


def test_the_guardrail_sees_every_prompt_once_and_every_frame(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_guardrail.install(monkeypatch)
    model = load(folder)
    assert CosmosSafetyChecker.devices == [torch.device("cpu")]
    given = chunk(model, 9)
    plain = model.restyle(given, REQUEST)
    monkeypatch.setattr(CosmosSafetyChecker, "faces", (2, 7))
    changed = model.restyle(given, REQUEST)
    assert CosmosSafetyChecker.asked == ["ink"]
    assert CosmosSafetyChecker.seen == [9, 9]
    differs = (changed.frames != plain.frames).flatten(1).any(dim=1)
    assert differs.nonzero()[:, 0].tolist() == [2, 7]  # the others keep more than eight bits
    torch.testing.assert_close(changed.frames[2, :, :4, :4], 1 - plain.frames[2, :, :4, :4], atol=0.003, rtol=0)
    torch.testing.assert_close(changed.frames[:, :, 4:], plain.frames[:, :, 4:], atol=0.003, rtol=0)
    assert torch.equal(changed.latents, plain.latents)
    monkeypatch.setattr(CosmosSafetyChecker, "refuses", True)
    with pytest.raises(SettingsError, match="refuses what the model made"):
        model.restyle(given, REQUEST)


def test_without_the_guardrail_nothing_is_loaded_and_it_is_said_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "cosmos_guardrail")
    with pytest.raises(ModelError, match=r"its licence ends where that is left out\..*pip install cosmos_guardrail"):
        load(folder)
    fake_guardrail.install(monkeypatch)

    def nothing(_: object) -> None:
        raise OSError("no such files in the cache")

    monkeypatch.setattr(CosmosSafetyChecker, "__init__", nothing)
    with pytest.raises(ModelError, match=r"hf download nvidia/Cosmos-1\.0-Guardrail && hf download Qwen/Qwen3Guard"):
        load(folder)


def test_the_words_are_those_of_the_librarys_chat(model: CosmosTransfer) -> None:
    words = model.words.embed("ink")
    assert words.shape == (1, 512, tiny.TEXT * tiny.LAYERS)
    first = words[0, :, : tiny.TEXT]
    torch.testing.assert_close(first.mean(dim=-1), torch.zeros(512), atol=1e-5, rtol=0)
    torch.testing.assert_close(first.std(dim=-1), torch.ones(512), atol=1e-2, rtol=0)
    length = len(model.words.tokenizer("ink").input_ids)
    with pytest.raises(SettingsError, match="the model reads 512"):
        model.words.check("i" * (512 * length))


def test_pictures_beyond_its_places_are_refused(model: CosmosTransfer) -> None:
    """The library cuts its table of places short, and breaks in the middle of a run."""
    model.noise_shape(16 * 16, 16 * 16)
    with pytest.raises(SettingsError, match=r"at most 256 pixels a side, not 272x16. Ask for a smaller --size"):
        model.noise_shape(16, 272)


def test_other_models_of_the_kind_are_refused(tmp_path: Path) -> None:
    folder = tiny.build(tmp_path / "none", controls=())
    with pytest.raises(ModelError, match="it has no ControlNet, say controlnet_depth"):
        load(folder)
    folder = tiny.build(tmp_path / "many", controls=("depth",))
    tiny.controlnet(n_controlnet_blocks=3).save_pretrained(folder / "controlnet_depth")
    with pytest.raises(ModelError, match="adds to 3 blocks; the transformer expects 2"):
        load(folder).check(REQUEST)
    tiny.transformer(in_channels=tiny_wan.CHANNELS).save_pretrained(folder / "transformer")
    with pytest.raises(ModelError, match=r"is no Cosmos-Transfer2\.5: its transformer takes 4 channels, not 5"):
        load(folder)
    with pytest.raises(ModelError, match="takes no LoRAs"):
        catalog.load(str(folder), Options("cpu", loras={str(lora(tmp_path)): 1.0}))


def lora(folder: Path) -> Path:
    (folder / "ink.safetensors").touch()
    return folder / "ink.safetensors"


@pytest.mark.parametrize("changes", [{"prediction_type": "epsilon"}, {"sigma_max": None}])
def test_samplers_that_do_not_fit_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    folder = tiny.build(tmp_path, controls=("depth",))
    tiny.scheduler(**changes).save_pretrained(folder / "scheduler")
    with pytest.raises(ModelError, match="The scheduler's config"):
        load(folder)


def test_half_precision_holds_what_is_carried(folder: Path, model: CosmosTransfer) -> None:
    halved, given = load(folder), chunk(model, 13)
    halved.net.to(torch.bfloat16)
    halved.controls["depth"].to(torch.bfloat16)
    fine, coarse = model.restyle(given, REQUEST), halved.restyle(given, REQUEST)
    assert coarse.latents.dtype == coarse.frames.dtype == torch.float32
    assert 0 < float((coarse.latents - fine.latents).abs().mean()) < 0.05 * float(fine.latents.std())
    held = halved.restyle(replace(given, carried=fine.latents[:2]), REQUEST)
    assert torch.equal(held.latents[:2], fine.latents[:2])


def test_the_rows_of_the_catalogue_say_what_the_family_takes() -> None:
    rows = [row for row in catalog.rows() if row.family.module == "cosmos_transfer"]
    assert rows
    assert all(row.takes == CosmosTransfer.TAKES for row in rows)
    assert {part.component for part in rows[0].parts if part.optional} == {
        f"controlnet_{name}" for name in tiny.CONTROLS
    }
