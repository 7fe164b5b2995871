"""A small body for kinematic metrics: rigid, symmetric, standing on y = 0."""

import numpy as np
import pytest

from motiongen.skeleton import Skeleton

REST = np.array([[0, 1, 0], [0.2, 1, 0], [0.2, 0, 0], [-0.2, 1, 0], [-0.2, 0, 0], [0, 1.6, 0]])


@pytest.fixture(scope="session")
def stick():
    """Six joints; the bones are 0.2, 1, 0.2, 1 and 0.6 m long."""
    return Skeleton(
        name="stick",
        joints=("pelvis", "left_hip", "left_foot", "right_hip", "right_foot", "head"),
        parents=(-1, 0, 1, 0, 3, 0),
        mirror=(0, 3, 4, 1, 2, 5),
        roles={"pelvis": 0, "left_foot": 2, "right_foot": 4},
    )


@pytest.fixture
def travel():
    """Clips of the resting body carried along x by a path [T], and their full mask."""

    def make(path, clips=1):
        joints = np.tile(REST.astype(np.float64), (clips, len(path), 1, 1))
        joints[..., 0] += np.asarray(path, dtype=np.float64)[:, None]
        return joints, np.ones(joints.shape[:3], dtype=bool)

    return make


@pytest.fixture
def noisy(travel):
    """Four clips of 20 frames whose joints shake by 2 cm, and a mask with gaps and padding."""
    rng = np.random.default_rng(0)
    joints, mask = travel(np.linspace(0, 1, 20), clips=4)
    joints = joints + 0.02 * rng.normal(size=joints.shape)
    mask = rng.random(mask.shape) > 0.2
    mask[1, 12:] = False
    return joints, mask
