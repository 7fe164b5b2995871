import numpy as np
import pytest

from motiongen.metrics.ground import ground_penetration, ground_penetration_per_clip
from motiongen.skeleton import Skeleton

FEET = [2, 4]


def test_standing_and_hopping_do_not_sink(stick, travel):
    joints, mask = travel(np.zeros(9), clips=2)
    joints[1, 4, :, 1] += 0.4
    assert ground_penetration(joints, mask, stick) == 0


def test_by_hand_wherever_the_floor_is(stick, travel):
    joints, mask = travel(np.zeros(10))
    joints[0, 3, 2, 1] -= 0.2  # one foot of one frame of ten
    for height in (0.0, -3.0, 5.0):
        moved = joints + np.array([0, height, 0])
        assert ground_penetration(moved, mask, stick) == pytest.approx(0.2 / 20)


def test_the_level_does_not_sink_with_the_feet(stick, travel):
    joints, mask = travel(np.zeros(20))
    joints[0, :8, FEET, 1] -= 0.1  # more often than a low quantile would bear
    assert ground_penetration(joints, mask, stick) == pytest.approx(0.1 * 8 / 20)


def test_noise_raises_it_by_known_amount(stick, travel):
    joints, mask = travel(np.zeros(4000))
    noise = np.random.default_rng(0).normal(size=joints.shape)
    joints[..., 2, 1] += 1.0  # one foot up, so the other alone gives the level
    values = [ground_penetration(joints + s * noise, mask, stick) for s in (0, 0.01, 0.02)]
    assert values[0] == 0
    # half of the frames of one of two feet, E max(0,z) = 0.399
    assert values[1] == pytest.approx(0.00399 / 2, rel=0.05)
    assert values[2] == pytest.approx(2 * values[1], rel=1e-6)


def test_masked_feet_do_not_count(stick, travel):
    joints, mask = travel(np.zeros(6), clips=2)
    joints[0, 2, 2, 1] = -9
    mask[0, 2, 2] = False
    mask[1, :, 4] = False  # never both feet: no level
    values = ground_penetration_per_clip(np.where(mask[..., None], joints, np.nan), mask, stick)
    assert values[0] == 0 and np.isnan(values[1])


def test_not_defined_is_none_and_never_zero(stick, travel):
    joints, mask = travel(np.zeros(3))
    assert ground_penetration(joints[..., :2], mask, stick) is None
    chain = Skeleton("chain", tuple("abcdef"), (-1, 0, 1, 2, 3, 4), tuple(range(6)))
    assert ground_penetration(joints, mask, chain) is None
    mask[:] = False
    assert ground_penetration(joints, mask, stick) is None
