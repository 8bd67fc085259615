"""LTX-2 behind the protocol, on a tiny model of the real classes; with it, what fails quietly below."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import diffusers
import pytest
import torch
from diffusers.pipelines.ltx2.pipeline_ltx2_ic_lora import LTX2ReferenceCondition
from torch import Tensor
from torch.nn import functional as F

from engine.diffusion import catalog
from engine.diffusion.loading import Options
from engine.diffusion.ltx2 import LTX2
from engine.diffusion.stylizer import Chunk, Request
from engine.errors import ModelError
from tests.engine.diffusion import conformance
from tests.engine.diffusion import tiny_ltx2 as tiny
from tests.engine.diffusion.conformance import REQUEST, SIZE, chunk

LIBRARY: Any = diffusers


def load(folder: Path, **options: Any) -> LTX2:
    loaded = catalog.load(str(folder), Options("cpu", **options))
    assert isinstance(loaded, LTX2)
    return replace(loaded, window=17)


folder = conformance.checkpoint(tiny.build)
model = conformance.loaded(load)


class TestLTX2(conformance.StylizerLaws):
    """One control at a time, each with a LoRA that is on while it is followed; eight frames a latent."""

    size = SIZE
    request_ = replace(REQUEST, steps=2)
    dials: ClassVar[conformance.Changes] = {
        "prompt": {"prompt": "oil"},
        "words to avoid": {"negative_prompt": "blur"},
        "strength": {"strength": 0.4},
        "all new": {"strength": 1.0},
        "steps": {"steps": 3},
        "guidance": {"guidance": 2.0},
        "no guidance": {"guidance": 1.0},
        "weight": {"controls": {"depth": 0.5}},
        "weight in the first half": {"controls": {"depth": "1@0-0.5"}},
        "other control": {"controls": {"canny": 1.0}},
    }
    lacking: ClassVar[conformance.Refusals] = {
        "control": ({"controls": {"flow": 1.0}}, "no control called flow. It has: canny, depth, openpose"),
        "several controls": ({"controls": {"depth": 1.0, "canny": 1.0}}, "one control at a time"),
        "references": ({"references": (torch.zeros(3, 8, 8),)}, "takes no reference pictures"),
        "a single step": ({"steps": 1}, "takes at least 2 steps"),
        "long prompt": ({"prompt": "a very long prompt " * 80}, r"prompt has \d+ tokens, the model reads 1024"),
        "words to avoid without guidance": ({"negative_prompt": "blur", "guidance": 1.0}, "does nothing"),
    }

    @classmethod
    def build(cls, folder: Path) -> Path:
        return tiny.build(folder)

    @classmethod
    def load(cls, folder: Path) -> LTX2:
        return load(folder)


def plain_pipeline(model: LTX2) -> Any:
    """The library's own, with the parts that it wants for sound."""
    audio = LIBRARY.AutoencoderKLLTX2Audio(
        base_channels=4,
        output_channels=2,
        ch_mult=(1,),
        num_res_blocks=1,
        in_channels=2,
        resolution=32,
        latent_channels=2,
        norm_type="pixel",
        causality_axis="height",
        mid_block_add_attention=False,
        mel_bins=8,
    )
    words: Any = model.words
    pipeline = LIBRARY.LTX2InContextPipeline(
        scheduler=tiny.scheduler(),
        vae=model.autoencoder.net,
        audio_vae=audio,
        text_encoder=words.encoder,
        tokenizer=words.tokenizer,
        connectors=words.connectors,
        transformer=model.net,
        vocoder=None,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.mark.parametrize(("later", "downscale"), [(False, 1), (True, 1), (True, 2)], ids=["2", "2.3", "2.3 half"])
@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_one_window_equals_the_librarys_own_pipeline(
    tmp_path: Path, guidance: float, later: bool, downscale: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All new, the control's LoRA on; the library lets pictures and sound see each other, unless it is told not to."""
    model = load(tiny.build(tmp_path, later=later, downscale=downscale))
    given = chunk(model, 17, (32, 64))
    latents = given.noise.shape[0] * given.noise.shape[2] * given.noise.shape[3]
    tokens = latents + latents // downscale**2
    drawn = torch.randn(1, tokens, tiny.CHANNELS, generator=torch.Generator().manual_seed(5))
    noise = drawn[0, :latents].view(*given.noise.permute(0, 2, 3, 1).shape).permute(0, 3, 1, 2).contiguous()
    model.controls["depth"]
    model.net.set_adapters(["depth"], [1.0])
    model.net.enable_lora()
    forward = model.net.forward
    shown = F.avg_pool2d(given.controls["depth"].expand(-1, 3, -1, -1), downscale)
    with monkeypatch.context() as patch:
        patch.setattr(model.net, "forward", lambda **asked: forward(**{**asked, "isolate_modalities": True}))
        expected = plain_pipeline(model)(
            prompt="ink",
            negative_prompt="blur",
            reference_conditions=[LTX2ReferenceCondition(shown[None])],
            reference_downscale_factor=downscale,
            num_frames=17,
            num_inference_steps=4,
            guidance_scale=guidance,
            stg_scale=0.0,
            modality_scale=1.0,
            guidance_rescale=0.0,
            height=32,
            width=64,
            generator=torch.Generator().manual_seed(5),
            output_type="latent",
        ).frames[0]
    avoid = "blur" if guidance > 1 else ""
    asked = Request("ink", 1.0, 4, guidance, avoid, controls={"depth": 1.0})
    ours = model.restyle(replace(given, noise=noise), asked).latents
    net = model.autoencoder.net
    mean, spread = (values.view(-1, 1, 1) for values in (net.latents_mean, net.latents_std))
    torch.testing.assert_close(ours * spread + mean, expected.transpose(0, 1), atol=2e-4, rtol=1e-3)


def test_what_is_carried_and_what_is_shown_are_told_as_clean(model: LTX2, monkeypatch: pytest.MonkeyPatch) -> None:
    given = chunk(model, 17)
    carried = model.restyle(given, REQUEST).latents[:2] + 0.3
    told: list[dict[str, Tensor]] = []
    forward = model.net.forward

    def recorded(**asked: Any) -> Any:
        told.append(asked)
        return forward(**asked)

    monkeypatch.setattr(model.net, "forward", recorded)
    held = model.restyle(replace(given, carried=carried), REQUEST)
    assert torch.equal(held.latents[:2], carried)
    a_latent = SIZE[0] * SIZE[1] // 64
    for call in told:
        times = call["timestep"][0].view(6, a_latent)
        assert times[[0, 1, 3, 4, 5]].eq(0).all()
        assert times[2].gt(0).all()
        assert torch.equal(call["video_coords"][:, :, : 3 * a_latent], call["video_coords"][:, :, 3 * a_latent :])
        second = call["hidden_states"][0, a_latent : 2 * a_latent].T.view_as(carried[1])
        torch.testing.assert_close(second, carried[1])


def test_a_control_is_shown_in_its_place_as_small_as_its_lora_learned_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The picture's width of 48 pixels is made up to two latents of 32."""
    model, told = load(tiny.build(tmp_path, controls=("depth",), downscale=4)), list[Tensor]()
    forward = model.net.forward

    def recorded(**asked: Any) -> Any:
        told.append(asked["video_coords"])
        return forward(**asked)

    monkeypatch.setattr(model.net, "forward", recorded)
    model.restyle(chunk(model, 9), REQUEST)
    _, down, right = told[0][0]
    assert len(down) == 2 * (4 * 6 + 2)
    assert down[-2:].tolist() == [[0, 32], [0, 32]]
    assert right[-2:].tolist() == [[0, 32], [32, 64]]


def test_a_weight_goes_evenly_from_no_control_to_all_of_it(tmp_path: Path) -> None:
    """One step from all noise: the answer itself. Levels that end short of the picture allow no single step."""
    folder = tiny.build(tmp_path)
    tiny.scheduler(shift_terminal=None).save_pretrained(folder / "scheduler")
    model = load(folder)
    given, asked = chunk(model, 9), replace(REQUEST, steps=1, strength=1.0, guidance=1.0)
    none, half, whole = (
        model.restyle(given, replace(asked, controls={"depth": weight})).latents for weight in (0.0, 0.5, 1.0)
    )
    assert float((whole - none).abs().max()) > 1e-3
    torch.testing.assert_close(half, (none + whole) / 2, atol=1e-5, rtol=1e-4)


def test_without_a_control_its_lora_is_as_if_it_were_not_there(folder: Path, tmp_path: Path, model: LTX2) -> None:
    bare, given = load(tiny.build(tmp_path, controls=())), chunk(model, 17)
    model.restyle(given, REQUEST)  # loads a LoRA
    none = replace(REQUEST, controls={})
    assert torch.equal(bare.restyle(replace(given, controls={}), none).latents, model.restyle(given, none).latents)
    assert not bare.defaults.controls
    assert model.defaults.controls == {"depth": 1.0}


def test_a_lora_of_ones_own_works_beside_a_controls(folder: Path, tmp_path: Path, model: LTX2) -> None:
    own = tiny.lora(tmp_path / "ink.safetensors")
    changed, given = load(folder, loras={str(own): 0.7}), chunk(model, 9)
    with_control, without = (changed.restyle(given, replace(REQUEST, controls=c)) for c in (REQUEST.controls, {}))
    assert conformance.difference(model.restyle(given, REQUEST), with_control) > 1e-3
    assert conformance.difference(model.restyle(given, replace(REQUEST, controls={})), without) > 1e-3
    assert conformance.difference(with_control, without) > 1e-3


def test_levels_follow_from_what_a_window_sees_and_not_from_a_chunks_length(model: LTX2) -> None:
    """A shorter chunk at the end of a shot is denoised over the levels of those before it."""
    levels = []
    for frames in (9, 17, 33):
        model.restyle(chunk(model, frames), REQUEST)
        levels.append(model.scheduler.sigmas.tolist())
    assert levels[0] == levels[1] == levels[2]
    assert levels[0][-2] == pytest.approx(0.1)
    model.restyle(chunk(model, 9), replace(REQUEST, controls={}))
    assert model.scheduler.sigmas.tolist() != levels[0]


@pytest.mark.parametrize("before", [1, 2])
def test_frames_behind_those_before_them_go_on_from_them(model: LTX2, before: int) -> None:
    row = torch.randn(5, *model.noise_shape(*SIZE), generator=torch.Generator().manual_seed(2))
    whole = model.autoencoder.decode(row)
    behind = model.autoencoder.decode(row[before:], row[:before])
    torch.testing.assert_close(behind, whole[-len(behind) :])
    assert len(behind) == 8 * (4 - before) + 1


@pytest.mark.parametrize("frames", [8, 10, 16])
def test_a_length_that_would_lose_frames_is_refused(model: LTX2, frames: int) -> None:
    with pytest.raises(ValueError, match=r"8k \+ 1"):
        model.restyle(Chunk(torch.rand(frames, 3, *SIZE), torch.randn(2, *model.noise_shape(*SIZE))), REQUEST)
    with pytest.raises(ValueError, match=r"8k \+ 1"):
        model.autoencoder.encode(torch.rand(frames, 3, *SIZE))


def test_loras_of_controls_that_do_not_fit_are_refused_when_they_are_asked_for(tmp_path: Path) -> None:
    folder = tiny.build(tmp_path, controls=("depth", "canny"))
    tiny.lora(folder / "iclora_depth" / "ltx-2-ic-lora-depth-control.safetensors", blocks=3)
    model = load(folder)
    with pytest.raises(ModelError, match="48 of its 144 weights have no place in it"):
        model.check(REQUEST)
    tiny.lora(folder / "iclora_canny" / "another.safetensors")
    with pytest.raises(ModelError, match="holds 2 safetensors files; it must hold one LoRA"):
        model.check(replace(REQUEST, controls={"canny": 1.0}))
    tiny.lora(folder / "iclora_depth" / "ltx-2-ic-lora-depth-control.safetensors", downscale=1.5)
    with pytest.raises(ModelError, match=r"wants control videos 1\.5 times smaller; what works here is 1 to 8 times"):
        load(folder).check(REQUEST)


def test_other_models_of_the_kind_are_refused(tmp_path: Path) -> None:
    folder = tiny.build(tmp_path, controls=())
    tiny.transformer(use_keyframes_abs_pos_embedding=True).save_pretrained(folder / "transformer")
    with pytest.raises(ModelError, match=r"is neither LTX-2 nor 2\.3"):
        load(folder)
    tiny.transformer(in_channels=8).save_pretrained(folder / "transformer")
    with pytest.raises(ModelError, match="takes latents of 8 channels, the autoencoder makes 4"):
        load(folder)
    tiny.transformer().save_pretrained(folder / "transformer")
    tiny.connectors(video_connector_num_learnable_registers=None).save_pretrained(folder / "connectors")
    with pytest.raises(ModelError, match="have no registers"):
        load(folder)
    tiny.autoencoder(decoder_inject_noise=(True,) * 4).save_pretrained(folder / "vae")
    with pytest.raises(ModelError, match="draws noise or levels while it decodes"):
        load(folder)


def test_half_precision_holds_what_is_carried(folder: Path, model: LTX2) -> None:
    halved, given = load(folder), chunk(model, 17)
    halved.check(REQUEST)
    halved.net.to(torch.bfloat16)
    fine, coarse = model.restyle(given, REQUEST), halved.restyle(given, REQUEST)
    assert coarse.latents.dtype == coarse.frames.dtype == torch.float32
    assert 0 < float((coarse.latents - fine.latents).abs().mean()) < 0.05 * float(fine.latents.std())
    held = halved.restyle(replace(given, carried=fine.latents[:2]), REQUEST)
    assert torch.equal(held.latents[:2], fine.latents[:2])


def test_the_rows_of_the_catalogue_say_what_the_family_takes() -> None:
    rows = [row for row in catalog.rows() if row.family.module == "ltx2"]
    assert rows
    assert all(row.takes == LTX2.TAKES for row in rows)
    for row in rows:
        optional = {part.component for part in row.parts if part.optional}
        assert optional == {f"iclora_{name}" for name in tiny.CONTROLS}
    newer = next(row for row in rows if row.name == "ltx-2.3-22b")
    assert newer.size == pytest.approx(sum(part.size for part in newer.parts) - 2 * 0.65)  # one LoRA, fetched once
