"""Joints are found where they are in the frame, ordered and coloured as OpenPose has them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from preprocessors.people import JointFinder, PersonFinder, peaks
from preprocessors.pose import COLOURS, LIMBS, Pose, draw_figure, to_openpose
from tests.preprocessors.tiny_detectors import tiny_pose

FRAME = (240, 320)
BOX = (160.0, 120.0, 60.0, 160.0)  # middle, width, height
SMALL = SimpleNamespace(image_size=(256, 192), num_experts=1)


class Detector:
    """Answers as RT-DETR does: one person at `BOX`, a dog, and somebody that it is not sure of."""

    config = SimpleNamespace(id2label={0: "dog", 1: "person"})

    def __call__(self, pixel_values: Tensor) -> SimpleNamespace:
        assert pixel_values.shape == (1, 3, 640, 640)
        box = torch.tensor(BOX) / torch.tensor([FRAME[1], FRAME[0], FRAME[1], FRAME[0]])
        return SimpleNamespace(
            logits=torch.tensor([[[-4.0, -1.0], [4.0, -4.0], [-4.0, 4.0]]]),
            pred_boxes=torch.stack([box + 0.1, box + 0.2, box])[None],
        )


class Brightness:
    """Answers as ViTPose does, of a frame in which every joint is a spot of its own brightness."""

    config = SimpleNamespace(backbone_config=SMALL)

    def __call__(self, pixel_values: Tensor) -> SimpleNamespace:
        assert pixel_values.shape == (1, 3, 256, 192)
        seen = torch.nn.functional.interpolate(
            pixel_values * 0.224 + 0.45, (64, 48), mode="bilinear", align_corners=True
        )
        return SimpleNamespace(heatmaps=seen[:, :1].expand(1, 17, 64, 48))


@pytest.mark.parametrize("place", [(150.3, 90.6), (170.0, 181.25), (140.5, 60.0)], ids=str)
def test_a_joint_is_found_where_it_is_in_the_frame(place: tuple[float, float]) -> None:
    y, x = torch.meshgrid(torch.arange(FRAME[0]), torch.arange(FRAME[1]), indexing="ij")
    frame = torch.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / (2 * 8**2)).expand(3, -1, -1)
    (box,) = PersonFinder(Detector())(frame, 0.5)
    torch.testing.assert_close(box, torch.tensor(BOX))
    found = JointFinder(Brightness())(frame, box)
    torch.testing.assert_close(found[0, :2], torch.tensor(place), atol=0.6, rtol=0)
    assert found[0, 2] > 0.9


def test_peaks_are_found_between_pixels() -> None:
    y, x = torch.meshgrid(torch.arange(64), torch.arange(48), indexing="ij")
    places = torch.tensor([[10.3, 20.8], [30.0, 5.5], [0.0, 63.0]])
    heat = torch.stack([torch.exp(-((x - a) ** 2 + (y - b) ** 2) / 8) for a, b in places.tolist()])
    found, hottest = peaks(heat)
    torch.testing.assert_close(found[:2], places[:2], atol=0.02, rtol=0)
    torch.testing.assert_close(found[2], places[2], atol=0.5, rtol=0)  # a corner has no neighbours on one side
    assert hottest.min() > 0.9


def coco() -> Tensor:
    """Somebody who stands and looks at us: their right is on our left."""
    nose, eyes, ears = [(256, 90)], [(266, 80), (246, 80)], [(280, 88), (232, 88)]
    arms = [(300, 150), (212, 150), (340, 220), (180, 210), (330, 290), (150, 160)]
    legs = [(285, 290), (230, 290), (290, 380), (225, 380), (300, 470), (215, 470)]
    return torch.tensor([(*place, 1.0) for place in nose + eyes + ears + arms + legs])


def test_joints_and_limbs_have_openposes_colours() -> None:
    canvas, joints = np.zeros((512, 512, 3), np.uint8), to_openpose(coco())
    draw_figure(canvas, joints, 0.3)
    assert joints[1, :2].tolist() == [256, 150]  # the neck
    assert joints[4, :2].tolist() == [150, 160]  # the right wrist, on our left
    for (x, y, _), colour in zip(joints.int().tolist(), COLOURS, strict=True):
        assert tuple(canvas[y, x]) == colour
    for (one, other), colour in zip(LIMBS[:12], COLOURS, strict=False):
        x, y = ((joints[one] + joints[other]) / 2).int().tolist()[:2]
        assert np.abs(canvas[y, x] - 0.6 * np.array(colour)).max() <= 1


def test_what_is_not_seen_is_not_drawn() -> None:
    joints = to_openpose(coco())
    joints[4, 2] = 0.1
    canvas = np.zeros((512, 512, 3), np.uint8)
    draw_figure(canvas, joints, 0.3)
    assert not canvas[155:175, 140:160].any()
    without = coco()
    without[5, 2] = 0.0  # one shoulder: no neck either
    assert to_openpose(without)[1, 2] == 0


def test_a_frame_without_people_is_black() -> None:
    frames = torch.rand(2, 3, 40, 60, generator=torch.Generator().manual_seed(0))
    sure = tiny_pose()
    assert sure(frames).max() > 0.5
    assert Pose(sure.people, sure.joints, sure=1.0)(frames).max() == 0
