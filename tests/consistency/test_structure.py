"""Likeness of structure: 1 for the source, whatever its colours; less for anything moved or lost."""

from __future__ import annotations

import torch

from consistency.structure import blur_ssim, edge_f1
from samples.scenes import draw_scene


def test_structure_of_the_source_is_one_and_of_another_scene_is_not():
    frames, other = (draw_scene(seed, 2, 72, 128).frames for seed in (0, 1))
    assert blur_ssim(frames, frames).min() > 0.999
    assert blur_ssim(0.9 * frames + 0.05, frames).min() > 0.95
    assert blur_ssim(other, frames).max() < 0.7


def test_edges_may_lie_one_pixel_elsewhere_and_no_more():
    edges = torch.zeros(1, 1, 40, 60)
    edges[..., 20, 10:50] = 1
    assert float(edge_f1(edges, edges)) == 1
    assert float(edge_f1(edges.roll(1, dims=-2), edges)) == 1
    assert float(edge_f1(edges.roll(2, dims=-2), edges)) == 0


def test_missed_and_made_up_edges_both_count():
    wanted = torch.zeros(1, 1, 40, 60)
    wanted[..., 10, 5:55] = wanted[..., 30, 5:55] = 1
    half = wanted.clone()
    half[..., 30, :] = 0
    assert abs(float(edge_f1(half, wanted)) - 2 / 3) < 1e-6
    assert abs(float(edge_f1(wanted, half)) - 2 / 3) < 1e-6
    assert float(edge_f1(torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8))) == 1


def test_pictures_smaller_than_the_blur_can_be_compared():
    assert blur_ssim(torch.rand(1, 3, 9, 12), torch.rand(1, 3, 9, 12)).isfinite().all()
