"""Colour differences are those of the formula's authors, and nothing for equal colours."""

from __future__ import annotations

import pytest
import torch

from consistency.lab import delta_e, difference

# Published pairs of Lab colours with their difference (Sharma, Wu and Dalal 2005, table 1).
PAIRS = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((50, 2.5, 0), (50, 3.2592, 0.3350), 1.0000),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("first", "second", "wanted"), PAIRS)
def test_published_differences_are_met(first, second, wanted):
    one, other = (torch.tensor(lab, dtype=torch.float64) for lab in (first, second))
    assert float(delta_e(one, other)) == pytest.approx(wanted, abs=1e-4)
    assert float(delta_e(other, one)) == pytest.approx(wanted, abs=1e-4)


def test_equal_colours_do_not_differ_and_greys_are_no_trouble():
    colours = torch.tensor([[0.2, 0.4, 0.9], [0.5, 0.5, 0.5], [0.0, 0.0, 0.0]])
    assert difference(colours, colours).abs().max() < 1e-3
    assert 5 < float(difference(torch.full((3,), 0.5), torch.full((3,), 0.6))) < 15
