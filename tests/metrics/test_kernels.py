import numpy as np
import pytest

from motiongen.metrics import kernels
from motiongen.metrics.kernels import median_bandwidth, mmd2_rbf


def normal(rows, columns=5, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns))


def test_two_points_by_hand():
    real, fake = np.array([[0.0], [1.0]]), np.array([[2.0], [2.0]])
    near, far, same = np.exp(-1 / 2), np.exp(-4 / 2), 1.0
    between = (2 * far + 2 * near) / 4
    biased = (2 + 2 * near) / 4 + same - 2 * between
    assert mmd2_rbf(real, fake, 2.0, unbiased=False) == pytest.approx(biased)
    assert mmd2_rbf(real, fake, 2.0) == pytest.approx(near + same - 2 * between)


def test_gaussians_in_closed_form():
    # E k(x,y) of N(a,1) and N(b,1) is sqrt(B/(B+4)) exp(-(a-b)^2/(B+4))
    width, shift = 3.0, 1.0
    level = np.sqrt(width / (width + 4))
    expected = 2 * level * (1 - np.exp(-(shift**2) / (width + 4)))
    found = [
        mmd2_rbf(normal(400, 1, s), normal(400, 1, 100 + s) + shift, width) for s in range(20)
    ]
    assert np.mean(found) == pytest.approx(expected, abs=3 * np.std(found) / np.sqrt(20))


def test_unbiased_is_zero_on_average_and_biased_is_not():
    pairs = [(normal(50, 4, s), normal(50, 4, 500 + s)) for s in range(60)]
    unbiased = np.array([mmd2_rbf(r, g, 8.0) for r, g in pairs])
    biased = np.array([mmd2_rbf(r, g, 8.0, unbiased=False) for r, g in pairs])
    assert abs(unbiased.mean()) < 3 * unbiased.std() / np.sqrt(60)
    assert (unbiased < 0).any() and (biased > 0).all()


def test_identical_sets():
    real = normal(40)
    assert mmd2_rbf(real, real, unbiased=False) == pytest.approx(0, abs=1e-12)
    assert mmd2_rbf(real, real) < 0


def test_default_bandwidth_is_the_median_squared_distance():
    real = np.array([[0.0], [1.0], [4.0]])  # squares 1, 16, 9
    assert median_bandwidth(real) == 9
    fake = real + 0.5
    assert mmd2_rbf(real, fake) == mmd2_rbf(real, fake, 9.0)


def test_default_bandwidth_makes_it_free_of_scale():
    real, fake = normal(60), normal(50, seed=1) + 0.4
    assert mmd2_rbf(100 * real, 100 * fake) == pytest.approx(mmd2_rbf(real, fake))


def test_bandwidth_of_a_large_set_is_drawn(monkeypatch):
    real = normal(300)
    whole = median_bandwidth(real)
    monkeypatch.setattr(kernels, "ALL_PAIRS_ROWS", 100)
    assert median_bandwidth(real, np.random.default_rng(0)) == pytest.approx(whole, rel=0.02)
    with pytest.raises(ValueError, match="above 100 pass rng"):
        median_bandwidth(real)


def test_order_of_rows_and_blocks_do_not_matter(monkeypatch):
    real, fake, rng = normal(60), normal(50, seed=1), np.random.default_rng(0)
    whole = mmd2_rbf(real, fake)
    assert mmd2_rbf(rng.permutation(real), rng.permutation(fake)) == pytest.approx(whole)
    monkeypatch.setattr("motiongen.metrics.distances.BLOCK_NUMBERS", 333)
    assert mmd2_rbf(real, fake) == pytest.approx(whole)


def test_noise_and_shifts_raise_it():
    real, other, noise = normal(200), normal(200, seed=1), normal(200, seed=2)
    for changed in ([other + s * noise for s in (0, 1, 2)], [other + s for s in (0, 0.3, 1)]):
        values = [mmd2_rbf(real, fake) for fake in changed]
        assert values == sorted(values)


@pytest.mark.parametrize("row", [0, 17, 59])
def test_every_sample_counts(row):
    real, fake = normal(60), normal(60, seed=1)
    changed = fake.copy()
    changed[row] += 3
    assert abs(mmd2_rbf(real, changed) - mmd2_rbf(real, fake)) > 1e-5
    changed[1:] = 50  # 98 % of the samples are garbage
    assert mmd2_rbf(real, changed) > 0.5


def test_errors():
    with pytest.raises(ValueError, match="median distance of real rows is 0"):
        mmd2_rbf(np.ones((20, 3)), normal(20, 3))
    assert np.isfinite(mmd2_rbf(np.ones((20, 3)), normal(20, 3), 1.0))
    with pytest.raises(ValueError, match="bandwidth: found 0"):
        mmd2_rbf(normal(20), normal(20), 0.0)
    with pytest.raises(ValueError, match="fake: found 1 rows"):
        mmd2_rbf(normal(20), normal(1))
    broken = normal(20)
    broken[3, 1] = np.inf
    with pytest.raises(ValueError, match="fake: row 3, column 1 is inf"):
        mmd2_rbf(normal(20), broken)
