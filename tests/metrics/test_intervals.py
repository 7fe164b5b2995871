import numpy as np
import pytest
from scipy import stats

from motiongen.metrics.intervals import (
    bootstrap_interval,
    holm,
    paired_comparison,
    student_interval,
)


def rng(seed=0):
    return np.random.default_rng(seed)


class TestStudent:
    def test_closed_form_with_the_deviation_and_not_the_variance(self):
        found = student_interval([1.0, 2.0, 3.0, 4.0, 5.0], over="training seeds")
        half = 2.7764451 * np.sqrt(2.5) / np.sqrt(5)  # t(0.975, 4)
        assert (found.mean, found.n) == (3, 5)
        assert found.low == pytest.approx(3 - half) and found.high == pytest.approx(3 + half)
        assert found.kind == "95% Student t over 5 training seeds"

    def test_scales_with_the_unit(self):
        values = rng().normal(size=8)
        one, thousand = student_interval(values), student_interval(1000 * values)
        assert thousand.high - thousand.low == pytest.approx(1000 * (one.high - one.low))

    def test_covers_the_mean_as_often_as_it_says(self):
        draws = [student_interval(row, level=0.8) for row in rng().normal(size=(2000, 5))]
        assert np.mean([i.low < 0 < i.high for i in draws]) == pytest.approx(0.8, abs=0.03)

    @pytest.mark.parametrize("values", [[1.0], [], [1.0, float("nan")]])
    def test_refuses(self, values):
        with pytest.raises(ValueError, match="values"):
            student_interval(values)

    def test_refuses_a_level_in_percent(self):
        with pytest.raises(ValueError, match="level"):
            student_interval([1.0, 2.0], level=95.0)


class TestBootstrap:
    def test_is_near_the_normal_interval_for_many_clips(self):
        values = rng().normal(size=400)
        found = bootstrap_interval(values, rng(1))
        half = 1.96 * values.std() / 20
        assert found.mean == pytest.approx(values.mean())
        assert found.low == pytest.approx(values.mean() - half, abs=0.01)
        assert found.high == pytest.approx(values.mean() + half, abs=0.01)
        assert found.kind == "95% bootstrap over 400 clips"

    def test_same_seed_same_interval(self):
        values = rng().normal(size=50)
        assert bootstrap_interval(values, rng(1)) == bootstrap_interval(values, rng(1))

    def test_subjects_that_differ_widen_it(self):
        subjects = np.repeat([f"s{i}" for i in range(10)], 20)
        values = np.repeat(rng().normal(size=10), 20) + 0.1 * rng(1).normal(size=200)
        over_clips = bootstrap_interval(values, rng(2))
        over_subjects = bootstrap_interval(values, rng(2), groups=subjects)
        assert over_subjects.kind == "95% bootstrap over 10 subjects"
        assert over_subjects.n == 200
        wider = (over_subjects.high - over_subjects.low) / (over_clips.high - over_clips.low)
        assert wider > 3

    def test_too_few_subjects_fall_back_to_clips(self):
        subjects = np.repeat(np.arange(7), 10)
        found = bootstrap_interval(rng().normal(size=70), rng(), groups=subjects)
        assert found.kind == "95% bootstrap over 70 clips"

    def test_clips_without_a_value_are_left_out(self):
        values = np.array([1.0, np.nan, 3.0, 2.0, np.nan])
        found = bootstrap_interval(values, rng())
        assert (found.mean, found.n) == (2, 3)
        assert 1 <= found.low <= found.high <= 3

    def test_refuses(self):
        with pytest.raises(ValueError, match="at least 2"):
            bootstrap_interval(np.array([1.0, np.nan]), rng())
        with pytest.raises(ValueError, match="number 1 is inf"):
            bootstrap_interval(np.array([1.0, np.inf]), rng())
        with pytest.raises(ValueError, match="groups"):
            bootstrap_interval(np.ones(4), rng(), groups=["a", "b"])


class TestPaired:
    def test_equals_the_test_on_the_differences(self):
        first, second = rng().normal(size=6), rng(1).normal(size=6)
        found, gap = paired_comparison(first, second, over="folds"), first - second
        assert found.p_value == pytest.approx(stats.ttest_1samp(gap, 0).pvalue)
        assert found.effect == pytest.approx(gap.mean() / gap.std(ddof=1))
        assert found.difference == student_interval(gap, over="folds")
        assert found.test == "paired t-test over 6 folds, two-sided"

    def test_p_is_below_five_percent_when_the_interval_leaves_zero(self):
        for seed in range(20):
            found = paired_comparison(rng(seed).normal(size=5) + 0.8, np.zeros(5))
            outside = found.difference.low > 0 or found.difference.high < 0
            assert outside == (found.p_value < 0.05)

    def test_a_constant_difference_is_as_sure_as_its_signs(self):
        same = paired_comparison([1.0, 2.0, 4.0], [1.0, 2.0, 4.0])
        assert (same.p_value, same.effect) == (1, 0)
        lower = paired_comparison([1.0, 2.0, 4.0], [2.0, 3.0, 5.0])
        assert (lower.p_value, lower.effect) == (0.25, -np.inf)

    def test_few_repetitions_prove_little(self):
        # the spread of two or three differences may be small by chance
        assert paired_comparison([0.85, 0.9], [0.8, 0.85]).p_value == 0.5
        assert paired_comparison([0.85, 0.9, 0.8], [0.8, 0.851, 0.75]).p_value == 0.25
        five = paired_comparison([0.85, 0.9, 0.8, 0.8, 0.9], [0.8, 0.851, 0.75, 0.749, 0.85])
        assert five.p_value < 1e-3

    def test_refuses_other_numbers_of_values(self):
        with pytest.raises(ValueError, match="first has 3 values, but second has 2"):
            paired_comparison([1.0, 2.0, 3.0], [1.0, 2.0])


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []
    with pytest.raises(ValueError, match="p values"):
        holm([0.1, 1.2])
