import numpy as np
import pytest

from motiongen.metrics.marginals import acceleration_distance, bone_length_distance
from motiongen.metrics.movement import root_jerk, root_jerk_per_clip

FPS = 20.0
TIME = np.arange(12) / FPS
HEAD = 5


class TestAcceleration:
    def test_closed_form(self, travel):
        real, fake = travel(0.5 * 3.0 * TIME**2), travel(0.5 * 4.5 * TIME**2, clips=3)
        assert acceleration_distance(*real, *fake, fps=FPS) == pytest.approx(1.5)
        assert acceleration_distance(*real, *real, fps=FPS) == pytest.approx(0, abs=1e-9)

    def test_needs_three_frames_in_a_row(self, travel):
        real, (fake, mask) = travel(TIME), travel(TIME)
        mask[0, ::3] = False
        with pytest.raises(ValueError, match="acceleration_distance: no joint is seen"):
            acceleration_distance(*real, fake, mask, fps=FPS)

    def test_noise_raises_it(self, travel):
        joints, mask = travel(TIME, clips=3)
        noise = np.random.default_rng(0).normal(size=joints.shape)
        values = [
            acceleration_distance(joints, mask, joints + s * noise, mask, fps=FPS)
            for s in (0, 0.01, 0.05)
        ]
        assert values == sorted(values) and values[0] == pytest.approx(0, abs=1e-9)


class TestBoneLength:
    def test_closed_form(self, stick, travel):
        real, (fake, mask) = travel(TIME), travel(TIME, clips=2)
        fake[..., HEAD, 1] += 0.25  # one of five bones
        assert bone_length_distance(*real, fake, mask, skeleton=stick) == pytest.approx(0.05)

    def test_sees_stretching_that_keeps_the_mean(self, stick, travel):
        real, (fake, mask) = travel(TIME), travel(TIME)
        fake[..., HEAD, 1] += 0.1 * (-1.0) ** np.arange(12)
        assert bone_length_distance(*real, fake, mask, skeleton=stick) == pytest.approx(0.02)

    def test_hidden_bones_do_not_count(self, stick, travel):
        real, (fake, mask) = travel(TIME), travel(TIME)
        fake[..., HEAD, 1] = np.nan
        mask[..., HEAD] = False
        found = bone_length_distance(*real, fake, mask, skeleton=stick)
        assert found == pytest.approx(0, abs=1e-12)


class TestRootJerk:
    def test_of_a_cubic_is_known_and_only_the_centre_counts(self, stick, travel):
        joints, mask = travel(4 * TIME**3)
        joints[..., HEAD, :] += np.random.default_rng(0).normal(size=(1, 12, 3))
        assert root_jerk(joints, mask, stick, FPS) == pytest.approx(24)
        assert root_jerk(joints[..., :2], mask, stick, FPS) == pytest.approx(24)

    def test_masks(self, stick, travel):
        joints, mask = travel(4 * TIME**3, clips=2)
        joints[0, 5, 0] = np.nan
        mask[0, 5, 0] = False
        mask[1, :, 0] = False
        values = root_jerk_per_clip(joints, mask, stick, FPS)
        assert values[0] == pytest.approx(24) and np.isnan(values[1])
        with pytest.raises(ValueError, match="root_jerk: none of 1 clips"):
            root_jerk(joints[1:], mask[1:], stick, FPS)
