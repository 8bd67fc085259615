"""Frames to latents and back, for each kind of autoencoder."""

from typing import Any

import pytest
import torch

from engine.diffusion.autoencoder import Autoencoder
from tests.engine.diffusion.tiny_animatediff import AUTOENCODERS


@pytest.fixture(params=AUTOENCODERS)
def net(request: pytest.FixtureRequest) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return AUTOENCODERS[request.param]().eval().requires_grad_(False)


FRAMES = torch.rand(5, 3, 32, 48, generator=torch.Generator().manual_seed(0))


def test_slices_give_what_the_whole_gives(net: Any) -> None:
    whole, sliced = Autoencoder(net, slice_frames=5), Autoencoder(net, slice_frames=2)
    latents = whole.encode(FRAMES)
    torch.testing.assert_close(sliced.encode(FRAMES), latents, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(sliced.decode(latents), whole.decode(latents), atol=1e-5, rtol=1e-4)


def test_only_the_kind_whose_tiles_are_right_goes_in_tiles(net: Any) -> None:
    """The library's tiles for the others take a factor of eight and four channels for granted."""
    Autoencoder(net).spare(1, tiled=True)
    assert net.use_tiling is (type(net).__name__ == "AutoencoderKL")


def test_latents_are_an_eighth_as_large_and_the_same_each_time(net: Any) -> None:
    autoencoder = Autoencoder(net)
    latents = autoencoder.encode(FRAMES)
    assert latents.shape == (5, autoencoder.channels, 4, 6)
    assert autoencoder.factor == 8
    assert torch.equal(latents, autoencoder.encode(FRAMES))


def test_pictures_are_shown_from_minus_one_to_one_and_come_back_from_zero_to_one(net: Any) -> None:
    seen: list[torch.Tensor] = []
    net.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    frames = FRAMES.clone()
    frames[0], frames[1] = 0, 1
    autoencoder = Autoencoder(net, slice_frames=5)
    back = autoencoder.decode(autoencoder.encode(frames) * 30)
    assert 0 <= float(back.min()) <= float(back.max()) <= 1
    assert torch.equal(seen[0], frames * 2 - 1)


def test_scale_and_shift_are_undone(net: Any) -> None:
    autoencoder = Autoencoder(net)
    scaled = autoencoder.encode(FRAMES)
    encoded = net.encode(FRAMES * 2 - 1)
    plain = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded[0]
    shift, scale = net.config.get("shift_factor") or 0, net.config.scaling_factor
    torch.testing.assert_close(scaled, (plain - shift) * scale, atol=1e-5, rtol=1e-4)
    decoded = (net.decode(plain)[0] / 2 + 0.5).clamp(0, 1)
    torch.testing.assert_close(autoencoder.decode(scaled), decoded, atol=1e-4, rtol=1e-3)
