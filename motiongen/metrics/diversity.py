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
# of the published definitions
LEGACY_PAIRS, LEGACY_CLASS_PAIRS = 200, 20
_LEGACY = "Guo et al., Action2Motion, ACM Multimedia 2020, section 5"


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


def distinct_pairs(
    rows: int, at_most: int, rng: np.random.Generator | None = None
) -> Int[np.ndarray, "_p 2"]:
    """Pairs i < j of row numbers: all of them up to `at_most`, else so many drawn, each once.

    Shapes: -> [p,2].

    Raises:
        ValueError: for fewer than 2 rows, or if pairs must be drawn without rng.
    """
    if rows < 2:
        raise ValueError(f"pairs: found {rows} rows, at least 2 are needed")
    first, second = np.triu_indices(rows, 1)
    if len(first) > at_most:
        if rng is None:
            raise ValueError(f"pairs: {len(first)} of {rows} rows, at most {at_most}: pass rng")
        drawn = rng.choice(len(first), size=at_most, replace=False)
        first, second = first[drawn], second[drawn]
    return np.stack([first, second], axis=1)


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


def diversity(
    features: Float[np.ndarray, "_n _d"], rng: np.random.Generator, *, pairs: int = LEGACY_PAIRS
) -> float:
    """Mean distance over pairs drawn with replacement: diversity in action-to-motion papers.

    Kept to compare with published tables: a row may be drawn twice, so it lies below `apd`, by
    1/n in expectation, and scatters with the draw.

    Units: feature units.

    Raises:
        ValueError: for fewer than 2 rows, values that are not finite, or no pairs.

    Source: Guo et al., Action2Motion, ACM Multimedia 2020, section 5.
    """
    features = feature_set(features, "features")
    return mean_pair_distance(features, rng.integers(len(features), size=(pairs, 2)))


def multimodality(
    features: Float[np.ndarray, "_n _d"],
    labels: Int[np.ndarray, "_n"],
    rng: np.random.Generator,
    *,
    pairs: int = LEGACY_CLASS_PAIRS,
) -> float:
    """Mean distance over pairs of one class drawn with replacement, as many in every class.

    Kept to compare with published tables; `acpd` is the figure without drawn self pairs.

    Args:
        features: of generated clips. Shapes: [n,d].
        labels: class of each row. Shapes: [n].
        rng: draws the pairs.
        pairs: number of pairs in each class.

    Units: feature units.

    Raises:
        ValueError: if no class has two rows, labels do not fit, or values are not finite.

    Source: Guo et al., Action2Motion, ACM Multimedia 2020, section 5.
    Differs: over the classes that have two rows; published loops never end without one of them.
    """
    features = feature_set(features, "features")
    labels = class_labels(labels, "labels", rows=len(features))
    members = [np.flatnonzero(labels == c) for c in np.unique(labels)]
    drawn = [rng.choice(rows, size=(pairs, 2)) for rows in members if len(rows) >= 2]
    if not drawn:
        raise ValueError(f"multimodality: no class has two rows among {len(features)}")
    return mean_pair_distance(features, np.concatenate(drawn))


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

DIVERSITY = Metric(
    name="diversity",
    unit="feature",
    better="match",
    needs="features",
    source=_LEGACY,
    function=diversity,
    meaning="How far 200 drawn pairs of generated clips lie apart, as published tables have it.",
)

MULTIMODALITY = Metric(
    name="multimodality",
    unit="feature",
    better="match",
    needs="features",
    source=_LEGACY,
    function=multimodality,
    meaning="How far drawn pairs of clips of one class lie apart, as published tables have it.",
)
