"""Laws of the bench of structure: what is kept is told from what is lost, and motion modules from none."""

import pytest
import torch

from benchmarks.structure import Still, frame_by_frame, kept, planes, views, without_motion
from engine.diffusion import catalog
from engine.diffusion.stylizer import Chunk, Request


def test_a_picture_keeps_all_of_itself_and_little_of_another():
    """The depth network of this test sees what is bright as near; so are the pictures."""
    nears = [still.near for still in planes(2, (72, 128)) if still.near is not None]
    one, other = (Still(near.expand(-1, 3, -1, -1), near) for near in nears)
    network = lambda picture: picture.mean(dim=1, keepdim=True)  # noqa: E731
    assert kept(one, one.picture, network) == pytest.approx({"edges": 1, "blur SSIM": 1, "order": 1}, abs=1e-3)
    lost = kept(one, other.picture, network)
    assert lost["edges"] < 0.7
    assert lost["blur SSIM"] < 0.9
    assert lost["order"] < 0.9


def test_drawn_views_are_pictures_with_their_depth():
    first, second = views(2, (48, 64))
    assert first.picture.shape == (1, 3, 48, 64)
    assert first.near is not None
    assert (float(first.near.min()), float(first.near.max())) == (0, 1)
    assert not torch.equal(first.picture, second.picture)


def test_without_motion_modules_a_frame_knows_nothing_of_its_neighbours():
    model = catalog.load("starter", "cpu")
    draw = torch.Generator().manual_seed(0)
    frames, noise = torch.rand(3, 3, 64, 64, generator=draw), torch.randn(3, *model.noise_shape(64, 64), generator=draw)
    request = Request("ink drawing", strength=1.0, steps=2)
    alone = Chunk(frames[:1], noise[:1])
    for one, together in ((model, False), (without_motion(model), True), (frame_by_frame(model), True)):
        whole, first = one.restyle(Chunk(frames, noise), request).frames, one.restyle(alone, request).frames
        assert torch.allclose(whole[:1], first, atol=1e-3) == together
