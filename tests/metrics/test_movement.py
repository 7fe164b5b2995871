import numpy as np
import pytest

from motiongen.metrics.movement import (
    jerk,
    jerk_per_clip,
    jitter,
    mean_speed,
    mean_speed_per_clip,
    speed_distance,
    static_share,
)

FPS = 20.0
TIME = np.arange(12) / FPS


def test_speed_of_a_steady_walk(travel):
    assert mean_speed(*travel(1.5 * TIME), FPS) == pytest.approx(1.5)


def test_jitter_of_a_steady_walk_is_zero_and_of_a_parabola_known(stick, travel):
    assert jitter(*travel(1.5 * TIME), stick) == pytest.approx(0, abs=1e-12)
    joints, mask = travel(0.01 * np.arange(12) ** 2)
    assert jitter(joints, mask, stick) == pytest.approx(0.02 / 3.0)
    assert jitter(1000 * joints, mask, stick) == pytest.approx(0.02 / 3.0)


def test_jitter_of_alternating_noise_by_hand(stick, travel):
    joints, mask = travel(0.01 * (-1.0) ** np.arange(12))
    assert jitter(joints, mask, stick) == pytest.approx(0.04 / 3.0)


def test_jerk_of_a_cubic_does_not_depend_on_fps(travel):
    for fps in (10.0, 20.0, 50.0):
        time = np.arange(12) / fps
        assert jerk(*travel(4 * time**3 + 2 * time**2), fps) == pytest.approx(24)


def test_noise_raises_and_smoothing_lowers_jerk(travel):
    rng = np.random.default_rng(0)
    joints, mask = travel(np.sin(TIME), clips=3)
    noise = rng.normal(size=joints.shape)
    values = [jerk(joints + s * noise, mask, FPS) for s in (0, 0.005, 0.02)]
    assert values == sorted(values)
    noisy = joints + 0.02 * noise
    smooth = (noisy[:, 2:] + noisy[:, 1:-1] + noisy[:, :-2]) / 3
    assert jerk(smooth, mask[:, 2:], FPS) < values[-1] / 2


def test_a_difference_counts_only_if_all_its_frames_are_seen(travel):
    joints, mask = travel(TIME)
    joints[0, 5] += 50
    mask[0, 5] = False
    assert mean_speed(joints, mask, FPS) == pytest.approx(1)
    assert jerk(joints, mask, FPS) == pytest.approx(0, abs=1e-6)


def test_gaps_are_not_bridged(travel):
    joints, mask = travel(TIME)
    mask[0, ::2] = False
    assert np.isnan(mean_speed_per_clip(joints, mask, FPS)).all()
    with pytest.raises(ValueError, match="mean_speed: none of 1 clips"):
        mean_speed(joints, mask, FPS)


def test_clips_weigh_the_same_whatever_their_length(travel):
    joints, mask = travel(TIME, clips=2)
    joints[1] *= 3
    mask[1, 4:] = False
    assert mean_speed(joints, mask, FPS) == pytest.approx((1 + 3) / 2)


def test_static_share(travel):
    joints = np.concatenate([travel(speed * TIME)[0] for speed in (0.0, 0.09, 0.11, 1.0)])
    mask = np.ones(joints.shape[:3], dtype=bool)
    assert static_share(joints, mask, FPS, 1.0) == 0.5
    mask[0] = False
    assert static_share(joints, mask, FPS, 1.0) == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="reference_speed: found 0"):
        static_share(joints, mask, FPS, 0.0)


class TestSpeedDistance:
    def test_closed_form(self, travel):
        real, fake = travel(TIME, clips=2), travel(1.75 * TIME, clips=3)
        assert speed_distance(*real, *fake, fps=FPS) == pytest.approx(0.75)
        assert speed_distance(*real, *real, fps=FPS) == pytest.approx(0, abs=1e-12)

    def test_sees_what_the_mean_does_not(self, travel):
        steady = travel(TIME, clips=2)
        uneven = np.concatenate([travel(s * TIME)[0] for s in (0.5, 1.5)]), steady[1]
        assert mean_speed(*uneven, FPS) == pytest.approx(mean_speed(*steady, FPS))
        assert speed_distance(*steady, *uneven, fps=FPS) == pytest.approx(0.5)

    def test_masks(self, travel, noisy):
        joints, mask = noisy
        hidden = np.where(mask[..., None], joints, np.nan)
        real = travel(TIME, clips=2)
        expected = speed_distance(*real, joints, mask, fps=FPS)
        assert speed_distance(*real, hidden, mask, fps=FPS) == expected

    def test_joints_never_seen_are_left_out(self, travel):
        real, (fake, mask) = travel(TIME), travel(1.5 * TIME)
        fake[..., 2, 0] = 0
        mask[..., 2] = False
        assert speed_distance(*real, fake, mask, fps=FPS) == pytest.approx(0.5)
        with pytest.raises(ValueError, match="no joint is seen"):
            speed_distance(*real, fake, np.zeros_like(mask), fps=FPS)


def test_nan_per_clip_keeps_its_place(travel):
    joints, mask = travel(TIME, clips=3)
    mask[1, 3:] = False
    assert np.isnan(jerk_per_clip(joints, mask, FPS)).tolist() == [False, True, False]
