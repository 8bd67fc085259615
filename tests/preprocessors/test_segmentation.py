"""A network that labels pixels draws masks of the frame's own size, whatever stands beside a frame."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from preprocessors.segmentation import LabelMask, LabelNet
from samples.scenes import draw_scene
from tests.preprocessors import tiny_upernet

SIDE = 64


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_upernet.build(tmp_path_factory.mktemp("upernet"))


@pytest.fixture(scope="module")
def network(checkpoint: Path) -> LabelNet:
    return LabelNet(LabelNet.load(checkpoint).net, "tiny", SIDE)


@pytest.mark.parametrize("size", [(1, 1), (37, 53), (8, 2000), (90, 64)])
def test_masks_have_the_size_of_the_frames_and_lie_between_0_and_1(network: LabelNet, size: tuple[int, int]) -> None:
    mask = LabelMask(network, "person").fit([])(torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0)))
    assert mask.shape == (2, 1, *size)
    assert 0 <= mask.min() <= mask.max() <= 1


def test_a_batch_equals_one_by_one_and_again(network: LabelNet) -> None:
    frames, mask = draw_scene(4, 4, 54, 96).frames, LabelMask(network, "person")
    assert torch.equal(mask(frames), torch.cat([mask(frame[None], number) for number, frame in enumerate(frames)]))
    assert torch.equal(mask(frames), mask(frames))
    assert 0.02 < float(mask(frames).mean()) < 0.98


def test_the_shares_of_all_labels_make_one(network: LabelNet) -> None:
    frames = draw_scene(4, 1, 64, 96).frames
    shares = torch.cat([network(frames, label) for label in tiny_upernet.LABELS], dim=1)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(1, 64, 96))


def test_black_frames_have_masks_too(network: LabelNet) -> None:
    assert LabelMask(network, "sky")(torch.zeros(1, 3, 40, 60)).isfinite().all()


def test_other_weights_and_labels_have_other_keys(network: LabelNet) -> None:
    other = LabelNet(network.net, "other", SIDE)
    assert len({LabelMask(net, label).key for net in (network, other) for label in ("person", "sky")}) == 4


def test_a_checkpoint_that_lacks_weights_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    (tmp_path / "config.json").write_text((checkpoint / "config.json").read_text())
    weights = load_file(checkpoint / "model.safetensors")
    kept = {name: one for name, one in weights.items() if "decode_head.classifier" not in name}
    save_file(kept, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match=r"decode_head\.classifier"):
        LabelNet.load(tmp_path)
