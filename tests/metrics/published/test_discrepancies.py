import numpy as np
import pytest

from motiongen.metrics.kernels import mmd2_rbf
from motiongen.metrics.published.discrepancies import actor_mmd, kinetic_gan_mmd, mugl_mmd


def normal(rows, columns=4, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns))


def test_actor_divides_by_the_square_of_the_number_of_columns():
    real, fake = normal(30), normal(20, seed=1)
    assert actor_mmd(real, fake) == mmd2_rbf(real, fake, 16.0, unbiased=False)


def test_mugl_uses_the_first_rows():
    real, fake = normal(30), normal(20, seed=1)
    assert mugl_mmd(real, fake, 3.0) == mmd2_rbf(real[:20], fake, 3.0, unbiased=False)
    assert mugl_mmd(real[::-1].copy(), fake, 3.0) != pytest.approx(mugl_mmd(real, fake, 3.0))


def test_kinetic_gan_by_hand():
    # rows 0 and 1 against 3 and 5; only the pairs i != j: |0-1|, |3-5|, |0-5|, |1-3|
    real, fake = np.array([[0.0], [1.0]]), np.array([[3.0], [5.0]])
    k = lambda gap: np.exp(-(gap**2) / 8.0)  # noqa: E731
    square = k(1) + k(2) - k(5) - k(2)
    assert kinetic_gan_mmd(real, fake, 8.0) == pytest.approx(np.sqrt(square))


def test_kinetic_gan_has_no_value_where_the_estimate_is_negative():
    # the same rows shifted by one: what is left out of the cross term is what differs
    real = normal(30)
    values = [kinetic_gan_mmd(normal(30, seed=s), normal(30, seed=50 + s)) for s in range(20)]
    assert np.isnan(values).any() and not np.isnan(values).all()
    assert np.isfinite(mmd2_rbf(real, normal(30, seed=1), 1.0))


def test_every_sample_counts():
    real, fake = normal(30), normal(30, seed=1) + 1
    changed = fake.copy()
    changed[1:] = 40.0
    for function in (actor_mmd, mugl_mmd, kinetic_gan_mmd):
        assert function(real, changed) != pytest.approx(function(real, fake), rel=1e-3)
