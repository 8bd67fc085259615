"""The bench of controls tells a hard border from a soft one, and change that is not the scene's; it counts."""

from __future__ import annotations

from collections import Counter

import torch

from benchmarks.controls import border, counted, leaving
from consistency.blend import blend, feathered
from engine.controls import load_drawers
from samples.scenes import draw_scene


def test_a_hard_cut_out_has_all_of_its_step_and_a_pixel_outside_is_counted() -> None:
    scene = draw_scene(3, 2, 72, 128)
    thing = (scene.layers >= scene.layers.max() - 1).float()
    look, source = 0.7 * scene.frames, scene.frames
    hard = torch.where(thing == 0, source, look)
    assert border(hard, look, source, thing) == (0, 1.0)
    soft = blend(look, source, feathered(thing, 6))
    assert border(soft, look, source, thing)[1] < 0.2
    y, x = (thing[0, 0] == 0).nonzero()[0].tolist()
    soft[0, 1, y, x] += 1 / 255
    assert border(soft, look, source, thing)[0] == 1


def test_change_is_that_along_the_scenes_own_motion() -> None:
    scene = draw_scene(3, 3, 72, 128)
    assert leaving(scene.frames, scene, 1) == 1
    painted = scene.frames.clone()
    painted[1] = 1 - painted[1]
    assert leaving(painted, scene, 1) > 5


def test_frames_that_are_drawn_are_counted() -> None:
    tally: Counter[str] = Counter()
    drawer, frames = load_drawers(["edges"])["edges"], draw_scene(3, 4, 36, 64).frames
    assert torch.equal(counted(tally, drawer, frames, 1, 1), drawer(frames)[1:])
    assert tally == {"edges": 4}
