import numpy as np
import pytest

from motiongen.metrics.ground import foot_skate, foot_skate_per_clip
from motiongen.metrics.naturalness import (
    bone_length_variation,
    bone_length_variation_per_clip,
    bone_symmetry,
    bone_symmetry_per_clip,
    naturalness_per_clip,
)
from motiongen.skeleton import Skeleton

LEFT_FOOT, HEAD = 2, 5


class TestBoneLengths:
    def test_rigid_body_has_none(self, stick, travel):
        joints, mask = travel(np.linspace(0, 2, 12), clips=3)
        turned = joints @ np.array([[0.6, 0, -0.8], [0, 1, 0], [0.8, 0, 0.6]])
        assert bone_length_variation(turned, mask, stick) == pytest.approx(0, abs=1e-12)

    def test_closed_form(self, stick, travel):
        joints, mask = travel(np.zeros(4))
        joints[0, :, HEAD, 1] = 1 + np.array([0.4, 0.8, 0.4, 0.8])
        # standard deviation 0.2, median 0.6; the other four bones are rigid
        assert bone_length_variation(joints, mask, stick) == pytest.approx(0.2 / 0.6 / 5)

    def test_bones_seen_once_do_not_count(self, stick, travel):
        joints, mask = travel(np.zeros(4))
        joints[0, :, HEAD, 1] = 1 + np.array([0.4, 0.8, 0.4, 0.8])
        mask[0, 1:, LEFT_FOOT] = False
        assert bone_length_variation(joints, mask, stick) == pytest.approx(0.2 / 0.6 / 4)

    def test_is_free_of_size_and_grows_with_noise(self, stick, travel):
        rng = np.random.default_rng(0)
        joints, mask = travel(np.zeros(30), clips=3)
        noise = rng.normal(size=joints.shape)
        values = [bone_length_variation(joints + s * noise, mask, stick) for s in (0, 0.01, 0.05)]
        assert values == sorted(values) and values[1] > 0
        large = bone_length_variation(100 * (joints + 0.01 * noise), mask, stick)
        assert large == pytest.approx(values[1])

    def test_per_clip_is_nan_where_nothing_is_seen_twice(self, stick, travel):
        joints, mask = travel(np.zeros(4), clips=3)
        mask[1, 1:] = False
        values = bone_length_variation_per_clip(joints, mask, stick)
        assert np.isnan(values).tolist() == [False, True, False]
        with pytest.raises(ValueError, match="bone_length_cv: none of 1 clips"):
            bone_length_variation(joints[1:2], mask[1:2], stick)

    def test_two_dimensions(self, stick, travel):
        joints, mask = travel(np.zeros(5))
        assert bone_length_variation(joints[..., :2], mask, stick) == 0


class TestSymmetry:
    def test_closed_form(self, stick, travel):
        joints, mask = travel(np.zeros(3))
        assert bone_symmetry(joints, mask, stick) == pytest.approx(0, abs=1e-12)
        joints[..., LEFT_FOOT, 1] = -0.5  # left leg 1.5, right leg 1; hips equal
        assert bone_symmetry(joints, mask, stick) == pytest.approx(0.5 / 1.25 / 2)

    def test_needs_both_sides(self, stick, travel):
        joints, mask = travel(np.zeros(3))
        mask[..., LEFT_FOOT] = False
        joints[..., LEFT_FOOT, 1] = -0.5
        assert bone_symmetry(joints, mask, stick) == pytest.approx(0, abs=1e-12)

    def test_is_nan_for_a_skeleton_without_sides(self, travel):
        chain = Skeleton("chain", tuple("abcdef"), (-1, 0, 1, 2, 3, 4), tuple(range(6)))
        joints, mask = travel(np.zeros(3))
        assert np.isnan(bone_symmetry_per_clip(joints, mask, chain)).all()


class TestFootSkate:
    FPS = 20.0

    def test_standing_and_sliding(self, stick, travel):
        assert foot_skate(*travel(np.zeros(10)), stick, self.FPS) == 0
        fast, slow = 0.03 * np.arange(10), 0.02 * np.arange(10)  # 0.6 and 0.4 m/s
        assert foot_skate(*travel(fast), stick, self.FPS) == 1
        assert foot_skate(*travel(slow), stick, self.FPS) == 0

    def test_share_of_the_steps_on_the_ground(self, stick, travel):
        joints, mask = travel(np.zeros(9))
        joints[0, 4:, LEFT_FOOT, 1] = 0.3  # in the air from frame 4: may move
        joints[0, 4:, LEFT_FOOT, 0] += np.arange(5)
        assert foot_skate(joints, mask, stick, self.FPS) == 0
        joints[0, 8, LEFT_FOOT, 1] = (
            0  # lands at the last frame, still fast: no step on the ground
        )
        assert foot_skate(joints, mask, stick, self.FPS) == 0
        joints[0, 2:, LEFT_FOOT, 0] += 0.1  # one slide; 3 steps of the left foot, 8 of the right
        assert foot_skate(joints, mask, stick, self.FPS) == pytest.approx(1 / 11)

    def test_floor_of_the_clip(self, stick, travel):
        joints, mask = travel(0.03 * np.arange(10))
        joints[..., 1] += 7
        assert foot_skate(joints, mask, stick, self.FPS) == 1

    def test_not_defined(self, stick, travel):
        joints, mask = travel(0.03 * np.arange(10), clips=2)
        assert foot_skate(joints[..., :2], mask, stick, self.FPS) is None
        feetless = Skeleton("feetless", stick.joints, stick.parents, stick.mirror)
        assert foot_skate(joints, mask, feetless, self.FPS) is None
        mask[1] = False
        values = foot_skate_per_clip(joints, mask, stick, self.FPS)
        assert values[0] == 1 and np.isnan(values[1])
        assert foot_skate(joints[1:], mask[1:], stick, self.FPS) is None


class TestMask:
    def test_values_under_the_mask_never_count(self, stick, noisy):
        joints, mask = noisy
        expected = naturalness_per_clip(joints, mask, stick, 20.0)
        for hidden in (0.0, 1e6, np.nan, np.inf):
            other = np.where(mask[..., None], joints, hidden)
            found = naturalness_per_clip(other, mask, stick, 20.0)
            for name, values in expected.items():
                np.testing.assert_array_equal(found[name], values, err_msg=name)

    def test_padding_and_companions_never_count(self, stick, noisy):
        joints, mask = noisy
        expected = naturalness_per_clip(joints, mask, stick, 20.0)
        longer = np.concatenate([joints, 9 * joints], axis=1)
        padded = np.concatenate([mask, np.zeros_like(mask)], axis=1)
        order = [2, 0, 3, 1]
        found = naturalness_per_clip(longer[order], padded[order], stick, 20.0)
        for name, values in expected.items():
            np.testing.assert_allclose(found[name], values[order], rtol=1e-9, err_msg=name)

    def test_nothing_seen_is_nan_without_a_warning(self, stick, noisy):
        joints, mask = noisy
        found = naturalness_per_clip(joints, np.zeros_like(mask), stick, 20.0)
        assert all(np.isnan(values).all() for values in found.values())

    @pytest.mark.parametrize("frames", [0, 1, 2, 3])
    def test_short_clips_are_nan_without_a_warning(self, stick, travel, frames):
        joints, mask = travel(np.zeros(frames), clips=2)
        found = naturalness_per_clip(joints, mask, stick, 20.0)
        assert np.isnan(found["jerk"]).all()
        assert np.isnan(found["mean_speed"]).all() == (frames < 2)

    def test_median_of_what_is_seen(self, stick, travel):
        rng = np.random.default_rng(0)
        joints, mask = travel(np.zeros(9))
        joints[0, :, HEAD, 1] += rng.random(9)
        for frames in range(2, 10):
            mask[:] = False
            mask[0, :frames, [0, HEAD]] = True
            length = joints[0, :frames, HEAD, 1] - 1
            expected = length.std() / np.median(length)
            assert bone_length_variation(joints, mask, stick) == pytest.approx(expected)


class TestErrors:
    def test_visible_nan_is_named(self, stick, noisy):
        joints, mask = noisy
        joints[2, 5, 3] = np.nan
        mask[2, 5, 3] = True
        with pytest.raises(ValueError, match="clip 2, frame 5, joint 3 is visible"):
            bone_length_variation(joints, mask, stick)

    def test_another_skeleton(self, stick, travel):
        joints, mask = travel(np.zeros(3))
        with pytest.raises(ValueError, match="do not fit skeleton 'stick' with 6 joints"):
            bone_length_variation(joints[:, :, :5], mask[:, :, :5], stick)

    def test_no_clips(self, stick):
        with pytest.raises(ValueError, match="must be"):
            bone_length_variation(np.zeros((0, 4, 6, 3)), np.zeros((0, 4, 6), bool), stick)

    def test_fps(self, stick, travel):
        with pytest.raises(ValueError, match="fps: found 0"):
            foot_skate(*travel(np.zeros(3)), stick, 0.0)
