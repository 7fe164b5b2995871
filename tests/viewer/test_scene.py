import math

import numpy as np
import pytest
import torch

from motiongen import layouts
from motiongen.data.synthetic import synthesise
from motiongen.motion import Motion
from motiongen.skeleton import Skeleton
from motiongen.viewer.scene import bones_between, shared_scale, sides, skeleton_of, survey


@pytest.fixture(scope="module")
def walk() -> Motion:
    return synthesise(num_subjects=1, repetitions=1, classes=["walk"])[0]


@pytest.mark.parametrize("names", [("left_hip", "right_hip"), ("LHip", "RHip"), ("h.l", "h.r")])
def test_sides_are_found_in_any_spelling(names):
    skeleton = Skeleton("own", ("root", *names), (-1, 0, 0), (0, 2, 1))
    assert sides(skeleton) == ("middle", "left", "right")


@pytest.mark.parametrize("layout", layouts.names())
def test_every_mirrored_joint_of_every_layout_has_a_side(layout):
    skeleton = layouts.get(layout)
    for joint, side in enumerate(sides(skeleton)):
        assert (side == "middle") == (skeleton.mirror[joint] == joint)


def test_yaw_follows_a_turned_body(walk):
    skeleton = skeleton_of(walk)
    angle = 0.7
    cos, sin = math.cos(angle), math.sin(angle)
    turn = torch.tensor([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
    before = survey(walk, skeleton).yaw
    after = survey(walk.replace(joints=walk.joints @ turn), skeleton).yaw
    assert before is not None and after is not None
    assert math.remainder(after - before - angle, math.tau) == pytest.approx(0, abs=1e-3)


def test_yaw_of_a_body_whose_left_is_plus_x_is_zero():
    skeleton = layouts.get("kinect20")
    joints = torch.zeros(2, 20, 3)
    joints[:, skeleton.roles["left_hip"], 0] = 0.1
    joints[:, skeleton.roles["right_hip"], 0] = -0.1
    motion = Motion(joints, torch.ones(2, 20), "kinect20")
    assert survey(motion, skeleton).yaw == pytest.approx(0)


def test_one_wild_outlier_changes_neither_floor_nor_reach(walk):
    skeleton = skeleton_of(walk)
    joints = walk.joints.clone()
    joints[3, 0] = torch.tensor([50.0, -50.0, 50.0])
    clean, wild = survey(walk, skeleton), survey(walk.replace(joints=joints), skeleton)
    assert wild.floor == pytest.approx(clean.floor, abs=0.02)
    assert wild.reach == pytest.approx(clean.reach, rel=0.05)


def test_focus_is_finite_and_moves_with_the_body_where_the_pelvis_is_missing(walk):
    skeleton = skeleton_of(walk)
    confidence = walk.confidence.clone()
    confidence[10:20, skeleton.roles["pelvis"]] = 0
    full, gappy = survey(walk, skeleton), survey(walk.replace(confidence=confidence), skeleton)
    assert np.abs(full.focus - gappy.focus).max() < 0.1


def test_a_clip_without_any_seen_joint_has_a_survey(walk):
    blank = walk.replace(confidence=torch.zeros_like(walk.confidence))
    assert np.isfinite(survey(blank, skeleton_of(walk)).focus).all()


def test_a_diverged_clip_does_not_shrink_the_others(walk):
    skeleton = skeleton_of(walk)
    normal = survey(walk, skeleton)
    far = survey(walk.replace(joints=walk.joints * 100), skeleton)
    assert shared_scale([normal, normal, far])[0] == pytest.approx(1.6 * normal.reach)


def test_the_largest_body_fits_as_well(walk):
    skeleton = skeleton_of(walk)
    small = survey(walk, skeleton)
    large = survey(walk.replace(joints=walk.joints * 1.5), skeleton)
    reach, middle = shared_scale([small, small, large])
    # what is drawn lies from -reach to reach around the middle, which is above the common floor
    assert 2 * large.middle - middle <= reach
    assert middle <= 1.15 * reach


def test_bones_bridge_missing_joints():
    skeleton = Skeleton("chain", ("a", "b", "c", "d"), (-1, 0, 1, 2), (0, 1, 2, 3))
    assert bones_between(skeleton, np.array([True, False, False, True])) == [(3, 0)]
    assert bones_between(skeleton, np.array([False, True, True, False])) == [(2, 1)]


def test_a_clip_that_does_not_fit_is_named():
    motion = Motion(torch.zeros(2, 5, 3), torch.ones(2, 5), "kinect20", source="a/b.txt")
    with pytest.raises(ValueError, match=r"a/b\.txt: has 5 joints, but layout 'kinect20' has 20"):
        skeleton_of(motion)
    with pytest.raises(ValueError, match="no frames"):
        skeleton_of(Motion(torch.zeros(0, 20, 3), torch.zeros(0, 20), "kinect20"))
