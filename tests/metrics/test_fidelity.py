import numpy as np
import pytest
from scipy.linalg import sqrtm

from motiongen.metrics.fidelity import (
    coverage,
    density,
    fid,
    kid,
    mms,
    mms_real,
    neighbour_scores,
    precision,
    recall,
)

ALL = (fid, kid, precision, recall, density, coverage, mms)


def normal(rows, columns, seed=0, scale=1.0, shift=0.0):
    return np.random.default_rng(seed).normal(size=(rows, columns)) * scale + shift


def with_moments(mean, deviation, rows=400, seed=0):
    """Rows whose sample mean and (diagonal) sample covariance are exactly as given."""
    rows = normal(rows, len(mean), seed)
    rows = rows - rows.mean(0)
    whitened = rows @ np.linalg.inv(np.linalg.cholesky(np.atleast_2d(np.cov(rows.T))).T)
    return whitened * deviation + mean


class TestFid:
    def test_closed_form_of_diagonal_gaussians(self):
        mean, other = np.array([0.0, 1.0, -2.0]), np.array([0.5, 1.0, 3.0])
        spread, wider = np.array([1.0, 2.0, 0.5]), np.array([1.5, 0.1, 0.5])
        value = fid(with_moments(mean, spread), with_moments(other, wider, 300, 1))
        assert value == pytest.approx(((mean - other) ** 2 + (spread - wider) ** 2).sum(), 1e-9)

    def test_equals_the_matrix_root(self):
        real, fake = normal(80, 6) @ normal(6, 6, 1), normal(70, 6, 2) @ normal(6, 6, 3)
        cov_real, cov_fake = np.cov(real.T), np.cov(fake.T)
        gap = real.mean(0) - fake.mean(0)
        trace = np.trace(cov_real + cov_fake - 2 * np.asarray(sqrtm(cov_real @ cov_fake)).real)
        assert fid(real, fake) == pytest.approx(gap @ gap + trace, rel=1e-9)

    @pytest.mark.parametrize("columns", [5, 30, 128])
    def test_identical_sets(self, columns):
        real = 3 * normal(200, columns)
        assert abs(fid(real, real)) < 1e-9
        assert abs(fid(real, real[::-1])) < 1e-9

    def test_fewer_rows_than_columns_warns(self):
        few, many = normal(20, 30), normal(60, 30)
        with pytest.warns(UserWarning, match="real has 20 rows for 30 columns"):
            fid(few, many)
        with pytest.warns(UserWarning, match="fake has 30 rows for 30 columns"):
            fid(many, many[:30])

    @pytest.mark.filterwarnings("ignore:fid. .* covariance is singular")
    def test_singular_covariances_are_exact(self):
        real = normal(20, 30)
        assert abs(fid(real, real)) < 1e-9
        assert fid(real, real + 0.5) == pytest.approx(30 * 0.25)
        assert fid(real - real.mean(0), 3 * (real - real.mean(0))) == pytest.approx(
            4 * real.var(0, ddof=1).sum()
        )

    def test_constant_features(self):
        real = np.ones((50, 4))
        assert fid(real, real) == 0
        assert fid(real, real + 2) == pytest.approx(16)
        assert fid(real, with_moments(np.ones(4), np.full(4, 2.0))) == pytest.approx(16)

    def test_a_single_column(self):
        real = with_moments(np.zeros(1), np.ones(1))
        assert fid(real, 3 * real) == pytest.approx(4)

    def test_float32_features_are_computed_in_float64(self):
        real, fake = normal(100, 5).astype(np.float32), normal(100, 5, 1).astype(np.float32)
        assert fid(real, fake) == fid(real.astype(np.float64), fake.astype(np.float64))


class TestKid:
    def test_direct_sum(self):
        real, fake = normal(7, 3), normal(5, 3, 1)
        k = lambda x, y: (x @ y / 3 + 1) ** 3  # noqa: E731
        within = lambda s: np.mean(  # noqa: E731
            [k(s[i], s[j]) for i in range(len(s)) for j in range(len(s)) if i != j]
        )
        between = np.mean([k(r, g) for r in real for g in fake])
        assert kid(real, fake) == pytest.approx(within(real) + within(fake) - 2 * between)

    def test_negative_on_identical_sets(self):
        real = normal(100, 10)
        assert kid(real, real) < 0

    def test_mean_is_zero_for_equal_distributions(self):
        values = [kid(normal(60, 5, 2 * s), normal(60, 5, 2 * s + 1)) for s in range(60)]
        assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(60)


class TestNeighbours:
    # On a line, k=1: real radii are 1, 1, 2, 4; the generated rows' radii are 3.5 and 3.5.
    REAL = np.array([[0.0], [1.0], [3.0], [7.0]])
    FAKE = np.array([[0.5], [4.0]])

    def test_by_hand(self):
        scores = neighbour_scores(self.REAL, self.FAKE, k=1)
        # 0.5 lies within 1 of rows 0 and 1; 4 within 2 of row 3 and within 4 of row 7
        assert scores.precision == 1
        assert scores.density == 4 / (1 * 2)
        assert scores.coverage == 1
        assert scores.recall == 1
        assert scores.mms == pytest.approx((0.5 + 1) / 2)
        assert scores.mms_real == pytest.approx((1 + 1 + 2 + 4) / 4)

    def test_a_tie_is_outside(self):
        real = np.array([[0.0], [1.0], [5.0]])  # radii 1, 1, 4
        fake = np.array([[-1.0], [2.0], [30.0]])  # |-1-0| = 1, |2-1| = 1: ties; |2-5| = 3 < 4
        scores = neighbour_scores(real, fake, k=1)
        assert scores.precision == pytest.approx(1 / 3)
        assert scores.density == pytest.approx(1 / 3)
        assert scores.coverage == pytest.approx(1 / 3)
        # seen from the other side: radii 1 and 1 around 0 and 1, and -1 and 2 lie on them
        ends, middle = np.array([[-1.0], [2.0]]), np.array([[0.0], [1.0]])
        assert neighbour_scores(ends, middle, k=1).recall == 0
        assert neighbour_scores(0.99 * ends, middle, k=1).recall == 1

    @pytest.mark.parametrize("k", [1, 3, 5])
    def test_exact_copies_give_exact_ties(self, k):
        real = normal(150, 30)
        scores = neighbour_scores(real, real, k)
        # of the k neighbours the last is a tie and outside, the row itself is inside
        assert scores.density == 1
        assert scores.precision == scores.recall == scores.coverage == 1
        assert scores.mms == 0
        assert scores.mms_real == mms_real(real)

    def test_radii_are_one_neighbour_apart(self):
        real, fake = normal(80, 4), normal(80, 4, 1)
        coverages = [coverage(real, fake, k) for k in range(1, 7)]
        assert coverages == sorted(coverages) and coverages[0] < coverages[-1]

    def test_single_functions_agree(self):
        real, fake = normal(60, 4), normal(50, 4, 1, shift=0.3)
        scores = neighbour_scores(real, fake, 4)
        for function in (precision, recall, density, coverage):
            assert function(real, fake, 4) == getattr(scores, function.__name__)
        assert mms(real, fake) == pytest.approx(scores.mms, rel=1e-12)

    def test_more_than_one_block_of_rows(self, monkeypatch):
        real, fake = normal(90, 6), normal(70, 6, 1)
        whole, whole_kid = neighbour_scores(real, fake), kid(real, fake)
        monkeypatch.setattr("motiongen.metrics.distances.BLOCK_NUMBERS", 333)
        assert neighbour_scores(real, fake) == whole
        assert kid(real, fake) == pytest.approx(whole_kid, rel=1e-10)

    def test_collapse_lowers_coverage(self):
        real = normal(300, 10)
        modes = normal(10, 10, 1)[np.arange(300) % 10] + 0.01 * normal(300, 10, 2)
        assert coverage(real, modes) < 0.3 < 0.8 < coverage(real, normal(300, 10, 3))

    def test_asymmetric_inputs_are_not_swapped(self):
        real, narrow = normal(300, 5), normal(200, 5, 1, scale=0.3)
        scores = neighbour_scores(real, narrow)
        assert scores.precision == 1 > scores.recall
        assert scores.density > 1

    @pytest.mark.parametrize("seed", range(6))
    def test_agrees_with_prdc(self, seed, capsys):
        prdc = pytest.importorskip("prdc")
        rng = np.random.default_rng(seed)
        n, m, columns, k = rng.integers(20, 120), rng.integers(20, 120), rng.integers(2, 40), 5
        real, fake = normal(n, columns, seed), normal(m, columns, seed + 50, 0.9, 0.1)
        theirs = prdc.compute_prdc(real, fake, nearest_k=k)
        ours = neighbour_scores(real, fake, k)
        for name, value in theirs.items():
            assert getattr(ours, name) == pytest.approx(value, abs=1e-12), name


@pytest.mark.parametrize("metric", ALL)
def test_order_of_rows_does_not_matter(metric):
    real, fake, rng = normal(90, 8), normal(70, 8, 1), np.random.default_rng(0)
    shuffled = metric(rng.permutation(real), rng.permutation(fake))
    assert shuffled == pytest.approx(metric(real, fake), rel=1e-9)


def test_more_noise_is_worse():
    real, other = normal(300, 8), normal(300, 8, 1)
    noisy = [other + noise * normal(300, 8, 2) for noise in (0.0, 0.5, 1.0, 2.0)]
    for metric in (fid, kid, mms):
        values = [metric(real, fake) for fake in noisy]
        assert values == sorted(values), metric
    for metric in (precision, density, coverage):
        values = [metric(real, fake) for fake in noisy]
        assert values == sorted(values, reverse=True), metric


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_named(metric, bad):
    real, fake = normal(30, 4), normal(30, 4, 1)
    fake[7, 2] = bad
    with pytest.raises(ValueError, match="fake: row 7, column 2 is (nan|inf); 1 of 30"):
        metric(real, fake)
    with pytest.raises(ValueError, match="real: row 7"):
        metric(fake, real)


@pytest.mark.parametrize("metric", ALL)
def test_too_few_rows_are_named(metric):
    with pytest.raises(ValueError, match="fake: found 1 rows"):
        metric(normal(30, 4), normal(1, 4))
    with pytest.raises(ValueError, match="real: found 0 rows"):
        metric(normal(0, 4), normal(30, 4))


def test_neighbour_metrics_need_more_than_k_rows():
    with pytest.raises(ValueError, match="real: found 5 rows, at least 6"):
        coverage(normal(5, 4), normal(30, 4), k=5)
    assert coverage(normal(6, 4), normal(6, 4), k=5) == 1
    with pytest.raises(ValueError, match="k: found 0"):
        coverage(normal(6, 4), normal(6, 4), k=0)


def test_columns_must_agree():
    with pytest.raises(ValueError, match="real has 4 columns, but fake has 5"):
        fid(normal(30, 4), normal(30, 5))
