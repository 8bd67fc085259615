"""A model folder loads safely and completely, or is refused in words."""

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.diffusion import catalog
from engine.diffusion.animatediff import AnimateDiff
from engine.diffusion.checkpoint import Checkpoint
from engine.errors import ModelError
from tests.engine.diffusion import tiny_animatediff as tiny

LIBRARY: Any = diffusers
WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.build(tmp_path_factory.mktemp("model"), controls=("depth",))


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(original, tmp_path / "model"))


def load(folder: Path) -> AnimateDiff:
    model = catalog.load(str(folder), "cpu")
    assert isinstance(model, AnimateDiff)
    assert list(model.nets.values()) or not model.nets  # each is loaded when it is asked for
    return model


def edit(config: Path, **changes: Any) -> None:
    config.write_text(json.dumps({**json.loads(config.read_text()), **changes}))


def only_a_pickle(folder: Path) -> None:
    (folder / "vae" / WEIGHTS).rename(folder / "vae" / "diffusion_pytorch_model.bin")


def a_weight_missing(folder: Path) -> None:
    weights = load_file(folder / "unet" / WEIGHTS)
    del weights["conv_in.weight"]
    save_file(weights, folder / "unet" / WEIGHTS)


def a_word_missing(folder: Path) -> None:
    path = folder / "text_encoder" / "model.safetensors"
    weights = load_file(path)
    weights.pop(next(name for name in weights if name.endswith("token_embedding.weight")))
    save_file(weights, path, metadata={"format": "pt"})


def a_broken_download(folder: Path) -> None:
    path = folder / "unet" / WEIGHTS
    path.write_bytes(path.read_bytes()[:-100])


def only_words_of_git(folder: Path) -> None:
    (folder / "text_encoder" / "model.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:a\n"
    )


def no_words(folder: Path) -> None:
    for path in (folder / "tokenizer").iterdir():
        path.unlink()


def emptied(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def another_autoencoder(folder: Path) -> None:
    shutil.rmtree(folder / "vae")
    tiny.AUTOENCODERS["AutoencoderKL"]().save_pretrained(folder / "vae")


BROKEN: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no unet": (lambda f: shutil.rmtree(f / "unet"), "has neither unet/config.json nor transformer/"),
    "no vae": (lambda f: shutil.rmtree(f / "vae"), r"has no vae/config\.json"),
    "no tokenizer": (lambda f: shutil.rmtree(f / "tokenizer"), "has no tokenizer"),
    "no scheduler": (lambda f: shutil.rmtree(f / "scheduler"), r"has no scheduler/scheduler_config\.json"),
    "no text encoder": (lambda f: shutil.rmtree(f / "text_encoder"), r"has no text_encoder/config\.json"),
    "empty": (emptied, "not a model in diffusers' layout"),
    "damaged config": (lambda f: (f / "unet" / "config.json").write_text("{"), r"config\.json is damaged"),
    "only a pickle": (only_a_pickle, "vae has no weights in safetensors, only .*bin, which can run code"),
    "no weights": (lambda f: (f / "vae" / WEIGHTS).unlink(), "vae has no weights in safetensors"),
    "a weight missing": (a_weight_missing, r"unet is incomplete: no weights for conv_in\.weight"),
    "a word missing": (a_word_missing, "text_encoder is incomplete: no weights for .*token_embedding"),
    "broken download": (
        a_broken_download,
        r"unet/diff.*safetensors is damaged, perhaps a download that broke off: .* Fet",
    ),
    "an empty file": (lambda f: (f / "vae" / WEIGHTS).write_bytes(b""), "vae/diff.*safetensors is damaged"),
    "words of git": (only_words_of_git, "text_encoder/model.safetensors only says where git .*git lfs pull"),
    "no object": (
        lambda f: (f / "vae" / "config.json").write_text("[]"),
        r"vae/config\.json is damaged: it is no config",
    ),
    "words for a list": (
        lambda f: edit(f / "vae" / "config.json", encoder_block_out_channels="32, 64"),
        r"vae/config\.json has a value that does not work",
    ),
    "an empty tokenizer": (no_words, r"tokenizer has neither tokenizer\.json nor vocab\.json"),
    "config of another size": (lambda f: edit(f / "unet" / "config.json", block_out_channels=[16, 16]), "unet"),
    "another autoencoder": (another_autoencoder, "the autoencoder has 4 channels, the UNet takes 8"),
    "unknown class": (lambda f: edit(f / "vae" / "config.json", _class_name="Evil"), "of class Evil. What works: Auto"),
    "another's net": (
        lambda f: edit(f / "controlnet_depth" / "config.json", _class_name="SparseControlNetModel"),
        "controlnet_depth is of class SparseControlNetModel. What works: ControlNetModel",
    ),
    "flow matching": (
        lambda f: edit(f / "scheduler" / "scheduler_config.json", _class_name="FlowMatchEulerDiscreteScheduler"),
        "of class FlowMatch.* What works: DDIM",
    ),
    "clipping": (lambda f: edit(f / "scheduler" / "scheduler_config.json", clip_sample=True), "damages latents"),
    "nameless": (lambda f: (f / "controlnet_depth").rename(f / "controlnet"), "does not say what it is controlled by"),
    "numbered": (lambda f: (f / "controlnet_depth").rename(f / "controlnet_1"), "does not say what it is controlled"),
    "guess mode": (lambda f: edit(f / "controlnet_depth" / "config.json", global_pool_conditions=True), "pools its"),
    "BGR": (
        lambda f: edit(f / "controlnet_depth" / "config.json", controlnet_conditioning_channel_order="bgr"),
        "wants BGR pictures",
    ),
}


@pytest.mark.parametrize(("breaks", "words"), BROKEN.values(), ids=BROKEN)
def test_a_folder_with_a_fault_is_refused_in_words(folder: Path, breaks: Callable[[Path], Any], words: str) -> None:
    breaks(folder)
    with pytest.raises(ModelError, match=words):
        load(folder)


def test_loading_needs_no_network_and_says_nothing(
    original: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    load(original)
    assert capfd.readouterr() == ("", "")


def test_halves_on_disk_are_whole_numbers_of_bits_in_memory(folder: Path) -> None:
    for path in folder.glob("*/*.safetensors"):
        halves = {name: weight.half() for name, weight in load_file(path).items()}
        save_file(halves, path, metadata={"format": "pt"})
    assert {parameter.dtype for parameter in load(folder).unet.parameters()} == {torch.float32}


def test_files_named_as_the_half_precision_variant_are_found(folder: Path) -> None:
    for path in folder.glob("*/*.safetensors"):
        path.rename(path.with_suffix(".fp16.safetensors"))
    assert load(folder).window == tiny.WINDOW


def test_a_still_picture_unet_is_joined_with_its_motion_adapter(folder: Path) -> None:
    common = {"block_out_channels": tiny.CHANNELS, "layers_per_block": 1, "norm_num_groups": 4}
    still = LIBRARY.UNet2DConditionModel(
        in_channels=8,
        out_channels=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=tiny.TEXT,
        attention_head_dim=2,
        **common,
    )
    shutil.rmtree(folder / "unet")
    still.save_pretrained(folder / "unet")
    with pytest.raises(ModelError, match="no motion_adapter"):
        load(folder)
    adapter = LIBRARY.MotionAdapter(
        block_out_channels=tiny.CHANNELS,
        motion_layers_per_block=1,
        motion_num_attention_heads=2,
        motion_norm_num_groups=4,
        motion_max_seq_length=6,
        use_motion_mid_block=False,
    )
    adapter.save_pretrained(folder / "motion_adapter")
    model = load(folder)
    assert model.window == 6
    assert any("motion_modules" in name for name, _ in model.unet.named_parameters())


def test_the_fingerprint_is_of_the_contents_not_of_the_place(folder: Path, original: Path) -> None:
    first = Checkpoint.of_folder(original).fingerprint()
    assert Checkpoint.of_folder(folder).fingerprint() == first
    (folder / "notes.md").write_text("not part of the model")
    assert Checkpoint.of_folder(folder).fingerprint() == first
    path = folder / "unet" / WEIGHTS
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    second = Checkpoint.of_folder(folder).fingerprint()
    edit(folder / "scheduler" / "scheduler_config.json", beta_end=0.013)
    assert len({first, second, Checkpoint.of_folder(folder).fingerprint()}) == 3
