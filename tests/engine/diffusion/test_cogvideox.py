"""CogVideoX-Fun Control behind the protocol, on a tiny model of the real classes; with it, what fails quietly below."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import pytest
import sentencepiece
import torch

from engine.diffusion import catalog
from engine.diffusion.cogvideox import CogVideoXFun
from engine.diffusion.cogvideox_autoencoder import CogVideoXAutoencoder
from engine.diffusion.stylizer import Chunk, Request
from engine.errors import ModelError
from tests.engine.diffusion import conformance
from tests.engine.diffusion import tiny_cogvideox as tiny
from tests.engine.diffusion.conformance import REQUEST, SIZE, chunk

LIBRARY: Any = diffusers


def load(folder: Path) -> CogVideoXFun:
    loaded = catalog.load(str(folder), "cpu")
    assert isinstance(loaded, CogVideoXFun)
    return loaded


folder = conformance.checkpoint(tiny.build)
model = conformance.loaded(load)


@pytest.mark.parametrize("guidance", [1.0, 4.0])
@pytest.mark.parametrize("rotary", [True, False])
def test_one_window_equals_the_librarys_own_pipeline(tmp_path: Path, guidance: float, rotary: bool) -> None:
    """All new, where the library's levels are ours, with places of both kinds: the plain way to run it."""
    model = load(tiny.build(tmp_path, rotary=rotary))
    given = chunk(model, 9)
    parts = {"vae": model.autoencoder.net, "text_encoder": model.words.encoder, "tokenizer": model.words.tokenizer}
    plain = LIBRARY.CogVideoXFunControlPipeline(**parts, transformer=model.net, scheduler=tiny.scheduler())
    plain.set_progress_bar_config(disable=True)
    expected = plain(
        prompt="ink",
        negative_prompt="blur",
        control_video=given.controls["depth"].expand(-1, 3, -1, -1)[None],
        latents=given.noise[None],
        num_inference_steps=5,
        guidance_scale=guidance,
        height=SIZE[0],
        width=SIZE[1],
        max_sequence_length=tiny.MOST,
        output_type="latent",
    ).frames[0]
    avoid = "blur" if guidance > 1 else ""
    ours = model.restyle(given, Request("ink", 1.0, 5, guidance, avoid, controls={"depth": 1.0}))
    torch.testing.assert_close(ours.latents, expected, atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize("latents", [1, 2, 3, 4, 5, 6])
def test_any_number_of_latents_is_decoded_to_the_frames_that_they_stand_for(model: CogVideoXFun, latents: int) -> None:
    """Of an even number the library makes three too many: its first latent then stands for four frames, not one."""
    row = torch.randn(latents, *model.noise_shape(*SIZE), generator=torch.Generator().manual_seed(1))
    frames = model.autoencoder.decode(row)
    assert len(frames) == model.rule.frames(latents)
    library = model.autoencoder.net.decode(row.transpose(0, 1)[None] / 0.7).sample.shape[2]
    assert library - len(frames) == (3 if latents % 2 == 0 else 0)
    longer = model.autoencoder.decode(torch.cat([row, row[-1:], row[-1:]]))
    if latents % 2:
        torch.testing.assert_close(longer[: len(frames)], frames, atol=1e-4, rtol=0)


@pytest.mark.parametrize("latents", [2, 3])
def test_large_pictures_go_in_tiles_and_keep_size_and_count(latents: int) -> None:
    autoencoder = CogVideoXAutoencoder(tiny.autoencoder(sample_height=96, sample_width=80).eval())
    tiles: list[object] = []
    hook = autoencoder.net.decoder.conv_out.register_forward_pre_hook(lambda *_: tiles.append(1))
    with torch.no_grad():
        frames = autoencoder.decode(torch.randn(latents, tiny.CHANNELS, 8, 12))
        again = autoencoder.encode(frames)
    hook.remove()
    assert frames.shape == (4 * latents - 3, 3, 64, 96)
    assert again.shape == (latents, tiny.CHANNELS, 8, 12)
    assert len(tiles) > 1
    odd = CogVideoXAutoencoder(tiny.autoencoder(sample_height=64, sample_width=96).eval())
    with torch.no_grad():
        assert odd.decode(torch.randn(1, tiny.CHANNELS, 8, 12)).shape == (1, 3, 64, 96)  # whole: its tiles do not meet
    small, large = autoencoder.peak_bytes(9, 32, 48), autoencoder.peak_bytes(9, 64, 96)
    assert small < large < small + 4 * 64 * 96 * (6 * 9 + 8 * 9 * 16)


@pytest.mark.parametrize("before", [1, 2, 3])
def test_frames_behind_those_before_them_are_their_own(model: CogVideoXFun, before: int) -> None:
    row = torch.randn(7, *model.noise_shape(*SIZE), generator=torch.Generator().manual_seed(2))
    whole = model.autoencoder.decode(row[: before + 3])
    behind = model.autoencoder.decode(row[before : before + 3], row[:before])
    torch.testing.assert_close(behind, whole[-9:])


@pytest.mark.parametrize("frames", [4, 6, 10])
def test_a_length_that_would_lose_frames_is_refused(model: CogVideoXFun, frames: int) -> None:
    """The library rounds ten frames down to nine, without a word."""
    with pytest.raises(ValueError, match=r"4k \+ 1"):
        model.restyle(Chunk(torch.rand(frames, 3, *SIZE), torch.randn(2, *model.noise_shape(*SIZE))), REQUEST)
    with pytest.raises(ValueError, match=r"4k \+ 1"):
        model.autoencoder.encode(torch.rand(frames, 3, *SIZE))


def test_sides_in_eights_that_are_no_whole_patches_are_refused(model: CogVideoXFun) -> None:
    """The library's own check lets them through, and breaks later."""
    assert model.rule.multiple == 16
    with pytest.raises(ValueError, match="multiples of 16"):
        model.restyle(Chunk(torch.rand(5, 3, 24, 48), torch.randn(2, 4, 3, 6)), replace(REQUEST, controls={}))


def test_a_weight_goes_evenly_from_no_control_to_all_of_it(model: CogVideoXFun) -> None:
    """One step from all noise: the answer itself, which the model gives for none and all only."""
    given, asked = chunk(model, 9), replace(REQUEST, steps=1, strength=1.0, guidance=1.0)
    none, half, whole = (
        model.restyle(given, replace(asked, controls={"depth": weight})).latents for weight in (0.0, 0.5, 1.0)
    )
    assert float((whole - none).abs().max()) > 1e-3
    torch.testing.assert_close(half, (none + whole) / 2, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["CogVideoXDPMScheduler", "FlowMatchEulerDiscreteScheduler"])
def test_samplers_that_do_not_fit_are_refused(tmp_path: Path, name: str) -> None:
    folder = tiny.build(tmp_path)
    getattr(LIBRARY, name)().save_pretrained(folder / "scheduler")
    with pytest.raises(ModelError, match=f"{name}. What works: CogVideoXDDIMScheduler"):
        load(folder)


def test_other_models_of_the_kind_are_refused(tmp_path: Path) -> None:
    folder = tiny.build(tmp_path)
    tiny.transformer(in_channels=tiny.CHANNELS).save_pretrained(folder / "transformer")
    with pytest.raises(ModelError, match="is no CogVideoX-Fun Control"):
        load(folder)
    tiny.transformer().save_pretrained(folder / "transformer")
    tiny.autoencoder(temporal_compression_ratio=8).save_pretrained(folder / "vae")
    with pytest.raises(ModelError, match="a latent of 8 frames"):
        load(folder)


def test_half_precision_holds_what_is_carried(folder: Path, model: CogVideoXFun) -> None:
    halved, given = load(folder), chunk(model, 13)
    halved.net.to(torch.bfloat16)
    fine, coarse = model.restyle(given, REQUEST), halved.restyle(given, REQUEST)
    assert coarse.latents.dtype == coarse.frames.dtype == torch.float32
    assert 0 < float((coarse.latents - fine.latents).abs().mean()) < 0.05 * float(fine.latents.std())
    held = halved.restyle(replace(given, carried=fine.latents[:2]), REQUEST)
    assert torch.equal(held.latents[:2], fine.latents[:2])


def test_a_tokenizer_that_comes_as_a_sentencepiece_file_is_read(tmp_path: Path) -> None:
    """As in the real repository; without the two libraries that read it the tokenizer would be refused."""
    folder = tiny.build(tmp_path)
    for file in (folder / "tokenizer").iterdir():
        file.unlink()
    (folder / "tokenizer" / "spiece.model").write_bytes(
        sentencepiece_of("ink oil the quick brown fox jumps over a dog")
    )
    config = {"tokenizer_class": "T5Tokenizer", "extra_ids": 0, "additional_special_tokens": []}
    (folder / "tokenizer" / "tokenizer_config.json").write_text(json.dumps(config))
    tokenizer = load(folder).words.tokenizer
    assert tokenizer.decode(tokenizer("ink oil").input_ids, skip_special_tokens=True) == "ink oil"


def sentencepiece_of(text: str) -> bytes:
    model = io.BytesIO()
    places: Any = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([text]), model_writer=model, vocab_size=29, minloglevel=2, **places
    )
    return model.getvalue()


def test_the_rows_of_the_catalogue_say_what_the_family_takes() -> None:
    rows = [row for row in catalog.rows() if row.family.module == "cogvideox"]
    assert rows
    assert all(row.takes == CogVideoXFun.TAKES for row in rows)
