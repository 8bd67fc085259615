"""Laws of blurring: on a processor it is another library that does it."""

from __future__ import annotations

import pytest
import torch
from kornia.filters import gaussian_blur2d

from consistency.blur import blur


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (17, 3), (40, 64)])
@pytest.mark.parametrize("sigma", [0.1, 1.5, 8.0])
def test_a_processor_blurs_as_a_card_does(size: tuple[int, int], sigma: float) -> None:
    frames = torch.rand(3, 2, *size, generator=torch.Generator().manual_seed(1)).transpose(0, 1)
    reach = min(2 * max(1, round(2.5 * sigma)) + 1, *(2 * side - 1 for side in size))
    by_kornia = gaussian_blur2d(frames, (reach, reach), (max(sigma, 0.3),) * 2, border_type="reflect")
    assert torch.allclose(blur(frames, sigma), by_kornia, atol=1e-6)
