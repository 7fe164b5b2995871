import numpy as np
import pytest

from motiongen.metrics.pose import acceleration_error, mpjpe, mpjve


@pytest.fixture
def truth():
    return np.random.default_rng(0).normal(size=(3, 8, 5, 3))


def full(joints):
    return np.ones(joints.shape[:-1], dtype=bool)


def test_identical_motions(truth):
    for metric in (mpjpe, mpjve, acceleration_error):
        assert metric(truth, truth) == 0


def test_an_offset_is_an_error_of_place_only(truth):
    moved = truth + np.array([0.3, 0.0, -0.4])
    assert mpjpe(moved, truth) == pytest.approx(0.5)
    assert mpjve(moved, truth) == pytest.approx(0, abs=1e-12)
    assert acceleration_error(moved, truth) == pytest.approx(0, abs=1e-12)


def test_drift_and_acceleration(truth):
    frames = np.arange(8.0)[:, None, None]
    drifting = truth + frames * np.array([0.0, 0.01, 0.0])
    assert mpjve(drifting, truth) == pytest.approx(0.01)
    assert acceleration_error(drifting, truth) == pytest.approx(0, abs=1e-12)
    speeding = truth + frames**2 * np.array([0.0, 0.01, 0.0])
    assert acceleration_error(speeding, truth) == pytest.approx(0.02)


def test_noise_raises_every_error(truth):
    noise = np.random.default_rng(1).normal(size=truth.shape)
    for metric in (mpjpe, mpjve, acceleration_error):
        values = [metric(truth + s * noise, truth) for s in (0, 0.01, 0.1)]
        assert values == sorted(values) and values[0] == 0


def test_values_under_the_mask_never_count(truth):
    rng = np.random.default_rng(2)
    mask = rng.random(truth.shape[:-1]) > 0.15
    noisy = truth + rng.normal(size=truth.shape)
    for metric in (mpjpe, mpjve, acceleration_error):
        expected = metric(noisy, truth, mask)
        for hidden in (0.0, 1e9, np.nan):
            pred = np.where(mask[..., None], noisy, hidden)
            assert metric(pred, truth, mask) == expected
            assert metric(pred, np.where(mask[..., None], truth, hidden), mask) == expected


def test_a_difference_counts_only_if_all_its_frames_do(truth):
    pred, mask = truth + 1, full(truth)
    pred[:, 4] += 5
    mask[:, 4] = False
    assert mpjpe(pred, truth, mask) == pytest.approx(np.sqrt(3))
    assert mpjve(pred, truth, mask) == pytest.approx(0, abs=1e-12)
    assert acceleration_error(pred, truth, mask) == pytest.approx(0, abs=1e-12)
    assert acceleration_error(pred, truth) > 0


def test_one_frame_without_leading_axes(truth):
    assert mpjpe(truth[0, 0] + 1, truth[0, 0]) == pytest.approx(np.sqrt(3))
    with pytest.raises(ValueError, match="acceleration_error: .* fewer than 3 frames"):
        acceleration_error(truth[:, :2], truth[:, :2])


def test_errors(truth):
    with pytest.raises(ValueError, match="leaves nothing"):
        mpjpe(truth, truth, ~full(truth))
    broken = truth.copy()
    broken[1, 2, 3] = np.nan
    with pytest.raises(ValueError, match=r"pred: position at \(1, 2, 3\) is not finite"):
        mpjpe(broken, truth)
    with pytest.raises((ValueError, TypeError)):  # jaxtyping speaks first under pytest
        mpjpe(truth[:, :4], truth)
