"""The eight metrics of a unified evaluation framework, with its constants.

Ismail-Fawaz et al., Establishing a Unified Evaluation Framework for Human Motion Generation,
arXiv 2405.07680; its code is Evaluating-HMG. Re-implemented from the formulas.

Differs: all draws come from a generator that is passed in; the published suite is unseeded, and
its warping path diversity moved from 0.172 to 0.148 between two calls. Its real row compares one
half of the real set with the other, so n/2 rows stand there beside n in the rows of models. It
names precision and recall, but has neither.
"""

import numpy as np
from jaxtyping import Float, Int

from motiongen.metrics import fidelity
from motiongen.metrics.checks import class_labels, feature_set
from motiongen.metrics.diversity import mean_pair_distance
from motiongen.metrics.frechet import fid
from motiongen.metrics.recognition import accuracy
from motiongen.metrics.timing import wpd

NEIGHBOURS = 5
PAIRS, RUNS = 200, 5


def hmg_suite(
    real: Float[np.ndarray, "_n _d"],
    fake: Float[np.ndarray, "_m _d"],
    *,
    labels: Int[np.ndarray, "_m"],
    predicted: Int[np.ndarray, "_m"],
    clips: Float[np.ndarray, "_m _T *_features"],
    rng: np.random.Generator,
) -> dict[str, float]:
    """All eight by name; what reads distances between rows reads the same ones.

    Args:
        real: features of real clips.
        fake: features of generated clips.
        labels: requested class of each generated clip.
        predicted: recognised class of each generated clip.
        clips: the generated clips, complete.
        rng: draws the pairs of apd, then those of acpd, then those of wpd.

    Raises:
        ValueError: as the functions below.
    """
    near = fidelity.neighbour_scores(real, fake, NEIGHBOURS)
    return {
        "fid": hmg_fid(real, fake),
        "density": near.density,
        "coverage": near.coverage,
        "mms": near.mms,
        "apd": hmg_apd(fake, rng),
        "acpd": hmg_acpd(fake, labels, rng),
        "aog": hmg_aog(labels, predicted),
        "wpd": hmg_wpd(clips, rng),
    }


def hmg_fid(real: Float[np.ndarray, "_n _d"], fake: Float[np.ndarray, "_m _d"]) -> float:
    """`fid`, the same value: covariances with divisor n-1, nothing added to the diagonal."""
    return fid(real, fake)


def hmg_density(real: Float[np.ndarray, "_n _d"], fake: Float[np.ndarray, "_m _d"]) -> float:
    """`density` with k = 5.

    Differs: the published code takes radii and distances from two routines, so where a distance
        equals a radius (copies of rows) rounding decides: on identical sets it gave 1.0387, while
        exact arithmetic gives 1. Here a tie is outside.
    """
    return fidelity.density(real, fake, NEIGHBOURS)


def hmg_coverage(real: Float[np.ndarray, "_n _d"], fake: Float[np.ndarray, "_m _d"]) -> float:
    """`coverage` with k = 5; ties as in `hmg_density`."""
    return fidelity.coverage(real, fake, NEIGHBOURS)


def hmg_mms(real: Float[np.ndarray, "_n _d"], fake: Float[np.ndarray, "_m _d"]) -> float:
    """`mms`, the same value: mean distance of a generated row to its nearest real row.

    Differs: a copy has distance 0 exactly; the published root keeps rounding of about 1e-8.
    """
    return fidelity.mms(real, fake)


def hmg_apd(
    features: Float[np.ndarray, "_n _d"],
    rng: np.random.Generator,
    *,
    pairs: int = PAIRS,
    runs: int = RUNS,
) -> float:
    """Mean over 5 runs of the mean distance of min(200,n) pairs drawn with replacement.

    Differs: `apd` takes all pairs of distinct rows; this is n-1 over n of it in expectation,
        because rows meet themselves, and scatters with the draw.

    Raises:
        ValueError: for fewer than 2 rows, or values that are not finite.
    """
    features = feature_set(features, "features")
    return mean_pair_distance(features, _drawn(len(features), rng, pairs, runs))


def hmg_acpd(
    features: Float[np.ndarray, "_n _d"],
    labels: Int[np.ndarray, "_n"],
    rng: np.random.Generator,
    *,
    pairs: int = PAIRS,
    runs: int = RUNS,
) -> float:
    """`hmg_apd` inside each class, averaged over the classes.

    Differs: `acpd` takes all pairs of distinct rows. The published loop visits the classes 0 to
        K-1 for K distinct labels: if a middle class is absent it returns NaN and never sees the
        last one. Here every class that is there counts, and one of a single row counts as 0, as
        its only pair is with itself.

    Raises:
        ValueError: if labels do not fit, or values are not finite.
    """
    features = feature_set(features, "features")
    labels = class_labels(labels, "labels", rows=len(features))
    members = [np.flatnonzero(labels == c) for c in np.unique(labels)]
    return float(
        np.mean(
            [
                mean_pair_distance(features, rows[_drawn(len(rows), rng, pairs, runs)])
                for rows in members
            ]
        )
    )


def hmg_aog(labels: Int[np.ndarray, "_n"], predicted: Int[np.ndarray, "_n"]) -> float:
    """`accuracy`, the same value: share of generated clips whose class is recognised."""
    return accuracy(labels, predicted)


def hmg_wpd(clips: Float[np.ndarray, "_N _T *_features"], rng: np.random.Generator) -> float:
    """`timing.wpd` with 5 runs of min(200,N) pairs with replacement, classes mixed.

    Differs: `timing.wpd_class` compares distinct clips of one class about their root, so that
        where a body walks and what it does are not counted as timing.
    """
    return wpd(clips, rng, pairs=PAIRS, runs=RUNS)


def _drawn(rows: int, rng: np.random.Generator, pairs: int, runs: int) -> Int[np.ndarray, "p 2"]:
    """All runs have equally many pairs, so their mean is the mean over all pairs."""
    return rng.integers(rows, size=(runs * min(pairs, rows), 2))
