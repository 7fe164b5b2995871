import numpy as np
import pytest

from motiongen.metrics.fidelity import kid, precision, recall
from motiongen.metrics.published.mdm import mdm_kid, mdm_precision, mdm_recall


def normal(rows, columns=5, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns))


class TestKid:
    def test_small_sets_are_cut_and_used_whole(self):
        real, fake = normal(60), normal(40, seed=1) + 0.2
        assert mdm_kid(real, fake) == kid(real[:40], fake)
        assert mdm_kid(real, fake) != pytest.approx(kid(real, fake))

    def test_subsets_are_drawn_without_replacement(self):
        # subsets of all rows but one: with replacement rows would meet themselves
        real, fake = normal(31), normal(31, seed=1)
        found = mdm_kid(real, fake, np.random.default_rng(0), rows=30, subsets=40)
        assert found == pytest.approx(kid(real, fake), abs=0.1 * abs(kid(real, real)))

    def test_large_sets_need_a_generator_and_are_repeatable(self):
        real, fake = normal(50), normal(50, seed=1)
        with pytest.raises(ValueError, match="50 rows; above 20 subsets are drawn"):
            mdm_kid(real, fake, rows=20)
        first, again, other = (
            mdm_kid(real, fake, np.random.default_rng(s), rows=20, subsets=3) for s in (0, 0, 1)
        )
        assert first == again != other


class TestShares:
    def test_a_tie_is_inside(self):
        real = np.array([[0.0], [1.0], [5.0]])  # radii 1, 1, 4 for k = 1
        fake = np.array([[-1.0], [2.0], [30.0]])
        assert mdm_precision(real, fake, k=1) == pytest.approx(2 / 3)
        assert precision(real, fake, k=1) == pytest.approx(1 / 3)

    def test_recall_is_precision_the_other_way_round(self):
        real, fake = normal(40), 0.3 * normal(40, seed=1)
        assert mdm_recall(real, fake) == mdm_precision(fake, real) < mdm_precision(real, fake)

    def test_only_the_first_rows_count(self):
        real, fake = normal(80), normal(40, seed=1)
        far = real.copy()
        far[40:] += 1000
        assert mdm_precision(far, fake) == mdm_precision(real, fake)
        flipped = far[::-1].copy()
        assert mdm_precision(flipped, fake) == 0  # the order decides
        assert precision(flipped, fake, 3) == precision(far, fake, 3) > 0.5
        assert recall(flipped, fake, 3) == recall(far, fake, 3)

    def test_needs_more_rows_than_k(self):
        with pytest.raises(ValueError, match="k: found 3 for 3 rows"):
            mdm_recall(normal(3), normal(5))
