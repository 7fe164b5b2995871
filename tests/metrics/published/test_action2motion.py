import numpy as np
import pytest

from motiongen.metrics.frechet import fid
from motiongen.metrics.published.action2motion import (
    Sampled,
    action2motion_scores,
    fixed_count_accuracy,
    mean_distance_in_groups,
    published_interval,
    t2m_diversity,
    t2m_multimodality,
)
from motiongen.metrics.recognition import accuracy


def normal(rows, columns=5, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns))


class TestInterval:
    def test_variance_instead_of_the_deviation_of_the_mean(self):
        values = np.array([1.0, 3.0] * 10)  # mean 2, deviation 1 with divisor R
        found = published_interval(values)
        assert found.mean == 2
        assert found.half_width == pytest.approx(1.96 / np.sqrt(20))
        assert found.half_width_as_printed == pytest.approx(1.96)

    @pytest.mark.parametrize(
        ("deviation", "right", "printed"), [(0.05, 0.021, 0.005), (2.2, 0.94, 9.0)]
    )
    def test_what_it_did_to_tables(self, deviation, right, printed):
        values = normal(20, 1)[:, 0]
        values = (values - values.mean()) / values.std(ddof=1) * deviation
        found = published_interval(values)
        assert found.half_width == pytest.approx(right, rel=0.03)
        assert found.half_width_as_printed == pytest.approx(printed, rel=0.08)

    def test_needs_two_values(self):
        with pytest.raises(ValueError, match="values: found 1 rows"):
            published_interval(np.array([1.0]))


class TestScores:
    @staticmethod
    def sample(number):
        labels = np.arange(60) % 4
        return Sampled(normal(60, seed=number + 1), labels, np.where(labels == 3, 0, labels))

    def test_all_four_over_repetitions(self):
        real = normal(60)
        found = action2motion_scores(real, self.sample, np.random.default_rng(0), repetitions=5)
        expected = [fid(real, self.sample(number).features) for number in range(5)]
        assert found["fid"].mean == pytest.approx(np.mean(expected))
        assert found["accuracy"].mean == 0.75 and found["accuracy"].half_width == 0
        assert set(found) == {"fid", "accuracy", "diversity", "multimodality"}
        assert found["diversity"].repetitions == 5 and found["diversity"].half_width > 0

    def test_twenty_repetitions_are_the_default(self):
        found = action2motion_scores(normal(60), self.sample, np.random.default_rng(0))
        assert found["fid"].repetitions == 20

    def test_is_repeatable(self):
        args = normal(60), self.sample
        first, second = (
            action2motion_scores(*args, np.random.default_rng(3), repetitions=3) for _ in range(2)
        )
        assert first == second


def test_fixed_count_is_right_for_3000_clips_only():
    for count in (100, 3000):
        labels = np.arange(count) % 5
        predicted = np.where(labels == 0, 1, labels)
        published = fixed_count_accuracy(labels, predicted)
        assert published == pytest.approx(0.8 * count / 3000)
        assert accuracy(labels, predicted) == 0.8


class TestT2M:
    def test_diversity_without_replacement(self):
        # with all rows on both sides every row is used once on each
        line = np.arange(6.0)[:, None]
        found = t2m_diversity(line, np.random.default_rng(0), pairs=6)
        assert found * 6 == pytest.approx(round(found * 6))
        with pytest.raises(ValueError, match="at least 300"):
            t2m_diversity(line, np.random.default_rng(0))

    def test_same_members_in_every_group(self):
        features = np.array([[0.0], [1.0], [5.0], [10.0], [12.0], [19.0]])
        members, columns = np.array([[0, 1, 2], [3, 4, 5]]), np.array([[0, 1], [2, 0]])
        found = mean_distance_in_groups(features, members, columns)
        assert found == pytest.approx((1 + 5 + 2 + 9) / 4)

    def test_multimodality(self):
        labels = np.repeat([0, 4], 25)
        found = t2m_multimodality(
            normal(50) + 100 * labels[:, None], labels, np.random.default_rng(0)
        )
        assert 0 < found < 10
        with pytest.raises(ValueError, match="the smallest group has 3 rows"):
            t2m_multimodality(normal(28), labels[:28], np.random.default_rng(0))
