"""Ranks and paired tests, against scipy and by hand."""

import numpy as np
import pytest
from scipy import stats

from motiongen.metrics.intervals import holm
from motiongen.sweeping.comparison import compare, median_interval, needed, ranks_html


def losses(*columns):
    return {
        f"c{n}": {at: float(value) for at, value in enumerate(column)}
        for n, column in enumerate(columns)
    }


def test_agrees_with_scipy():
    table = np.random.default_rng(0).normal([[0.0, 1.0, 3.0]], 1.0, (12, 3))
    found = compare(losses(*table.T))
    assert found.names == ["c0", "c1", "c2"] and found.repetitions == 12
    np.testing.assert_allclose(list(found.ranks.values()), stats.rankdata(table, axis=1).mean(0))
    assert found.overall == stats.friedmanchisquare(*table.T).pvalue
    raw = [stats.wilcoxon(table[:, a] - table[:, b]).pvalue for a, b in ((0, 1), (0, 2), (1, 2))]
    pairs = (("c0", "c1"), ("c0", "c2"), ("c1", "c2"))
    assert [found.p_values[pair] for pair in pairs] == holm(raw)
    assert found.p_values["c2", "c0"] == found.p_values["c0", "c2"]
    assert found.wins["c0", "c1"] == (table[:, 0] < table[:, 1]).mean()
    assert found.wins["c1", "c0"] == 1 - found.wins["c0", "c1"]


def test_only_what_all_have_is_compared():
    found = compare({"a": {0: 1.0, 1: 2.0, 2: 9.0}, "b": {0: 2.0, 1: 3.0}})
    assert found.repetitions == 2 and found.overall is None
    assert found.wins["a", "b"] == 1
    assert compare({"a": {0: 1.0, 1: 2.0}}) is None
    assert compare({"a": {0: 1.0, 1: 2.0}, "b": {2: 1.0, 3: 2.0}}) is None
    assert compare({}) is None


def test_ties_are_no_difference():
    found = compare(losses([1, 2, 3], [1, 2, 3], [1, 2, 3]))
    assert set(found.ranks.values()) == {2.0}
    assert set(found.p_values.values()) == {1.0} and found.overall == 1.0
    assert set(found.wins.values()) == {0.5}


@pytest.mark.parametrize(("pairs", "least"), [(1, 6), (6, 8), (190, 13)])
def test_too_few_repetitions_are_said_to_be_too_few(pairs, least):
    assert needed(pairs) == least
    ahead = np.arange(least) + 1.0
    smallest = stats.wilcoxon(ahead).pvalue
    assert pairs * smallest <= 0.05 < 2 * pairs * smallest


def test_words_and_bars():
    few = compare(losses(range(5), [n + 1 for n in range(5)]))
    assert "Too few to tell any two of them apart at 5%" in few.in_words("seeds")
    assert "needs at least 6 seeds" in few.in_words("seeds")
    assert '<line class="bar"' not in ranks_html(few, "seeds")
    rng = np.random.default_rng(1)
    base = rng.normal(size=12)
    near = base + rng.normal(size=12) * 0.01
    many = compare(losses(base, near, base + 5.0 + rng.normal(size=12) * 0.1))
    assert many.cliques() == [(0, 1)]
    assert "2 of 3 pairs differ at 5%" in many.in_words("seeds")
    page = ranks_html(many, "seeds")
    assert page.count('<line class="bar"') == 1 and page.count("<circle") == 3
    assert "Mean rank over 12 seeds" in page and "A bar joins" in page


def test_names_of_cells_are_escaped():
    found = compare({"<b>": {0: 1.0, 1: 2.0}, "&": {0: 2.0, 1: 3.0}})
    page = ranks_html(found, "seeds")
    assert "<b>" not in page and "&lt;b&gt;" in page


def test_the_interval_of_a_median_holds_it_as_often_as_it_says():
    assert median_interval([3.0, 1.0, 2.0]) == (1, 3, 0.75)
    assert median_interval([5.0]) == (5.0, 5.0, 0.0)
    low, high, share = median_interval([float(n) for n in range(11)])
    assert (low, high) == (1, 9) and share == pytest.approx(0.98828, abs=1e-5)
    rng, held = np.random.default_rng(0), 0
    for _ in range(2000):
        low, high, share = median_interval(rng.exponential(size=9).tolist())
        held += low <= np.log(2) <= high
    assert share > 0.95 and held / 2000 == pytest.approx(share, abs=0.015)
