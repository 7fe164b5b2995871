import numpy as np
import pytest

from motiongen.metrics.memorisation import (
    copy_share,
    feature_copy_share,
    inner_nn_ratio,
    nearest_training_clip,
    nearest_training_distance,
    nn_ratio,
)


def clips(count, seed=0, subject=0.0):
    """Smooth random clips [count,20,5,3], about 30 cm apart; `subject` shifts their style."""
    rng = np.random.default_rng(seed)
    time = np.linspace(0, 2 * np.pi, 20)[:, None, None]
    amplitude = 0.3 * rng.normal(size=(count, 1, 5, 3)) + subject
    return amplitude * np.sin(time + rng.random((count, 1, 5, 3))) + 0.5


def features(count, seed=0, columns=16):
    return np.random.default_rng(seed).normal(size=(count, columns))


def shaken(values, size, seed=9):
    return values + size * np.random.default_rng(seed).normal(size=values.shape)


class TestNearestTraining:
    def test_is_the_root_mean_square_over_joints_and_frames(self):
        train = clips(30)
        fake = train[[7, 3]].copy()
        fake[0, :, 2] += np.array([0.03, 0.0, 0.04])  # 5 cm at one joint of five
        distance, index = nearest_training_clip(fake, train)
        assert index.tolist() == [7, 3]
        assert distance[0] == pytest.approx(0.05 / np.sqrt(5))
        assert distance[1] == 0

    def test_agrees_with_direct_differences(self):
        fake, train = clips(20, 1), clips(35)
        direct = ((fake[:, None] - train[None]) ** 2).sum(-1).mean((2, 3)) ** 0.5
        distance, index = nearest_training_clip(fake, train)
        np.testing.assert_allclose(distance, direct.min(1), rtol=1e-12)
        np.testing.assert_array_equal(index, direct.argmin(1))
        assert nearest_training_distance(fake, train) == np.median(distance)

    def test_far_from_the_origin(self):
        fake, train = clips(20, 1) + 1e7, clips(35) + 1e7
        expected = nearest_training_clip(fake - 1e7, train - 1e7)
        found = nearest_training_clip(fake, train)
        np.testing.assert_array_equal(found[1], expected[1])
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-8)

    def test_more_than_one_block_of_rows(self, monkeypatch):
        fake, train = clips(20, 1), clips(35)
        whole = nearest_training_clip(fake, train)
        ratio = inner_nn_ratio(train, fake)
        monkeypatch.setattr("motiongen.metrics.distances.BLOCK_NUMBERS", 100)
        np.testing.assert_array_equal(nearest_training_clip(fake, train)[1], whole[1])
        assert inner_nn_ratio(train, fake) == ratio

    def test_two_dimensions(self):
        train = clips(10)[..., :2]
        assert nearest_training_distance(train, train) == 0


class TestCopyShare:
    def test_copies_are_counted(self):
        train = clips(100)
        fake = np.concatenate([shaken(train[:30], 0.005), clips(70, 1)])
        assert copy_share(fake, train) == 0.3
        assert copy_share(clips(50, 1), train) == 0

    def test_a_copier_with_3_cm_of_noise_escapes_it(self):
        # which is why it is never shown without feature_copy_share and nn_ratio
        train = clips(100)
        assert copy_share(shaken(train, 0.03), train) == 0

    def test_threshold_is_outside(self):
        train = np.zeros((2, 4, 1, 3))
        fake = train.copy()
        fake[0, ..., 0] = 0.03
        assert copy_share(fake, train) == 0.5
        assert copy_share(fake, train, threshold=0.031) == 1
        with pytest.raises(ValueError, match="threshold: found 0"):
            copy_share(fake, train, threshold=0.0)

    def test_in_feature_space(self):
        train = features(400)
        assert feature_copy_share(train, train) == 1
        assert feature_copy_share(shaken(train, 0.03), train) == 1
        assert feature_copy_share(features(400, 1), train) < 0.03
        half = np.concatenate([shaken(train[:200], 0.03), features(200, 1)])
        assert feature_copy_share(half, train) == pytest.approx(0.5, abs=0.03)

    def test_doubled_train_rows_hide_no_copy(self):
        train = np.repeat(features(100), 2, axis=0)
        assert feature_copy_share(train, train) == 1
        assert feature_copy_share(features(100, 1), train) == 0


class TestNnRatio:
    @pytest.mark.parametrize("noise", [0.0, 0.01, 0.03])
    def test_a_copier_is_flagged_beside_an_unseen_subject(self, noise):
        train, validation = clips(200), clips(200, 1, subject=0.05)
        unseen = clips(200, 2, subject=-0.05)
        healthy = nn_ratio(unseen, train, validation)
        assert nn_ratio(shaken(train, noise), train, validation) < healthy / 2

    def test_equal_distance_is_one(self):
        assert nn_ratio(np.zeros((3, 2)), np.ones((2, 2)), -np.ones((5, 2))) == 1
        assert nn_ratio(np.zeros((3, 2)), np.zeros((2, 2)), np.zeros((5, 2))) == 1

    def test_a_copy_of_validation_is_far_from_train(self):
        validation = features(20)
        assert nn_ratio(validation, features(20, 1), validation) == np.inf


class TestInnerNnRatio:
    def test_sees_each_collapse(self):
        real = features(400)
        modes = shaken(features(20, 1)[np.arange(400) % 20], 0.01)
        assert inner_nn_ratio(real, features(400, 2)) == pytest.approx(1, abs=0.1)
        assert inner_nn_ratio(real, 0.5 * features(400, 2)) == pytest.approx(0.5, abs=0.05)
        assert inner_nn_ratio(real, modes) < 0.05
        assert inner_nn_ratio(real, np.ones((400, 16))) == 0

    def test_refuses_a_doubled_reference(self):
        with pytest.raises(ValueError, match="most real rows are doubled"):
            inner_nn_ratio(np.ones((4, 2)), features(4, columns=2))


def test_order_of_rows_does_not_matter():
    rng, fake, train, other = (
        np.random.default_rng(0),
        features(50),
        features(60, 1),
        features(9, 2),
    )
    shuffled = rng.permutation(fake), rng.permutation(train)
    assert feature_copy_share(*shuffled) == feature_copy_share(fake, train)
    assert inner_nn_ratio(*shuffled) == pytest.approx(inner_nn_ratio(fake, train))
    assert nn_ratio(*shuffled, rng.permutation(other)) == pytest.approx(
        nn_ratio(fake, train, other)
    )


def test_errors_name_the_set():
    train = features(20)
    broken = train.copy()
    broken[3, 1] = np.nan
    with pytest.raises(ValueError, match="fake: row 3, column 1 is nan"):
        feature_copy_share(broken, train)
    with pytest.raises(ValueError, match="validation: row 3"):
        nn_ratio(train, train, broken)
    with pytest.raises(ValueError, match="train: found 0 rows"):
        nn_ratio(train, train[:0], train)
    with pytest.raises(ValueError, match="fake: found 1 rows, at least 2"):
        inner_nn_ratio(train, train[:1])
    with pytest.raises(ValueError, match="rows have 16 and 15 numbers"):
        feature_copy_share(train, train[:, :15])
    with pytest.raises(ValueError, match="fake: found 0 rows"):
        copy_share(np.zeros((0, 4, 2, 3)), np.zeros((3, 4, 2, 3)))
