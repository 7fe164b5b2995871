import numpy as np
import pytest

from motiongen.metrics.posture import (
    angle_joints,
    angle_ranges,
    joint_angles,
    joint_limits,
    joint_limits_per_clip,
)

HEAD = 5


def bent(stick, travel, head_x, frames=1):
    """Clips whose head leans sideways by head_x."""
    joints, mask = travel(np.zeros(frames), clips=len(np.atleast_1d(head_x)))
    joints[:, :, HEAD, 0] = np.atleast_1d(head_x)[:, None]
    return joints, mask


def test_angles_of_a_skeleton(stick):
    names = [tuple(stick.joints[j] for j in triple) for triple in angle_joints(stick)]
    assert ("left_hip", "pelvis", "right_hip") in names
    assert ("pelvis", "left_hip", "left_foot") in names
    assert len(names) == 3 + 1 + 1  # three pairs at the pelvis, one at each hip


@pytest.mark.parametrize("channels", [2, 3])
def test_by_hand(stick, travel, channels):
    joints, mask = travel(np.zeros(1))
    angles, seen = joint_angles(joints[..., :channels], mask, stick)
    at = {tuple(stick.joints[j] for j in t): a for a, t in enumerate(angle_joints(stick))}
    assert seen.all()
    assert angles[0, 0, at["left_hip", "pelvis", "right_hip"]] == pytest.approx(np.pi)
    assert angles[0, 0, at["pelvis", "left_hip", "left_foot"]] == pytest.approx(np.pi / 2)


def test_turning_moving_and_size_do_not_matter(stick, noisy):
    joints, mask = noisy
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    for moved in (joints @ turn.T, joints + 5, 10 * joints):
        np.testing.assert_allclose(
            joint_angles(moved, mask, stick)[0], joint_angles(joints, mask, stick)[0], atol=1e-6
        )


def test_train_clips_are_outside_by_one_percent(stick, travel):
    rng = np.random.default_rng(0)
    joints, mask = travel(np.zeros(50), clips=200)
    train = joints + 0.05 * rng.normal(size=joints.shape)
    ranges = angle_ranges(train, mask, stick)
    assert joint_limits(train, mask, stick, ranges) == pytest.approx(0.01, abs=0.001)
    more = joints + 0.05 * rng.normal(size=joints.shape)
    assert joint_limits(more, mask, stick, ranges) == pytest.approx(0.01, abs=0.005)


def test_a_bent_body_is_outside_in_the_angles_that_bend(stick, travel):
    train = bent(stick, travel, np.linspace(-0.1, 0.1, 300))
    ranges = angle_ranges(*train, stick)
    # the head makes an angle with each of two hips; both leave their range, three do not
    assert joint_limits(*bent(stick, travel, 0.5), stick, ranges) == pytest.approx(2 / 5)
    assert joint_limits(*bent(stick, travel, 0.05), stick, ranges) == 0
    shares = [
        joint_limits(*bent(stick, travel, np.linspace(-w, w, 99)), stick, ranges)
        for w in (0.1, 0.2, 0.8)
    ]
    assert shares == sorted(shares) and shares[0] < shares[-1]


def test_what_is_not_seen_does_not_count(stick, travel):
    ranges = angle_ranges(*bent(stick, travel, np.linspace(-0.1, 0.1, 300)), stick)
    joints, mask = bent(stick, travel, np.array([0.5, 0.0]))
    mask[0, :, HEAD] = False
    hidden = np.where(mask[..., None], joints, np.nan)
    assert joint_limits_per_clip(hidden, mask, stick, ranges).tolist() == [0, 0]
    mask[1] = False
    assert np.isnan(joint_limits_per_clip(hidden, mask, stick, ranges)).tolist() == [False, True]


def test_angles_never_seen_in_training_do_not_count(stick, travel):
    joints, mask = bent(stick, travel, np.linspace(-0.1, 0.1, 50))
    mask[..., HEAD] = False
    ranges = angle_ranges(joints, mask, stick)
    assert np.isnan(ranges).any() and not np.isnan(ranges).all()
    assert joint_limits(*bent(stick, travel, 0.5), stick, ranges) == 0


def test_errors(stick, travel):
    joints, mask = travel(np.zeros(2))
    with pytest.raises(ValueError, match=r"ranges \(2, 2\) do not fit the 5 angles of 'stick'"):
        joint_limits(joints, mask, stick, np.zeros((2, 2)))
    with pytest.raises(ValueError, match="no clip shows three joints"):
        angle_ranges(joints, np.zeros_like(mask), stick)
    # all joints in one place: bones without a length have no angle
    with pytest.raises(ValueError, match="joint_limits: none of 1 clips"):
        joint_limits(0 * joints, mask, stick, np.zeros((5, 2)))
