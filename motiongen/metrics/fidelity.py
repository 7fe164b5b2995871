"""How near the generated features lie to the real ones, and how much of the real set they reach.

All functions take real features [n,d] and generated features [m,d] of one extractor. Their values
depend on n and m: compare only at equal numbers, beside a real-against-real row.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from motiongen.metrics.checks import feature_set, feature_sets
from motiongen.metrics.distances import nearest_others, row_blocks
from motiongen.metrics.filtering import Filter

# fid is asked for here, beside the other distances between two sets
from motiongen.metrics.frechet import fid as fid
from motiongen.metrics.metric import Metric

_EVALUATION = (
    "Ismail-Fawaz et al., Establishing a Unified Evaluation Framework for Human Motion "
    "Generation, arXiv 2405.07680"
)
_PRECISION_RECALL = "Kynkaanniemi et al., Improved Precision and Recall Metric, NeurIPS 2019"
_DENSITY_COVERAGE = "Naeem et al., Reliable Fidelity and Diversity Metrics, ICML 2020"


def kid(real: Float[np.ndarray, "_n _d"], fake: Float[np.ndarray, "_m _d"]) -> float:
    """Squared kernel distance with k(x,y) = (x.y/d + 1)^3: unbiased, on the whole sets.

    Equal pairs are left out within a set and kept between the sets. Negative values are normal for
    good models, so never take its root.

    Units: none.

    Raises:
        ValueError: if a set has fewer than 2 rows or is not finite.

    Source: Binkowski et al., Demystifying MMD GANs, ICLR 2018, section 4.
    Differs: one estimate on all rows, instead of a mean over random subsets.
    """
    real, fake = feature_sets(real, fake)
    n, m = len(real), len(fake)
    within_real = _kernel_sum(real, real) - _kernel(real, real)
    within_fake = _kernel_sum(fake, fake) - _kernel(fake, fake)
    between = _kernel_sum(real, fake)
    return float(within_real / (n * (n - 1)) + within_fake / (m * (m - 1)) - 2 * between / (n * m))


def _kernel(rows: Float[np.ndarray, "n d"], others: Float[np.ndarray, "n d"]) -> float:
    return float((((rows * others).sum(1) / rows.shape[1] + 1) ** 3).sum())


def _kernel_sum(rows: Float[np.ndarray, "n d"], others: Float[np.ndarray, "m d"]) -> float:
    total, columns = 0.0, rows.shape[1]
    for block in row_blocks(len(rows), len(others)):
        total += float(((rows[block] @ others.T / columns + 1) ** 3).sum())
    return total


@dataclass(frozen=True)
class NeighbourScores:
    """All metrics that read the same distances.

    Args:
        precision: share of generated rows inside the radius of some real row.
        recall: share of real rows inside the radius of some generated row.
        density: mean number of real radii that a generated row lies in, divided by k; near 1 for
            real against real, more where samples crowd between real rows.
        coverage: share of real rows with a generated row inside their radius.
        mms: mean distance of a generated row to its nearest real row.
        mms_real: mean distance of a real row to its nearest other real row.
        k: the radius of a row is its distance to its k-th nearest other row.
    """

    precision: float
    recall: float
    density: float
    coverage: float
    mms: float
    mms_real: float
    k: int


def neighbour_scores(
    real: Float[np.ndarray, "_n _d"], fake: Float[np.ndarray, "_m _d"], k: int = 5
) -> NeighbourScores:
    """Precision, recall, density, coverage and mms from one pass over the distances.

    A distance equal to a radius is outside (strict <). Radii and cross distances come from one
    routine, so exact copies give exact ties.

    Raises:
        ValueError: if k < 1, a set has no more than k rows, or is not finite.

    Source: Kynkaanniemi et al., Improved Precision and Recall Metric, NeurIPS 2019 (precision,
        recall); Naeem et al., Reliable Fidelity and Diversity Metrics, ICML 2020 (density,
        coverage); Ismail-Fawaz et al., Establishing a Unified Evaluation Framework for Human
        Motion Generation, arXiv 2405.07680 (mms).
    """
    if k < 1:
        raise ValueError(f"k: found {k}, at least 1 is needed")
    real, fake = feature_sets(real, fake, at_least=k + 1)
    own = nearest_others(real, k)
    real_radius, fake_radius = own[:, -1], nearest_others(fake, k)[:, -1]
    inside = 0
    covered, recalled = np.zeros(len(real), bool), np.zeros(len(real), bool)
    precise, nearest = np.zeros(len(fake), bool), np.empty(len(fake))
    search = Filter(fake, real)
    for block, low in search.blocks():
        pairs = search.all_open(block)
        if low is not None:
            limit = search.nearest_limit(block, low, 1)
            reach = search.radius_limit(block, fake_radius[block])
            pairs = search.within(low, np.maximum(limit, reach))
            pairs |= search.within_others(block, low, real_radius)
        for row, others, distance in search.measured(block, pairs):
            hits = others[distance < real_radius[others]]
            inside += len(hits)
            covered[hits], precise[row] = True, len(hits) > 0
            recalled[others[distance < fake_radius[row]]] = True
            nearest[row] = distance.min()
    return NeighbourScores(
        precision=float(precise.mean()),
        recall=float(recalled.mean()),
        density=float(inside / (k * len(fake))),
        coverage=float(covered.mean()),
        mms=float(nearest.mean()),
        mms_real=float(own[:, 0].mean()),
        k=k,
    )


def precision(
    real: Float[np.ndarray, "_n _d"], fake: Float[np.ndarray, "_m _d"], k: int = 5
) -> float:
    """Share of generated rows inside the radius of some real row; see `neighbour_scores`."""
    return neighbour_scores(real, fake, k).precision


def recall(
    real: Float[np.ndarray, "_n _d"], fake: Float[np.ndarray, "_m _d"], k: int = 5
) -> float:
    """Share of real rows inside the radius of some generated row; see `neighbour_scores`."""
    return neighbour_scores(real, fake, k).recall


def density(
    real: Float[np.ndarray, "_n _d"], fake: Float[np.ndarray, "_m _d"], k: int = 5
) -> float:
    """Mean number of real radii around a generated row, over k; see `neighbour_scores`."""
    return neighbour_scores(real, fake, k).density


def coverage(
    real: Float[np.ndarray, "_n _d"], fake: Float[np.ndarray, "_m _d"], k: int = 5
) -> float:
    """Share of real rows with a generated row inside their radius; see `neighbour_scores`."""
    return neighbour_scores(real, fake, k).coverage


def mms(real: Float[np.ndarray, "_n _d"], fake: Float[np.ndarray, "_m _d"]) -> float:
    """Mean distance of a generated row to its nearest real row.

    Near 0 it speaks of copies, far above `mms_real` of samples off the data.

    Units: feature units.

    Raises:
        ValueError: if a set has fewer than 2 rows or is not finite.

    Source: Ismail-Fawaz et al., arXiv 2405.07680.
    """
    real, fake = feature_sets(real, fake)
    search, nearest = Filter(fake, real), np.empty(len(fake))
    for block, low in search.blocks():
        pairs = search.all_open(block)
        if low is not None:
            pairs = search.within(low, search.nearest_limit(block, low, 1))
        for row, _, distance in search.measured(block, pairs):
            nearest[row] = distance.min()
    return float(nearest.mean())


def mms_real(real: Float[np.ndarray, "_n _d"]) -> float:
    """The same for the real set: mean distance of a row to its nearest other row."""
    return float(nearest_others(feature_set(real, "real"), 1).mean())


KID = Metric(
    name="kid",
    unit="",
    better="low",
    needs="features",
    source="Binkowski et al., Demystifying MMD GANs, ICLR 2018, section 4",
    function=kid,
    meaning="Like fid, but fair to small sets; a good model may lie slightly below 0.",
)

PRECISION = Metric(
    name="precision",
    unit="",
    better="high",
    needs="features",
    source=_PRECISION_RECALL,
    function=precision,
    meaning="Share of generated clips that lie where real clips lie.",
)

RECALL = Metric(
    name="recall",
    unit="",
    better="high",
    needs="features",
    source=_PRECISION_RECALL,
    function=recall,
    meaning="Share of real clips that lie where generated clips lie.",
)

DENSITY = Metric(
    name="density",
    unit="",
    better="match",
    needs="features",
    source=_DENSITY_COVERAGE,
    function=density,
    meaning="How densely real clips surround a generated one; far above 1, samples crowd.",
)

COVERAGE = Metric(
    name="coverage",
    unit="",
    better="high",
    needs="features",
    source=_DENSITY_COVERAGE,
    function=coverage,
    meaning="Share of real clips that have a generated clip nearby.",
)

MMS = Metric(
    name="mms",
    unit="feature",
    better="match",
    needs="features",
    source=_EVALUATION,
    function=mms,
    meaning="Mean distance of a generated clip to the nearest real one; near 0: copies.",
)
