"""Wan VACE behind the protocol, on a tiny model of the real classes: what its family promises beyond the common laws.

Each quiet failure of the library below it that we know of has its test here.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from peft import LoraConfig, get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.diffusion import catalog, wan_vace
from engine.diffusion.checkpoint import Checkpoint
from engine.diffusion.flow_sampling import load_flow_scheduler
from engine.diffusion.loading import Options
from engine.diffusion.setup import Setup
from engine.diffusion.stylizer import Chunk, Reference, Request
from engine.diffusion.vace import DRAWN
from engine.diffusion.wan_vace import WanVace
from engine.errors import ModelError
from tests.engine.diffusion import conformance, tiny_wan
from tests.engine.diffusion.conformance import REQUEST, SIZE, chunk

LIBRARY: Any = diffusers


def load(folder: Path) -> WanVace:
    loaded = catalog.load(str(folder), "cpu")
    assert isinstance(loaded, WanVace)
    return loaded


folder = conformance.checkpoint(tiny_wan.build)
model = conformance.loaded(load)


def plain_pipeline(model: WanVace) -> Any:
    parts = {"vae": model.autoencoder.net, "text_encoder": model.words.encoder, "tokenizer": model.words.tokenizer}
    nets = dict(zip(("transformer", "transformer_2"), model.experts.nets, strict=False))
    boundary = model.experts.boundary / 1000 if len(nets) > 1 else None
    pipeline = LIBRARY.WanVACEPipeline(**parts, **nets, scheduler=tiny_wan.scheduler(), boundary_ratio=boundary)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.mark.parametrize("guidance", [1.0, 4.0])
@pytest.mark.parametrize("experts", [1, 2])
def test_one_window_equals_the_librarys_own_pipeline(tmp_path: Path, guidance: float, experts: int) -> None:
    """All new, one control at half weight: the plain way to run it. Of two experts each is asked its own levels."""
    model = load(tiny_wan.build(tmp_path, experts=experts, boundary=0.7))
    given = chunk(model, 9)
    clean = model.autoencoder.encode(given.frames)
    expected = plain_pipeline(model)(
        video=given.controls["depth"].expand(-1, 3, -1, -1)[None],
        prompt_embeds=model.words.embed("ink"),
        negative_prompt_embeds=model.words.embed("blur"),
        latents=(clean * 1e-6 + given.noise * (1 - 1e-6)).transpose(0, 1)[None],
        conditioning_scale=0.5,
        num_inference_steps=5,
        num_frames=9,
        guidance_scale=guidance,
        height=SIZE[0],
        width=SIZE[1],
        output_type="latent",
    ).frames[0]
    avoid = "blur" if guidance > 1 else ""
    ours = model.restyle(given, Request("ink", 1.0, 5, guidance, avoid, controls={"depth": 0.5}))
    torch.testing.assert_close(ours.latents, expected.transpose(0, 1), atol=2e-5, rtol=1e-4)


def test_words_are_read_as_the_library_reads_them(model: WanVace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which needs ftfy for it and dies of a NameError without: here it is not asked."""
    monkeypatch.setitem(sys.modules, "ftfy", None)
    ours = model.words.embed("  dark &amp; wet \n ink")
    library = plain_pipeline(model)
    monkeypatch.setattr("diffusers.pipelines.wan.pipeline_wan_vace.prompt_clean", lambda text: text)
    expected = library._get_t5_prompt_embeds("dark & wet ink", max_sequence_length=512)
    assert torch.equal(ours, expected)
    assert not ours[0, len(model.words.tokenizer("dark & wet ink").input_ids) :].any()


def test_each_prompt_is_read_once(model: WanVace) -> None:
    calls: list[object] = []
    hook = model.words.encoder.register_forward_pre_hook(lambda *_: calls.append(1))
    for _ in range(3):
        model.restyle(chunk(model, 5), replace(REQUEST, prompt="once", negative_prompt="twice"))
    hook.remove()
    assert len(calls) == 2


@pytest.mark.parametrize("frames", [4, 6, 8, 80])
def test_a_length_that_would_lose_frames_is_refused(model: WanVace, frames: int) -> None:
    """The library rounds it down with a warning, and its autoencoder drops the end without one."""
    lost = model.autoencoder.net.encode(torch.zeros(1, 3, frames, 16, 16)).latent_dist.mode()
    assert lost.shape[2] == 1 + (frames - 1) // 4 < model.rule.latents(frames) + (frames % 4 == 1)
    with pytest.raises(ValueError, match=r"4k \+ 1"):
        model.restyle(Chunk(torch.rand(frames, 3, *SIZE), torch.randn(2, *model.noise_shape(*SIZE))), REQUEST)
    with pytest.raises(ValueError, match=r"4k \+ 1"):
        model.autoencoder.encode(torch.rand(frames, 3, *SIZE))


def test_a_control_of_another_size_is_refused_where_the_transformer_would_take_it(model: WanVace) -> None:
    """It pads the missing tokens with zeros, so that what remains lands in the wrong places."""
    net, latents = model.experts.nets[0], torch.randn(1, tiny_wan.CHANNELS, 3, 4, 6)
    words, context = model.words.embed("ink"), torch.randn(1, net.config.vace_in_channels, 3, 2, 6)
    assert net(latents, torch.tensor([500]), words, control_hidden_states=context)[0].shape == latents.shape
    short = context[0].transpose(0, 1)
    with pytest.raises(ValueError, match="does not fit"):
        model.experts(torch.tensor(500), latents[0].transpose(0, 1), words, short, torch.ones(3, 1, 2, 3))
    with pytest.raises(ValueError, match="control depth must be"):
        chunk(model, 9, controls={"depth": torch.rand(9, 1, 16, 48)})


def test_sides_and_noise_that_do_not_fit_are_refused(model: WanVace) -> None:
    with pytest.raises(ValueError, match="multiples of 16"):
        model.restyle(Chunk(torch.rand(5, 3, 24, 48), torch.randn(2, 4, 3, 6)), replace(REQUEST, controls={}))
    with pytest.raises(ValueError, match="noise must be"):
        model.restyle(chunk(model, 9, noise=torch.randn(2, *model.noise_shape(*SIZE))), REQUEST)
    with pytest.raises(ValueError, match="no control map for depth; there are maps for none"):
        model.restyle(chunk(model, 9, controls={}), REQUEST)


def contexts(model: WanVace) -> tuple[list[Tensor], Any]:
    seen: list[Tensor] = []

    def note(_: object, __: object, given: dict[str, Tensor]) -> None:
        seen.append(given["control_hidden_states"][0].transpose(0, 1))

    return seen, model.experts.nets[0].register_forward_pre_hook(note, with_kwargs=True)


def test_what_is_carried_is_told_as_known_and_the_rest_as_to_be_made(model: WanVace) -> None:
    """Two carried latents are five frames. The library's own count of the mask has the second made anew."""
    given = chunk(model, 17)
    carried = torch.full((2, *model.noise_shape(*SIZE)), 0.3)
    seen, hook = contexts(model)
    held = model.restyle(replace(given, carried=carried), REQUEST)
    hook.remove()
    mask = seen[0][:, 2 * tiny_wan.CHANNELS :]
    assert mask.flatten(1).amax(1).tolist() == mask.flatten(1).amin(1).tolist() == [0, 0, 1, 1, 1]
    told = 0.98 * carried[1] + 0.02 * given.noise[1]  # lightly under the shot's own noise, the same at every step
    assert len(seen) == 2 * REQUEST.steps
    for context in seen:
        torch.testing.assert_close(context[1, : tiny_wan.CHANNELS], told)
    assert torch.equal(held.latents[:2], carried)
    pixels = torch.ones(1, 3, 17, *SIZE)
    pixels[:, :, :5] = 0
    plain = plain_pipeline(model).prepare_masks(pixels, [[]])
    assert plain[0].transpose(0, 1).flatten(1).amax(1).tolist() == [0, 1, 1, 1, 1]


def test_references_are_told_as_the_library_tells_them_in_front_of_every_window(model: WanVace) -> None:
    given, short = chunk(model, 17), replace(model, window=9)
    red, blue = torch.rand(3, *SIZE), torch.rand(3, *SIZE)
    seen, hook = contexts(model)
    styled = short.restyle(given, replace(REQUEST, guidance=1.0, steps=1, references=(Reference(red), Reference(blue))))
    hook.remove()
    plain = plain_pipeline(model)
    video = given.controls["depth"].expand(-1, 3, -1, -1).transpose(0, 1)[None] * 2 - 1
    pictures = [[picture * 2 - 1 for picture in (red, blue)]]
    expected = plain.prepare_video_latents(video, torch.ones_like(video), pictures, None, torch.device("cpu"))[0]
    mask = plain.prepare_masks(torch.ones_like(video), pictures)[0]
    expected = torch.cat([expected, mask]).transpose(0, 1)
    assert len(seen) > 1
    torch.testing.assert_close(torch.cat([seen[0][:2].flip(0), *(window[2:] for window in seen)]), expected)
    assert all(torch.equal(window[:2], seen[0][:2]) for window in seen)
    assert len(styled.latents) == 5
    assert len(styled.frames) == 17


def test_a_reference_of_another_shape_is_shown_whole_on_white(model: WanVace) -> None:
    seen, hook = contexts(model)
    model.restyle(chunk(model, 5), replace(REQUEST, references=(Reference(torch.zeros(3, 10, 30)),)))
    hook.remove()
    canvas = torch.ones(1, 3, *SIZE)
    canvas[:, :, 8:24] = 0
    torch.testing.assert_close(seen[0][0, : tiny_wan.CHANNELS], model.autoencoder.encode(canvas)[0])


def test_carried_latents_come_out_bit_by_bit_behind_references(model: WanVace) -> None:
    given, request = chunk(model, 17), replace(REQUEST, references=(Reference(torch.rand(3, 16, 16)),))
    carried = torch.full((2, *model.noise_shape(*SIZE)), 0.3)
    held = model.restyle(replace(given, carried=carried), request)
    assert torch.equal(held.latents[:2], carried)
    assert conformance.difference(held, model.restyle(replace(given, carried=carried), REQUEST)) > 1e-4


def test_the_first_kept_latent_is_shown_as_a_first_frame(model: WanVace) -> None:
    """The carried one stands for four frames; what it is a first frame of is its last, so that one is shown alone."""
    given, carried = chunk(model, 17), torch.randn(3, *model.noise_shape(*SIZE)) * 0.5
    seen, hook = contexts(model)
    model.restyle(replace(given, carried=carried, before=carried.flip(0)), REQUEST)
    hook.remove()
    alone = model.autoencoder.decode(carried, carried.flip(0))[:1]
    first = 0.98 * model.autoencoder.encode(alone)[0] + 0.02 * given.noise[0]
    torch.testing.assert_close(seen[0][0, : tiny_wan.CHANNELS], first)


def test_carried_latents_are_seen_at_each_level_under_their_own_noise(model: WanVace) -> None:
    given, carried = chunk(model, 13), torch.full((2, *model.noise_shape(*SIZE)), 0.7)
    seen: list[Tensor] = []

    def note(_: object, __: object, told: dict[str, Tensor]) -> None:
        seen.append(told["hidden_states"][0].transpose(0, 1))

    hook = model.experts.nets[0].register_forward_pre_hook(note, with_kwargs=True)
    model.restyle(replace(given, carried=carried), replace(REQUEST, guidance=1.0))
    hook.remove()
    assert len(seen) == REQUEST.steps
    for latents, sigma in zip(seen, model.scheduler.sigmas, strict=False):
        torch.testing.assert_close(latents[1], (1 - sigma) * carried[1] + sigma * given.noise[1])


def test_frames_that_two_chunks_share_are_decoded_alike(model: WanVace) -> None:
    """Behind what comes before them; begun anew, the first latent would give one frame that never was."""
    row = torch.randn(9, *model.noise_shape(*SIZE), generator=torch.Generator().manual_seed(3))
    whole = model.autoencoder.decode(row)
    assert len(whole) == 33
    behind, anew = model.autoencoder.decode(row[5:], row[:5]), model.autoencoder.decode(row[5:])
    assert len(behind) == len(anew) == 13
    torch.testing.assert_close(behind, whole[20:], atol=1e-5, rtol=0)
    assert float((anew - whole[20:]).abs().mean()) > 0.01
    given = chunk(model, 13, carried=row[:2], before=row[2 : 2 + model.lookback])
    styled = model.restyle(given, REQUEST)
    assert torch.equal(styled.frames, model.autoencoder.decode(styled.latents, given.before))


def test_more_frames_than_a_window_cost_each_as_much_as_in_one(model: WanVace) -> None:
    """Windows roll over latents, each of which is asked about once a step."""
    short = replace(model, window=9)
    asked: list[int] = []

    def note(_: object, __: object, told: dict[str, Tensor]) -> None:
        asked.append(told["hidden_states"].shape[2])

    hook = model.experts.nets[0].register_forward_pre_hook(note, with_kwargs=True)
    short.restyle(chunk(model, model.rule.frames(30)), replace(REQUEST, guidance=1.0))
    hook.remove()
    assert max(asked) == 3
    assert sum(asked) == 30 * REQUEST.steps
    assert len(asked) == 11 * REQUEST.steps  # one more than would hold them, so that there is room to roll
    assert asked[:11] != asked[11:22]  # the cuts move from step to step


def test_a_latent_has_the_mean_weight_of_its_frames_and_where_there_is_none_is_told_grey(model: WanVace) -> None:
    given = replace(chunk(model, 13), times=tuple(map(Fraction, range(13))))
    controls = {"depth": ["0.8", "0.4@0:03-0:05", "0@0:09-0:13"]}
    with torch.no_grad():
        told = model._tell(given, replace(REQUEST, controls=controls, references=(Reference(torch.rand(3, 16, 16)),)))
    assert told.weights.shape == (REQUEST.steps, 5)  # the reference's first
    torch.testing.assert_close(told.weights[0], torch.tensor([1, 0.8, 0.6, 0.8, 1], dtype=torch.float64))
    scales: list[Tensor] = []

    def note(_: object, __: object, told: dict[str, Tensor]) -> None:
        scales.append(told["control_hidden_states_scale"][0].flatten())

    hook = model.experts.nets[0].register_forward_pre_hook(note, with_kwargs=True)
    model.restyle(given, replace(REQUEST, controls=controls))
    hook.remove()
    torch.testing.assert_close(scales[0].view(4, -1).T, torch.tensor([0.8, 0.6, 0.8, 1]).expand(6, 4))
    control, _ = model._control(given, replace(REQUEST, controls=controls))
    assert control is not None
    assert torch.equal(control[:9], given.controls["depth"][:9].expand(-1, 3, -1, -1))
    assert (control[9:] == 0.5).all()


def test_no_cache_is_on_that_adds_what_vace_adds_twice(model: WanVace) -> None:
    assert not any(net.is_cache_enabled for net in model.experts.nets)


def test_lines_are_drawn_black_on_white_and_stillness_white(model: WanVace) -> None:
    """White lines on black VACE takes for a picture of white lines."""
    lines = torch.zeros(2, 3, 8, 8)
    lines[:, :, 4] = 1
    for name in ("canny", "edges", "lineart", "softedge"):
        drawn = DRAWN[name](lines)
        assert not drawn[:, :, 4].any()
        assert (drawn[:, :, :4] == 1).all()
    assert torch.equal(DRAWN["depth"](lines), lines)
    assert (DRAWN["flow"](torch.full((2, 3, 4, 4), 0.5)) == 1).all()


@pytest.mark.parametrize(("moved", "hue"), [((1, 0), "red"), ((-1, 0), "cyan"), ((0, 1), "yellow"), ((0, -1), "blue")])
def test_motion_has_the_hues_that_optical_flow_is_shown_in(moved: tuple[int, int], hue: str) -> None:
    """In Baker et al.'s wheel what moves right is red, left cyan, down yellowish, up bluish."""
    backward = torch.tensor([-moved[0], -moved[1]]) / 2 + 0.5
    flow = torch.cat([backward, torch.ones(1)]).view(1, 3, 1, 1)
    red, green, blue = DRAWN["flow"](flow).flatten().tolist()
    found = {
        "red": red > 0.9 and green < 0.3 and blue < 0.3,
        "cyan": red < 0.3 and blue > 0.8,
        "yellow": red > 0.6 and green > 0.6 and blue < 0.1,
        "blue": blue > 0.9 and green < 0.4,
    }
    assert found[hue], (red, green, blue)


def test_a_shots_first_frame_moves_as_its_second(model: WanVace) -> None:
    flow = torch.rand(3, 3, 4, 4) * 0.5 + 0.5
    flow[0] = torch.tensor([0.5, 0.5, 0.0]).view(3, 1, 1)
    drawn = DRAWN["flow"](flow)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[1], drawn[2])


def test_half_precision_keeps_latents_and_what_must_stay_in_single(folder: Path, model: WanVace) -> None:
    """As on a GPU. Euler would give latents of the model's precision, and kept ones would not come out bit by bit."""
    row = catalog.find(str(folder))
    halved = wan_vace.load(Checkpoint.of_folder(folder), row, Setup(torch.device("cpu"), torch.bfloat16), {})
    net = halved.experts.nets[0]
    assert net.patch_embedding.weight.dtype == torch.bfloat16
    assert net.condition_embedder.time_embedder.linear_1.weight.dtype == torch.float32
    assert net.scale_shift_table.dtype == torch.float32
    assert {p.dtype for p in halved.autoencoder.net.parameters()} == {torch.float32}
    halved.scheduler = LIBRARY.FlowMatchEulerDiscreteScheduler(shift=3.0)
    exact = replace(model, scheduler=halved.scheduler)
    given = chunk(model, 13)
    fine, coarse = exact.restyle(given, REQUEST), halved.restyle(given, REQUEST)
    assert coarse.latents.dtype == coarse.frames.dtype == torch.float32
    assert 0 < float((coarse.latents - fine.latents).abs().mean()) < 0.03 * float(fine.latents.std())
    held = halved.restyle(replace(given, carried=fine.latents[:2]), REQUEST)
    assert torch.equal(held.latents[:2], fine.latents[:2])


@pytest.mark.parametrize("name", ["UniPCMultistepScheduler", "FlowMatchEulerDiscreteScheduler"])
def test_few_steps_end_at_the_picture_evenly_in_time(model: WanVace, name: str) -> None:
    """The library's Euler puts its last of four levels next to the picture, where there is nothing left to do."""
    kind = getattr(LIBRARY, name)
    settings = {"prediction_type": "flow_prediction", "use_flow_sigmas": True, "flow_shift": 5.0}
    scheduler = kind(**settings) if name.startswith("UniPC") else kind(shift=5.0)
    four = replace(model, scheduler=scheduler)
    four.restyle(chunk(model, 5), replace(REQUEST, steps=4, strength=1.0, guidance=1.0))
    assert [round(float(t)) for t in scheduler.timesteps] == pytest.approx([1000, 938, 834, 626], abs=2)
    assert float(scheduler.sigmas[-1]) == 0
    four.restyle(chunk(model, 5), replace(REQUEST, steps=4, strength=0.5, guidance=1.0))
    assert float(scheduler.sigmas[0]) == pytest.approx(5 * 0.5 / (1 + 4 * 0.5), abs=1e-4)
    assert len(scheduler.timesteps) == 4


def test_a_low_strength_stays_near_the_source(model: WanVace) -> None:
    given = chunk(model, 9)
    clean = model.autoencoder.encode(given.frames)
    off = [
        float((model.restyle(given, replace(REQUEST, strength=s)).latents - clean).abs().mean())
        for s in (0.001, 0.05, 0.4, 1.0)
    ]
    assert off == sorted(off)
    assert off[0] < 0.02


@pytest.mark.parametrize(
    ("scheduler", "words"),
    [
        (LIBRARY.LCMScheduler(clip_sample=False), "is of class LCMScheduler. What works: FlowMatchEuler"),
        (LIBRARY.UniPCMultistepScheduler(), "predicts epsilon; this model needs flow_prediction"),
        (tiny_wan.scheduler(use_karras_sigmas=True), "use_karras_sigmas on"),
        (LIBRARY.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True), "use_dynamic_shifting on"),
        (LIBRARY.FlowMatchEulerDiscreteScheduler(stochastic_sampling=True), "stochastic_sampling on"),
    ],
)
def test_samplers_that_would_run_and_give_a_wrong_picture_are_refused(
    tmp_path: Path, scheduler: Any, words: str
) -> None:
    folder = tiny_wan.build(tmp_path)
    scheduler.save_pretrained(folder / "scheduler")
    with pytest.raises(ModelError, match=words):
        load(folder)


def test_parts_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    folder = tiny_wan.build(tmp_path)
    tiny_wan.transformer(vace_in_channels=96).save_pretrained(folder / "transformer")
    with pytest.raises(ModelError, match=r"takes latents of 4 channels and 96 of context; .* gets 4 and 72"):
        load(folder)
    tiny_wan.transformer(patch_size=(2, 2, 2)).save_pretrained(folder / "transformer")
    with pytest.raises(ModelError, match="patches of 2"):
        load(folder)
    tiny_wan.transformer().save_pretrained(folder / "transformer")
    tiny_wan.autoencoder(temperal_downsample=[False, False, True]).save_pretrained(folder / "vae")
    with pytest.raises(ModelError, match="a latent of 2 frames"):
        load(folder)
    tiny_wan.autoencoder(latents_mean=[0.0] * 16).save_pretrained(folder / "vae")
    with pytest.raises(ModelError, match="4 channels, but statistics for 16"):
        load(folder)


def test_two_experts_without_a_boundary_are_refused(tmp_path: Path) -> None:
    folder = tiny_wan.build(tmp_path, experts=2)
    with pytest.raises(ModelError, match="no boundary_ratio"):
        load(folder)
    (folder / "model_index.json").unlink()
    with pytest.raises(ModelError, match="where the second transformer takes over"):
        load(folder)
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "WanVACEPipeline", "boundary_ratio": 0.5}))
    assert load(folder).experts.boundary == 500


def lora(file: Path) -> Path:
    net = tiny_wan.transformer()
    net.add_adapter(LoraConfig(r=2, lora_alpha=2, init_lora_weights=False, target_modules=["to_q", "to_v"]))
    LIBRARY.WanVACEPipeline.save_lora_weights(
        str(file.parent), get_peft_model_state_dict(net, adapter_name="default"), weight_name=file.name
    )
    return file


@pytest.mark.parametrize(("name", "touched"), [("ink", [0, 1]), ("ink_high_noise", [0]), ("ink_low_noise", [1])])
def test_a_lora_goes_to_the_expert_that_its_name_says_at_its_weight(
    tmp_path: Path, name: str, touched: list[int]
) -> None:
    folder = tiny_wan.build(tmp_path / "model", experts=2, boundary=0.5)
    file = lora(tmp_path / f"{name}.safetensors")
    plain = load(folder)
    added = catalog.load(str(folder), Options("cpu", loras={str(file): 0.5}))
    assert isinstance(added, WanVace)
    parts = load_file(file)
    key = "blocks.1.attn1.to_q"
    change = parts[f"transformer.{key}.lora_B.weight"] @ parts[f"transformer.{key}.lora_A.weight"]
    for number, (before, after) in enumerate(zip(plain.experts.nets, added.experts.nets, strict=True)):
        moved = after.get_submodule(key).weight - before.get_submodule(key).weight
        torch.testing.assert_close(moved, 0.5 * change * (number in touched), atol=1e-6, rtol=1e-5)
    assert added.fingerprint != plain.fingerprint


def test_a_lora_of_another_model_is_an_error(tmp_path: Path) -> None:
    folder = tiny_wan.build(tmp_path / "model")
    file = tmp_path / "other.safetensors"
    parts = {f"transformer.blocks.7.attn1.to_q.lora_{end}.weight": torch.ones(2, 2) for end in "AB"}
    save_file(parts, file)
    with pytest.raises(ModelError, match=r"LoRA .*other.safetensors does not fit this model"):
        catalog.load(str(folder), Options("cpu", loras={str(file): 1.0}))


def test_the_rows_of_the_catalogue_say_what_the_family_takes() -> None:
    rows = [row for row in catalog.rows() if row.family.module == "wan_vace"]
    assert rows
    for row in rows:
        components = {part.component for part in row.parts}
        assert row.takes == wan_vace.WanVace.TAKES
        assert {"transformer", "vae", "text_encoder", "tokenizer", "scheduler", "index"} <= components
        assert set(row.loras) <= components
        assert row.scheduler is None or load_flow_scheduler(Checkpoint(row.name, {}), row)


def test_a_model_that_gives_no_numbers_is_an_error_not_a_black_picture(folder: Path) -> None:
    broken = load(folder)
    with torch.no_grad():
        broken.experts.nets[0].proj_out.weight.fill_(math.nan)
    with pytest.raises(ModelError, match="not numbers"):
        broken.restyle(chunk(broken, 5), REQUEST)


def test_a_text_encoder_without_its_words_is_refused(tmp_path: Path) -> None:
    folder = tiny_wan.build(tmp_path)
    weights = next((folder / "text_encoder").glob("*.safetensors"))
    kept = {name: tensor for name, tensor in load_file(weights).items() if "shared" not in name}
    kept = {name: tensor for name, tensor in kept.items() if "embed_tokens" not in name}
    save_file(kept, weights, {"format": "pt"})
    with pytest.raises(ModelError, match="text_encoder is incomplete"):
        load(folder)
