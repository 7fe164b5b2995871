"""What fid does beside its definition (test_fidelity.py): classes, large sets, and without n."""

import numpy as np
import pytest

from motiongen.metrics import frechet
from motiongen.metrics.frechet import fid, fid_extrapolated, fid_per_class, moments


def normal(rows, columns=5, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns))


class TestLargeSets:
    """Blocks of float32, with the limit moved so that small sets count as large ones."""

    @pytest.fixture
    def small_limit(self, monkeypatch):
        monkeypatch.setattr(frechet, "LARGE_ROWS", 500)
        monkeypatch.setattr(frechet, "BLOCK_ROWS", 300)

    @staticmethod
    def both_ways(monkeypatch, real, fake):
        exact = fid(real, fake)
        monkeypatch.setattr(frechet, "LARGE_ROWS", 500)
        monkeypatch.setattr(frechet, "BLOCK_ROWS", 300)
        traces = real.var(0, ddof=1).sum() + fake.var(0, ddof=1).sum()
        return exact, fid(real, fake), traces

    @pytest.mark.parametrize("shift", [0.0, 0.5, 100.0])
    @pytest.mark.parametrize("spread", [1.0, 0.2, 0.04])
    def test_stated_error(self, monkeypatch, shift, spread):
        scale = np.geomspace(spread, 1, 40)
        real = normal(4000, 40) * scale + shift
        fake = normal(3000, 40, 1) * scale * 1.1 + shift
        exact, blocks, traces = self.both_ways(monkeypatch, real, fake)
        assert blocks != exact  # another way was taken
        assert abs(blocks - exact) < 1e-6 * traces

    def test_singular_covariances_are_summed_in_float64(self, monkeypatch):
        low = normal(3000, 5) @ normal(5, 40, 2)
        exact, blocks, traces = self.both_ways(monkeypatch, low, 1.3 * low + 0.1)
        assert abs(blocks - exact) < 1e-6 * traces

    def test_float32_features_are_not_copied_as_a_whole(self, small_limit, monkeypatch):
        monkeypatch.setattr(frechet, "feature_set", lambda *_: pytest.fail("copied"))
        real = normal(2000).astype(np.float32)
        assert fid(real, real) == pytest.approx(0, abs=1e-9)

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    @pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
    def test_not_finite_is_named(self, small_limit, bad):
        fake = normal(2000)
        fake[1234, 2] = bad
        with pytest.raises(ValueError, match="fake: row 1234, column 2 is (nan|inf); 1 of 2000"):
            fid(normal(2000), fake)

    def test_columns_must_agree(self, small_limit):
        with pytest.raises(ValueError, match="real has 5 columns, but fake has 6"):
            fid(normal(2000), normal(2000, 6))

    def test_order_does_not_matter(self, small_limit):
        real, fake = normal(2000), 1.2 * normal(1500, seed=1)
        shuffled = np.random.default_rng(0).permutation(fake)
        assert fid(real, shuffled) == pytest.approx(fid(real, fake), rel=1e-5)

    def test_one_large_set_and_one_small(self, small_limit):
        real, fake = normal(2000), normal(100, seed=1)
        assert fid(real, fake) == pytest.approx(fid(real.astype(np.float32), fake), rel=1e-5)
        assert moments(real, "real").rows == 2000


class TestPerClass:
    LABELS = np.repeat([0, 3, 4], 20)

    def test_is_fid_within_each_class(self):
        real, fake = normal(60), normal(60, seed=1) + self.LABELS[:, None]
        found = fid_per_class(real, self.LABELS, fake, self.LABELS)
        assert list(found) == [0, 3, 4]
        assert found[3] == fid(real[20:40], fake[20:40])
        assert found[4] > found[3] > found[0]

    def test_classes_that_one_set_lacks_are_left_out(self):
        labels = np.where(self.LABELS == 4, 7, self.LABELS)
        found = fid_per_class(normal(60), self.LABELS, normal(60, seed=1), labels)
        assert list(found) == [0, 3]
        with pytest.raises(ValueError, match="no class is in both"):
            fid_per_class(normal(60), self.LABELS, normal(60), self.LABELS + 10)

    def test_small_classes_are_refused_by_name(self):
        labels = self.LABELS.copy()
        labels[:11] = 3  # class 0 keeps 9 rows of 5 columns
        with pytest.raises(ValueError, match=r"need 10 rows .* too few: fake class 0 \(9\)$"):
            fid_per_class(normal(60), self.LABELS, normal(60), labels)

    def test_one_class(self):
        real, ones = normal(60), np.ones(60, dtype=int)
        assert fid_per_class(real, ones, real, ones) == {1: pytest.approx(0, abs=1e-9)}


class TestExtrapolated:
    def test_takes_most_of_the_bias_away(self):
        # 30 columns, the same distribution: fid is 0.44 at 1191 rows only because of n
        plain, without = [], []
        for seed in range(6):
            real, fake = normal(600, 15, 2 * seed), normal(600, 15, 2 * seed + 1)
            plain.append(fid(real, fake))
            without.append(fid_extrapolated(real, fake, np.random.default_rng(seed)))
        assert np.mean(plain) > 0.15
        assert abs(np.mean(without)) < 0.25 * np.mean(plain)

    def test_keeps_a_true_distance(self):
        true = 15 * 0.5**2
        found = [
            fid_extrapolated(
                normal(600, 15, 2 * s), normal(600, 15, 2 * s + 1) + 0.5, np.random.default_rng(s)
            )
            for s in range(6)
        ]
        assert np.mean(found) == pytest.approx(true, rel=0.05)

    def test_is_repeatable_and_takes_unequal_sets(self):
        real, fake = normal(200), normal(90, seed=1)
        first = fid_extrapolated(real, fake, np.random.default_rng(0))
        assert first == fid_extrapolated(real, fake, np.random.default_rng(0))

    def test_refuses_what_is_not_linear_yet(self):
        with pytest.raises(ValueError, match="19 rows for 5 columns; at least 20"):
            fid_extrapolated(normal(200), normal(19), np.random.default_rng(0))
