"""How far generated features lie from each other: over all classes, and within each."""

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.distance import pdist

from motiongen.metrics.checks import class_labels, feature_set
from motiongen.metrics.metric import Metric

_EVALUATION = (
    "Ismail-Fawaz et al., Establishing a Unified Evaluation Framework for Human Motion "
    "Generation, arXiv 2405.07680"
)
_OWN = "motiongen"
# All pairs of more rows would take gigabytes; so many drawn pairs are exact to about 0.3 %.
ALL_PAIRS_ROWS = 4000
DRAWN_PAIRS = 20_000


def mean_pair_distance(
    features: Float[np.ndarray, "_n _d"], pairs: Int[np.ndarray, "_p 2"]
) -> float:
    """Mean distance over given pairs of row numbers.

    Shapes: features [n,d], pairs [p,2].
    Units: feature units.

    Raises:
        ValueError: if there are no pairs, or features are not finite.
    """
    features = feature_set(features, "features", at_least=1)
    if not len(pairs):
        raise ValueError("pairs: found none")
    difference = features[pairs[:, 0]] - features[pairs[:, 1]]
    return float(np.linalg.norm(difference, axis=1).mean())


def apd(features: Float[np.ndarray, "_n _d"], rng: np.random.Generator | None = None) -> float:
    """Average pairwise distance between distinct rows.

    All pairs up to 4000 rows, and then independent of `rng` and of the order of rows; above that
    20,000 drawn pairs.

    Args:
        features: of generated clips, or of real ones for comparison. Shapes: [n,d].
        rng: draws the pairs of a large set.

    Units: feature units.

    Raises:
        ValueError: for fewer than 2 rows, values that are not finite, or a large set without rng.

    Source: Ismail-Fawaz et al., Establishing a Unified Evaluation Framework for Human Motion
        Generation, arXiv 2405.07680.
    Differs: no row is paired with itself, so it exceeds the published estimate by n/(n-1).
    """
    features = feature_set(features, "features")
    rows = len(features)
    if rows <= ALL_PAIRS_ROWS:
        return float(pdist(features).mean())
    if rng is None:
        raise ValueError(f"apd: {rows} rows; above {ALL_PAIRS_ROWS} pairs are drawn: pass rng")
    first = rng.integers(rows, size=DRAWN_PAIRS)
    second = (first + rng.integers(1, rows, size=DRAWN_PAIRS)) % rows
    return mean_pair_distance(features, np.stack([first, second], axis=1))


def apd_per_class(
    features: Float[np.ndarray, "_n _d"],
    labels: Int[np.ndarray, "_n"],
    rng: np.random.Generator | None = None,
) -> dict[int, float]:
    """`apd` within each class that has at least two rows; other classes are no keys.

    Raises:
        ValueError: if labels do not fit, or as `apd`.
    """
    features = feature_set(features, "features")
    labels = class_labels(labels, "labels", rows=len(features))
    classes, counts = np.unique(labels, return_counts=True)
    return {int(c): apd(features[labels == c], rng) for c in classes[counts >= 2]}


def acpd(
    features: Float[np.ndarray, "_n _d"],
    labels: Int[np.ndarray, "_n"],
    rng: np.random.Generator | None = None,
) -> float:
    """Average pairwise distance within a class, averaged over the classes.

    Classes with fewer than two rows are left out: `recognition.absent_classes` lists them.

    Units: feature units.

    Raises:
        ValueError: if no class has two rows, labels do not fit, or as `apd`.

    Source: Ismail-Fawaz et al., arXiv 2405.07680.
    Differs: over the classes that are there, whatever their numbers.
    """
    per_class = apd_per_class(features, labels, rng)
    if not per_class:
        raise ValueError(f"acpd: no class has two rows among {len(features)}")
    return float(np.mean(list(per_class.values())))


def apd_ratio(
    real: Float[np.ndarray, "_n _d"],
    fake: Float[np.ndarray, "_m _d"],
    rng: np.random.Generator | None = None,
) -> float:
    """`apd` of the generated set over that of the real one: 1 matches, below 1 varies too little.

    Raises:
        ValueError: if all real rows are equal, or as `apd`.
    """
    reference = apd(real, rng)
    if reference == 0:
        raise ValueError("apd_ratio: all real rows are equal, so there is nothing to compare with")
    return apd(fake, rng) / reference


APD = Metric(
    name="apd",
    unit="feature",
    better="match",
    needs="features",
    source=_EVALUATION,
    function=apd,
    meaning="How far generated clips lie from each other on average.",
)

ACPD = Metric(
    name="acpd",
    unit="feature",
    better="match",
    needs="features",
    source=_EVALUATION,
    function=acpd,
    meaning="How far generated clips of one class lie from each other on average.",
)

APD_RATIO = Metric(
    name="apd_ratio",
    unit="",
    better="match",
    needs="features",
    source=_OWN,
    function=apd_ratio,
    meaning="Spread of generated clips relative to real ones; below 1 they vary too little.",
)
