"""Maximum mean discrepancy: how well a kernel tells the generated features from the real ones.

k(x,y) = exp(-|x-y|^2 / B). "Bandwidth" means B here; elsewhere it is gamma = 1/B, or the sigma of
B = 2 sigma^2, so a value without its B cannot be compared.
"""

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import cdist, pdist

from motiongen.metrics.checks import feature_set, feature_sets
from motiongen.metrics.distances import row_blocks
from motiongen.metrics.diversity import ALL_PAIRS_ROWS, DRAWN_PAIRS
from motiongen.metrics.metric import Metric

_SOURCE = "Gretton et al., A Kernel Two-Sample Test, JMLR 2012"


def median_bandwidth(
    real: Float[np.ndarray, "_n _d"], rng: np.random.Generator | None = None
) -> float:
    """Median squared distance between distinct rows of the real set.

    All pairs up to 4000 rows; above that 20,000 drawn pairs.

    Units: feature units squared.

    Raises:
        ValueError: for fewer than 2 rows, values that are not finite, a large set without rng, or
            if half of the pairs are equal: then no scale is there to take.

    Source: Gretton et al., A Kernel Two-Sample Test, JMLR 2012, section 8 (median heuristic).
    """
    real = feature_set(real, "real")
    if len(real) <= ALL_PAIRS_ROWS:
        squares = pdist(real, "sqeuclidean")
    elif rng is None:
        raise ValueError(f"bandwidth: {len(real)} rows; above {ALL_PAIRS_ROWS} pass rng")
    else:
        first = rng.integers(len(real), size=DRAWN_PAIRS)
        second = (first + rng.integers(1, len(real), size=DRAWN_PAIRS)) % len(real)
        squares = np.square(real[first] - real[second]).sum(1)
    median = float(np.median(squares))
    if median <= 0:
        raise ValueError("bandwidth: the median distance of real rows is 0; give a bandwidth")
    return median


def mmd2_rbf(
    real: Float[np.ndarray, "_n _d"],
    fake: Float[np.ndarray, "_m _d"],
    bandwidth: float | None = None,
    *,
    unbiased: bool = True,
    rng: np.random.Generator | None = None,
) -> float:
    """Squared maximum mean discrepancy with a Gaussian kernel.

    Unbiased, a row is not compared with itself, and a good model may lie slightly below 0: never
    take a root of it. Biased, it is at least 0 and grows with 1/n + 1/m.

    Args:
        real: real features. Shapes: [n,d].
        fake: generated features. Shapes: [m,d].
        bandwidth: B; by default `median_bandwidth` of the real set. Print it beside the value.
        unbiased: leave out i = j inside each set.
        rng: draws pairs for the default bandwidth of a large set.

    Units: none.

    Raises:
        ValueError: if a set has fewer than 2 rows or is not finite, or B is not above 0.

    Source: Gretton et al., A Kernel Two-Sample Test, JMLR 2012, eq. 3 (unbiased) and 5 (biased).
    """
    real, fake = feature_sets(real, fake)
    width = median_bandwidth(real, rng) if bandwidth is None else bandwidth
    if not (np.isfinite(width) and width > 0):
        raise ValueError(f"bandwidth: found {width}, must be above 0")
    n, m = len(real), len(fake)
    own = 1 if unbiased else 0
    within_real = (_rbf_sum(real, real, width) - own * n) / (n * (n - own))
    within_fake = (_rbf_sum(fake, fake, width) - own * m) / (m * (m - own))
    return float(within_real + within_fake - 2 * _rbf_sum(real, fake, width) / (n * m))


def _rbf_sum(rows: np.ndarray, others: np.ndarray, width: float) -> float:
    total = 0.0
    for block in row_blocks(len(rows), len(others)):
        squares = cdist(rows[block], others, "sqeuclidean")
        total += float(np.exp(np.divide(squares, -width, out=squares), out=squares).sum())
    return total


MMD = Metric(
    name="mmd",
    unit="",
    better="low",
    needs="features",
    source=_SOURCE,
    function=mmd2_rbf,
    meaning="How well a smooth function can tell generated clips from real ones; near 0: hardly.",
)
