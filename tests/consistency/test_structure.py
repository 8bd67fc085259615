"""Likeness of structure: 1 for the source, whatever its colours; less for anything moved or lost."""

from __future__ import annotations

import pytest
import torch

from consistency.structure import blur_ssim, edge_f1, pair_order
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


def test_order_in_depth_is_right_whatever_the_scale_and_chance_without_any():
    scene = draw_scene(4, 1, 72, 128)
    assert pair_order(scene.depth, scene.depth) == 1
    assert pair_order(0.3 + 0.1 * scene.depth, scene.depth) == 1
    assert pair_order(1 - scene.depth, scene.depth) == 0
    noise = torch.rand(scene.depth.shape, generator=torch.Generator().manual_seed(2))
    assert 0.45 < pair_order(noise, scene.depth) < 0.55


def test_order_kept_counts_only_what_was_seen_before():
    near = torch.linspace(0, 1, 64).expand(1, 1, 48, 64)
    half = torch.where(near < 0.5, near, 0.5)  # sees no order in the nearer half
    assert pair_order(half, near) < 0.8
    assert pair_order(half, near, seen=half) == 1
    with pytest.raises(ValueError, match="nothing to order"):
        pair_order(near, torch.zeros_like(near))


def test_pictures_smaller_than_the_blur_can_be_compared():
    assert blur_ssim(torch.rand(1, 3, 9, 12), torch.rand(1, 3, 9, 12)).isfinite().all()
