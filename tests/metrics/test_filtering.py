"""The filter must leave out no pair that exact distances would keep, and change no value."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from motiongen.metrics import filtering
from motiongen.metrics.distances import nearest_others
from motiongen.metrics.fidelity import mms, neighbour_scores
from motiongen.metrics.filtering import Filter


def normal(rows, columns=40, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns))


def clusters(rows, columns=40, seed=0):
    """Tight classes far from each other and from the origin: the worst case for products."""
    rng = np.random.default_rng(seed)
    centres = 30 * np.random.default_rng(99).normal(size=(6, columns)) + 100
    return centres[rng.integers(6, size=rows)] + 1e-3 * rng.normal(size=(rows, columns))


def copies(rows, columns=40, seed=0):
    return normal(rows, columns, seed)[np.random.default_rng(5).integers(rows, size=rows)]


def tiny(rows, columns=40, seed=0):
    return 1e-20 * normal(rows, columns, seed)


def huge(rows, columns=40, seed=0):
    return 1e30 * normal(rows, columns, seed)


def constant(rows, columns=40, seed=0):
    return np.full((rows, columns), 3.0)


def uneven(rows, columns=40, seed=0):
    return normal(rows, columns, seed) * np.geomspace(1e-6, 1e6, columns)


SETS = (normal, clusters, copies, tiny, huge, constant, uneven)


@pytest.fixture
def filtered(monkeypatch):
    """Small sets are filtered too, in blocks of a few rows."""
    monkeypatch.setattr(filtering, "DIRECT_NUMBERS", 0)
    monkeypatch.setattr(filtering, "BLOCK_NUMBERS", 5000)


@pytest.mark.parametrize("make", SETS)
@pytest.mark.parametrize("k", [1, 5])
def test_nearest_others_are_those_of_all_distances(filtered, make, k):
    rows = make(150)
    table = cdist(rows, rows)
    np.fill_diagonal(table, np.inf)
    expected = np.sort(table, axis=1)[:, :k]
    np.testing.assert_array_equal(nearest_others(rows, k), expected)  # to the last bit


@pytest.mark.parametrize("make", SETS)
def test_scores_do_not_change(monkeypatch, make):
    real, fake = make(150), make(130, seed=1)
    real[:20] = fake[:20]  # exact copies: ties
    direct, distance = neighbour_scores(real, fake), mms(real, fake)
    monkeypatch.setattr(filtering, "DIRECT_NUMBERS", 0)
    monkeypatch.setattr(filtering, "BLOCK_NUMBERS", 5000)
    assert neighbour_scores(real, fake) == direct
    assert mms(real, fake) == distance


@pytest.mark.parametrize("make", SETS)
def test_bounds_hold(filtered, make):
    rows, others = make(60), make(90, seed=1)
    search = Filter(rows, others)
    for block, low in search.blocks():
        true = (cdist(rows[block], others) / search.unit) ** 2
        square, slack = search.square[block, None], search.slack[block, None]
        assert (low + square - slack <= true * (1 + 1e-12)).all()
        assert (low + square + slack + 2 * search.other_slack >= true * (1 - 1e-12)).all()


def test_few_pairs_stay_open(filtered):
    real, fake = normal(400), normal(400, seed=1)
    search = Filter(fake, real)
    share = [
        search.within(low, search.nearest_limit(block, low, 5)).mean()
        for block, low in search.blocks()
    ]
    assert np.mean(share) < 0.05  # 5 of 400 are 0.0125


def test_identical_sets_have_exact_ties(filtered):
    real = normal(200)
    scores = neighbour_scores(real, real, 5)
    assert scores.density == scores.precision == scores.recall == scores.coverage == 1
