"""One test for each fault of a published evaluation that a function of ours could have.

The faults themselves are described where they are reproduced, in `motiongen.metrics.published`.
"""

import numpy as np
import pytest

from motiongen import metrics
from motiongen.metrics.diversity import acpd, apd, multimodality
from motiongen.metrics.fidelity import density, fid, kid, mms, mms_real, neighbour_scores
from motiongen.metrics.intervals import student_interval
from motiongen.metrics.kernels import mmd2_rbf
from motiongen.metrics.recognition import accuracy
from motiongen.metrics.timing import wpd


def normal(rows, columns=6, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns))


def rng(seed=0):
    return np.random.default_rng(seed)


def test_accuracy_is_not_divided_by_a_fixed_count():
    for count in (10, 100, 3000):
        assert accuracy(np.zeros(count, int), np.zeros(count, int)) == 1


def test_an_interval_is_not_a_variance():
    values = normal(20, 1)[:, 0]
    narrow, wide = (student_interval((s * values).tolist()) for s in (1, 10))
    # a variance would be 100 times as wide
    assert (wide.high - wide.low) == pytest.approx(10 * (narrow.high - narrow.low))


def test_kid_on_unequal_sizes():
    # torchmetrics divides by the wrong count there and says nothing
    real, fake = normal(90), normal(60, seed=1) + 0.2
    k = lambda x, y: (x @ y.T / 6 + 1) ** 3  # noqa: E731
    own = lambda x: (k(x, x).sum() - np.trace(k(x, x))) / (len(x) * (len(x) - 1))  # noqa: E731
    expected = own(real) + own(fake) - 2 * k(real, fake).mean()
    assert kid(real, fake) == pytest.approx(expected, rel=1e-10)


def test_kid_is_on_whole_sets_and_needs_no_draw():
    real, fake = normal(1200), normal(1200, seed=1)
    assert kid(real, fake) == kid(real, fake)
    changed = fake.copy()
    changed[-1] += 5  # a subset might miss it
    assert kid(real, changed) != kid(real, fake)


def test_shares_do_not_depend_on_order_nor_on_the_first_rows():
    real, fake = normal(120), normal(50, seed=1) + 0.5
    there = neighbour_scores(real, fake)
    back = neighbour_scores(real[::-1].copy(), fake[::-1].copy())
    for name in ("precision", "recall", "density", "coverage"):
        assert getattr(back, name) == pytest.approx(getattr(there, name), abs=1e-12)


def test_all_that_the_framework_names_is_there():
    named = "fid precision recall density coverage apd acpd mms wpd accuracy".split()
    assert set(named) <= set(metrics.METRICS)


def test_acpd_without_a_middle_class():
    labels = np.array([0] * 10 + [1] * 10 + [3] * 10)
    features = normal(30)
    by_hand = np.mean([apd(features[i : i + 10]) for i in (0, 10, 20)])
    assert acpd(features, labels) == pytest.approx(by_hand)


def test_multimodality_ends_without_a_class():
    labels = np.array([0] * 10 + [5] * 10)
    assert np.isfinite(multimodality(normal(20), labels, rng()))


def test_wpd_is_the_same_at_each_call():
    clips = normal(20 * 8 * 6).reshape(20, 8, 6, 6)
    before = wpd(clips, rng(3))
    np.random.default_rng().normal()  # nothing global takes part
    assert wpd(clips, rng(3)) == before


def test_apd_draws_from_all_rows(monkeypatch):
    # drawing row numbers below the number of batches would see the first rows only
    monkeypatch.setattr("motiongen.metrics.diversity.ALL_PAIRS_ROWS", 100)
    features = np.zeros((6400, 1))
    features[200:] = 1
    assert apd(features, rng()) == pytest.approx(2 * 0.03125 * 0.96875, rel=0.2)


def test_mms_takes_the_nearest_and_its_real_row_the_nearest_other():
    real = np.array([[0.0], [1.0], [5.0]])
    assert mms(real, real) == 0
    assert mms_real(real) == pytest.approx((1 + 1 + 4) / 3)


def test_fid_adds_nothing_to_the_diagonal():
    real = np.zeros((50, 3))
    assert fid(real, real) == 0
    # three dimensions of variance v: 3 v exactly; 1e-10 on the diagonal would show its root
    fake = normal(50, 3)
    fake = 1e-6 * (fake - fake.mean(0)) / fake.std(0, ddof=1)
    assert fid(real, fake) == pytest.approx(3e-12, rel=1e-6)


def test_density_does_not_swap_its_arguments():
    real, narrow = normal(200), 0.3 * normal(200, seed=1)
    assert density(real, narrow) > 1.5 > 1 > density(narrow, real)


def test_mmd_sees_every_sample_and_has_no_root():
    real, fake = normal(60), normal(60, seed=1)
    changed = fake.copy()
    changed[1:] = 30
    assert mmd2_rbf(real, changed) > mmd2_rbf(real, fake) + 0.1
    values = [mmd2_rbf(normal(40, seed=s), normal(40, seed=90 + s)) for s in range(20)]
    assert np.isfinite(values).all() and min(values) < 0


@pytest.mark.parametrize("function", [fid, kid, mms, mmd2_rbf, density])
def test_nan_is_refused_by_name(function):
    fake = normal(40)
    fake[11, 3] = np.nan
    with pytest.raises(ValueError, match="fake: row 11, column 3 is nan"):
        function(normal(40), fake)


def test_identical_sets_break_no_tie_by_rounding():
    real = normal(150, 30)
    assert neighbour_scores(real, real.copy()).density == 1
