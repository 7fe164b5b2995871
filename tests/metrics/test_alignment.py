import numpy as np
import pytest

from motiongen.metrics.alignment import (
    align,
    auc,
    joint_errors,
    n_mpjpe,
    pa_mpjpe,
    pck,
    pose_errors,
)
from motiongen.metrics.pose import acceleration_error, mpjpe, mpjve


@pytest.fixture
def truth():
    return np.random.default_rng(0).normal(size=(3, 8, 6, 3))


def turned(poses, angle=0.7):
    c, s = np.cos(angle), np.sin(angle)
    return poses @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T


def full(poses):
    return np.ones(poses.shape[:-1], dtype=bool)


class TestAlignment:
    def test_scale_is_undone(self, truth):
        assert n_mpjpe(1.3 * truth, truth) == pytest.approx(0, abs=1e-12)
        assert n_mpjpe(truth + 0.1, truth) > 0.01

    def test_scale_is_about_the_origin_as_given(self, truth):
        moved = np.array([0, 0, 5.0])
        assert n_mpjpe(1.3 * truth + moved, truth + moved) > 0.05

    def test_scale_by_hand(self):
        pred, truth = np.array([[1.0, 0], [0, 1]]), np.array([[2.0, 0], [0, 4]])
        # s = (2 + 4) / 2 = 3: the errors are 1 and 1
        assert n_mpjpe(pred, truth) == pytest.approx(1)

    def test_similarity_is_undone(self, truth):
        moved = 0.4 * turned(truth) + np.array([3.0, -1, 2])
        assert mpjpe(moved, truth) > 1
        assert pa_mpjpe(moved, truth) == pytest.approx(0, abs=1e-12)
        np.testing.assert_allclose(align(moved, truth), truth, atol=1e-12)

    def test_mirrors_are_refused(self, truth):
        mirrored = truth * np.array([-1.0, 1, 1])
        assert pa_mpjpe(mirrored, truth) > 0.1
        flat = truth[..., :2]
        assert pa_mpjpe(flat * np.array([-1.0, 1]), flat) > 0.1

    def test_similarity_is_the_best_of_many(self, truth):
        rng = np.random.default_rng(1)
        pred, goal = rng.normal(size=(6, 3)), truth[0, 0]
        best = ((align(pred, goal) - goal) ** 2).sum()
        for _ in range(300):
            turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
            turn[:, 0] *= np.sign(np.linalg.det(turn))
            moved = (pred - pred.mean(0)) @ turn.T
            scale = (moved * (goal - goal.mean(0))).sum() / (moved**2).sum()
            assert ((scale * moved + goal.mean(0) - goal) ** 2).sum() >= best - 1e-9

    def test_every_frame_by_itself(self, truth):
        sizes = np.linspace(0.5, 2, 8)[:, None, None]
        assert n_mpjpe(sizes * truth, truth) == pytest.approx(0, abs=1e-12)

    def test_more_freedom_never_raises_the_squared_error(self, truth):
        pred = truth + 0.3 * np.random.default_rng(1).normal(size=truth.shape)
        squares = [
            (joint_errors(pred, truth, by=by)[0] ** 2).sum()
            for by in ("none", "scale", "similarity")
        ]
        assert squares == sorted(squares, reverse=True)

    def test_noise_raises_every_error(self, truth):
        noise = np.random.default_rng(1).normal(size=truth.shape)
        for metric in (n_mpjpe, pa_mpjpe):
            values = [metric(truth + s * noise, truth) for s in (0, 0.05, 0.3)]
            assert values == sorted(values) and values[0] < 1e-12


class TestMask:
    def test_values_under_the_mask_never_count(self, truth):
        rng = np.random.default_rng(2)
        mask = rng.random(truth.shape[:-1]) > 0.15
        noisy = turned(truth) + 0.1 * rng.normal(size=truth.shape)
        for metric in (n_mpjpe, pa_mpjpe, pck, auc):
            expected = metric(noisy, truth, mask)
            for hidden in (0.0, 1e9, np.nan):
                pred = np.where(mask[..., None], noisy, hidden)
                assert metric(pred, truth, mask) == expected
                assert metric(pred, np.where(mask[..., None], truth, hidden), mask) == expected

    def test_alignment_on_all_joints_while_some_count(self, truth):
        pred = truth + 0.2 * np.random.default_rng(3).normal(size=truth.shape)
        mask = full(truth)
        mask[..., 0] = False
        error = np.linalg.norm(align(pred, truth) - truth, axis=-1)
        assert pa_mpjpe(pred, truth, mask, align_on=full(truth)) == pytest.approx(
            error[..., 1:].mean()
        )
        assert pa_mpjpe(pred, truth, mask) != pytest.approx(error[..., 1:].mean())

    def test_frames_with_two_joints_would_always_fit(self, truth):
        pred = truth + np.random.default_rng(3).normal(size=truth.shape)
        mask = full(truth)
        mask[0, 0, 2:] = False
        error, counts = joint_errors(pred, truth, mask, by="similarity")
        assert not counts[0, 0].any() and counts[0, 1].all()
        assert pa_mpjpe(pred, truth, mask) == pytest.approx(error[counts].mean())
        with pytest.raises(ValueError, match="pa_mpjpe: nothing counts"):
            pa_mpjpe(pred[0, 0], truth[0, 0], mask[0, 0])

    def test_poses_in_one_point_cannot_be_aligned(self, truth):
        for metric in (n_mpjpe, pa_mpjpe):
            with pytest.raises(ValueError, match="nothing counts"):
                metric(np.zeros_like(truth), truth)


class TestShares:
    def test_pck_is_strict_and_in_percent(self):
        truth = np.zeros((4, 3))
        pred = np.array([[0, 0, 0], [0.1, 0, 0], [0.15, 0, 0], [0.2, 0, 0]])
        assert pck(pred, truth) == 50
        assert pck(1000 * pred, 1000 * truth, threshold=150.0) == 50
        assert pck(pred, truth, threshold=0.1) == 25

    def test_auc_is_the_plain_mean_with_the_threshold_of_zero(self):
        truth = np.zeros((2, 3))
        assert auc(truth, truth) == pytest.approx(100 * 30 / 31)
        # an error of 72 mm is below 75, 80, ..., 150 mm
        assert auc(truth + [0.072, 0, 0], truth) == pytest.approx(100 * 16 / 31)

    def test_alignment(self, truth):
        assert pck(1.5 * truth, truth) < 50
        assert pck(1.5 * truth, truth, by="scale") == 100
        assert auc(turned(truth), truth, by="similarity") == pytest.approx(100 * 30 / 31)


def test_all_in_millimetres(truth):
    pred = truth + 0.02
    found = pose_errors(pred, truth)
    assert found["mpjpe_mm"] == pytest.approx(20 * np.sqrt(3))
    assert found["mpjve_mm"] == 1000 * mpjve(pred, truth)
    assert found["acceleration_error_mm"] == 1000 * acceleration_error(pred, truth)
    assert found["pa_mpjpe_mm"] == pytest.approx(0, abs=1e-9)
    assert found["pck_percent"] == 100


def test_errors(truth):
    with pytest.raises(ValueError, match="threshold: found 0"):
        pck(truth, truth, threshold=0.0)
    with pytest.raises(ValueError, match="auc: nothing counts"):
        auc(truth, truth, ~full(truth))
    broken = truth.copy()
    broken[1, 2, 3] = np.nan
    with pytest.raises(ValueError, match=r"truth: position at \(1, 2, 3\) is not finite"):
        pa_mpjpe(truth, broken)


def test_unknown_alignment(truth, unchecked):
    with pytest.raises(ValueError, match="by: found 'affine'"):
        align(truth, truth, by="affine")
