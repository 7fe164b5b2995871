import numpy as np
import pytest

from motiongen.metrics import diversity
from motiongen.metrics.diversity import (
    acpd,
    apd,
    apd_per_class,
    apd_ratio,
    distinct_pairs,
    mean_pair_distance,
    multimodality,
)
from motiongen.metrics.recognition import absent_classes

LINE = np.array([[0.0], [1.0], [4.0]])


def normal(rows, columns=5, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns))


def test_apd_by_hand():
    assert apd(LINE) == pytest.approx((1 + 4 + 3) / 3)


def test_apd_of_pairs_with_replacement_is_smaller_by_the_share_of_self_pairs():
    features = normal(40)
    everything = np.array([(i, j) for i in range(40) for j in range(40)])
    assert mean_pair_distance(features, everything) == pytest.approx(apd(features) * 39 / 40)


def test_apd_ignores_the_order_of_rows_and_the_generator():
    features = normal(50)
    shuffled = np.random.default_rng(1).permutation(features)
    assert apd(shuffled, np.random.default_rng(2)) == pytest.approx(apd(features), rel=1e-12)


def test_apd_of_a_large_set_is_drawn_and_repeatable(monkeypatch):
    features = normal(300)
    whole = apd(features)
    monkeypatch.setattr(diversity, "ALL_PAIRS_ROWS", 100)
    drawn = apd(features, np.random.default_rng(3))
    assert drawn == apd(features, np.random.default_rng(3)) != whole
    assert drawn == pytest.approx(whole, rel=0.01)
    with pytest.raises(ValueError, match="pass rng"):
        apd(features)


def test_drawn_pairs_are_distinct(monkeypatch):
    monkeypatch.setattr(diversity, "ALL_PAIRS_ROWS", 1)
    assert apd(np.array([[0.0], [3.0]]), np.random.default_rng(0)) == 3


def test_acpd_by_hand_with_a_gap_in_the_class_numbers():
    features = np.array([[0.0], [1.0], [4.0], [10.0], [12.0], [99.0]])
    labels = np.array([0, 0, 0, 7, 7, 3])
    assert apd_per_class(features, labels) == {0: pytest.approx(8 / 3), 7: 2.0}
    assert acpd(features, labels) == pytest.approx((8 / 3 + 2) / 2)
    assert absent_classes(labels, 9) == [1, 2, 4, 5, 6, 8]
    assert absent_classes(labels, 9, at_least=2) == [1, 2, 3, 4, 5, 6, 8]


def test_acpd_of_one_class_is_apd():
    assert acpd(normal(20), np.zeros(20, dtype=int)) == apd(normal(20))


def test_apd_ratio_sees_halved_variance_and_constant_samples():
    real = normal(100)
    assert apd_ratio(real, real) == 1
    assert apd_ratio(real, 0.5 * real + 3) == pytest.approx(0.5)
    assert apd_ratio(real, np.ones((100, 5))) == 0
    with pytest.raises(ValueError, match="all real rows are equal"):
        apd_ratio(np.ones((100, 5)), real)


def test_more_noise_spreads_more():
    base, noise = normal(100), normal(100, seed=1)
    values = [apd(base + s * noise) for s in (0.0, 0.5, 1.0, 2.0)]
    assert values == sorted(values)


def test_errors():
    with pytest.raises(ValueError, match="found 1 rows"):
        apd(LINE[:1])
    with pytest.raises(ValueError, match="row 1, column 0 is nan"):
        apd(np.array([[0.0], [np.nan]]))
    with pytest.raises(ValueError, match="no class has two rows"):
        acpd(LINE, np.array([0, 1, 2]))
    with pytest.raises(ValueError, match="row 2 has class -1"):
        acpd(LINE, np.array([0, 0, -1]))
    with pytest.raises(ValueError, match="found none"):
        mean_pair_distance(LINE, np.zeros((0, 2), dtype=int))


class TestLegacy:
    def test_diversity_draws_with_replacement(self):
        # of two rows half of the pairs are a row with itself
        pair = np.array([[0.0], [2.0]])
        found = diversity.diversity(pair, np.random.default_rng(0), pairs=20_000)
        assert found == pytest.approx(1, rel=0.03)
        assert apd(pair) == 2

    def test_diversity_is_repeatable_and_near_apd(self):
        features = normal(300)
        values = [diversity.diversity(features, np.random.default_rng(s)) for s in (0, 0, 1)]
        assert values[0] == values[1] != values[2]
        many = diversity.diversity(features, np.random.default_rng(2), pairs=50_000)
        assert many == pytest.approx(apd(features) * 299 / 300, rel=0.01)

    def test_multimodality_is_within_classes(self):
        labels = np.arange(60) % 3
        far = normal(60) + 1000.0 * labels[:, None]
        assert multimodality(far, labels, np.random.default_rng(0)) < 10
        assert diversity.diversity(far, np.random.default_rng(0)) > 100

    def test_multimodality_without_a_class_and_with_one_of_one_row(self):
        labels = np.array([0] * 30 + [5] * 30 + [7])
        features = normal(61)
        features[-1] = 1e6
        found = multimodality(features, labels, np.random.default_rng(0), pairs=5000)
        per_class = [apd(features[:30]) * 29 / 30, apd(features[30:60]) * 29 / 30]
        assert found == pytest.approx(np.mean(per_class), rel=0.02)

    def test_multimodality_of_one_class_and_of_constant_features(self):
        ones = np.ones(20, dtype=int)
        assert multimodality(normal(20), ones, np.random.default_rng(0)) > 0
        assert multimodality(np.ones((20, 3)), ones, np.random.default_rng(0)) == 0
        with pytest.raises(ValueError, match="no class has two rows"):
            multimodality(LINE, np.array([0, 1, 2]), np.random.default_rng(0))


def test_distinct_pairs():
    assert distinct_pairs(3, 3).tolist() == [[0, 1], [0, 2], [1, 2]]
    drawn = distinct_pairs(50, 200, np.random.default_rng(0))
    assert len({tuple(pair) for pair in drawn.tolist()}) == 200
    assert (drawn[:, 0] < drawn[:, 1]).all()
    with pytest.raises(ValueError, match="pass rng"):
        distinct_pairs(50, 200)
    with pytest.raises(ValueError, match="found 1 rows"):
        distinct_pairs(1, 5)
