"""What every control map promises, held by each of them."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from preprocessors.blur import Blur
from preprocessors.depth import Depth
from preprocessors.depth_network import DepthNet
from preprocessors.edges import Canny, SoftLines
from preprocessors.flow import DisFlow, FlowMap
from preprocessors.palette import Palette
from preprocessors.preprocessor import Preprocessor
from samples.scenes import draw_scene
from tests.preprocessors.tiny_detectors import learned

SIZES = [(1, 1), (1, 7), (2, 3), (9, 16), (16, 16), (33, 47), (72, 128), (8, 7680), (7680, 3)]


def noise(frames: int, height: int, width: int) -> Tensor:
    return torch.rand(frames, 3, height, width, generator=torch.Generator().manual_seed(height * width))


def untrained() -> DepthNet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return DepthNet((8, 8, 16, 16), (1, 1, 1)).eval()


ALL: list[Preprocessor] = [Blur(), Canny(), SoftLines(), Palette(), FlowMap(DisFlow()), Depth(untrained()), *learned()]
LOCAL = [preprocessor for preprocessor in ALL if not preprocessor.lookbehind]


@pytest.fixture(scope="module")
def clip() -> Tensor:
    return draw_scene(4, 4, 54, 96).frames


@pytest.mark.parametrize("preprocessor", ALL, ids=lambda preprocessor: preprocessor.name)
class TestEveryPreprocessor:
    @pytest.mark.parametrize("size", SIZES, ids=str)
    @pytest.mark.parametrize("frames", [1, 3])
    def test_a_map_has_the_frames_size_and_range(
        self, preprocessor: Preprocessor, frames: int, size: tuple[int, int]
    ) -> None:
        drawn = preprocessor.fit([])(noise(frames, *size))
        assert drawn.shape[0] == frames
        assert drawn.shape[1] in (1, 3)
        assert drawn.shape[2:] == size
        assert drawn.dtype == torch.float32
        assert drawn.isfinite().all()
        assert 0 <= drawn.min() <= drawn.max() <= 1

    def test_the_same_frames_give_the_same_map(self, preprocessor: Preprocessor, clip: Tensor) -> None:
        fitted = preprocessor.fit([clip])
        assert torch.equal(fitted(clip), fitted(clip.clone()))

    def test_frames_are_left_as_they_are(self, preprocessor: Preprocessor, clip: Tensor) -> None:
        before = clip.clone()
        preprocessor.fit([clip])(clip)
        assert torch.equal(clip, before)

    def test_black_and_white_frames_are_no_trouble(self, preprocessor: Preprocessor) -> None:
        for level in (0.0, 1.0):
            assert preprocessor(torch.full((2, 3, 20, 30), level)).isfinite().all()

    def test_one_frame_makes_a_shot(self, preprocessor: Preprocessor, clip: Tensor) -> None:
        assert preprocessor.fit([clip[:1]])(clip[:1]).shape[0] == 1

    def test_what_was_handed_in_is_not_held(self, preprocessor: Preprocessor) -> None:
        """So that the memory of a clip of any length is that of a window."""
        made: list[weakref.ref[Tensor]] = []
        alive: list[int] = []

        def windows() -> Iterator[Tensor]:
            for number in range(12):
                alive.append(sum(window() is not None for window in made))
                window = noise(2, 20, 30 + number % 2)[..., :30].clone()
                made.append(weakref.ref(window))
                yield window

        fitted = preprocessor.fit(windows())
        assert max(alive, default=0) <= 2
        window = noise(2, 20, 30)
        held = weakref.ref(window)
        drawn = fitted(window)
        del window
        assert held() is None or drawn.untyped_storage().nbytes() <= drawn.nbytes

    def test_fitting_reads_windows_once(self, preprocessor: Preprocessor, clip: Tensor) -> None:
        windows = iter([clip[:2], clip[2:]])
        assert preprocessor.fit(windows)(clip).shape[0] == 4


@pytest.mark.parametrize("preprocessor", LOCAL, ids=lambda preprocessor: preprocessor.name)
def test_a_batch_equals_one_by_one(preprocessor: Preprocessor, clip: Tensor) -> None:
    fitted = preprocessor.fit([clip])
    one_by_one = torch.cat([fitted(frame[None]) for frame in clip])
    assert torch.allclose(fitted(clip), one_by_one, atol=1e-4)


def test_canny_finds_the_outline_of_a_square_and_nothing_else() -> None:
    frames = torch.zeros(1, 3, 40, 40)
    frames[:, :, 10:30, 10:30] = 1
    edges = Canny()(frames)[0, 0]
    assert edges[8:12, 12:28].amax(dim=0).min() == 1
    assert edges[14:26, 14:26].max() == 0
    assert edges[:6].max() == 0
