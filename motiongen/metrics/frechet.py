"""The Frechet distance of Gaussians fitted to features: of all rows, per class, without n."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Shaped

from motiongen.metrics.checks import class_labels, feature_set, feature_sets
from motiongen.metrics.metric import Metric

_HEUSEL = "Heusel et al., GANs Trained by a Two Time-Scale Update Rule, NeurIPS 2017, eq. 6"
_CHONG = "Chong and Forsyth, Effectively Unbiased FID and Inception Score, CVPR 2020, section 3"
_ACTFORMER = "per class as in Xu et al., ActFormer, ICCV 2023"
#: above so many rows the statistics are sums over blocks, and no float64 copy is made
LARGE_ROWS = 10_000
BLOCK_ROWS = 4096
# Below this ratio of the eigenvalues float32 sums would show in the root of the product.
FULL_RANK = 1e-3
EXTRAPOLATION_SIZES, LEAST_SHARE = 15, 0.5


@dataclass(frozen=True)
class Moments:
    """What the Frechet distance reads of a set.

    Args:
        mean: of the rows. Shapes: [d].
        root: any A with A'A = the covariance (divisor n-1). Shapes: [r,d].
        rows: number of rows behind it.
    """

    mean: Float[np.ndarray, "d"]
    root: Float[np.ndarray, "r d"]
    rows: int


def fid(real: Float[np.ndarray, "_n _d"], fake: Float[np.ndarray, "_m _d"]) -> float:
    """Frechet distance between Gaussians fitted to both sets (covariance divisor n-1).

    |mean difference|^2 + Tr(Sr + Sg - 2 (Sr Sg)^(1/2)). With Sr = A'A and Sg = B'B the last trace
    is the sum of the singular values of AB'. Up to 10,000 rows A and B are triangular factors of
    the centred rows, so singular covariances are as exact as full ones. Larger sets are summed in
    float32 blocks with float64 totals; that is off by less than 1e-6 of the traces, and wherever
    a covariance is nearly singular the blocks are float64. Rounding may leave a tiny negative
    value for identical sets. It depends on n: compare at equal n, or see `fid_extrapolated`.

    Units: feature units squared.
    Warns: if a set has no more rows than columns.

    Raises:
        ValueError: if a set has fewer than 2 rows or is not finite.

    Source: Heusel et al., GANs Trained by a Two Time-Scale Update Rule, NeurIPS 2017, eq. 6.
    """
    if max(len(real), len(fake)) <= LARGE_ROWS:
        real, fake = feature_sets(real, fake)
    for name, features in (("real", real), ("fake", fake)):
        if len(features) <= features.shape[-1]:
            warnings.warn(
                f"fid: {name} has {len(features)} rows for {features.shape[-1]} columns, so its "
                "covariance is singular and the value is dominated by the number of rows",
                stacklevel=2,
            )
    return frechet_distance(moments(real, "real"), moments(fake, "fake"))


def moments(features: Shaped[np.ndarray, "..."], name: str) -> Moments:
    """Mean and covariance of a set, as the Frechet distance wants them.

    Raises:
        ValueError: if the set has fewer than 2 rows or is not finite.
    """
    if len(features) <= LARGE_ROWS or np.asarray(features).ndim != 2:
        features = feature_set(features, name)
        mean = features.mean(0)
        centred = (features - mean) / np.sqrt(len(features) - 1)
        return Moments(mean, np.asarray(np.linalg.qr(centred, mode="r")), len(features))
    mean, covariance = _block_covariance(features, np.float32)
    if not (np.isfinite(covariance).all() and np.isfinite(mean).all()):
        feature_set(features, name)  # names the row
    values = np.linalg.eigvalsh(covariance)
    if values[0] < FULL_RANK * values[-1]:
        mean, covariance = _block_covariance(features, np.float64)
    return Moments(mean, _root(covariance), len(features))


def frechet_distance(real: Moments, fake: Moments) -> float:
    """Distance between two fitted Gaussians; see `fid`.

    Raises:
        ValueError: if the numbers of columns differ.
    """
    if len(real.mean) != len(fake.mean):
        raise ValueError(f"real has {len(real.mean)} columns, but fake has {len(fake.mean)}")
    gap = real.mean - fake.mean
    shared = np.linalg.svd(real.root @ fake.root.T, compute_uv=False).sum()
    spread = (real.root**2).sum() + (fake.root**2).sum()
    return float(gap @ gap + spread - 2 * shared)


def fid_per_class(
    real: Float[np.ndarray, "_n _d"],
    real_labels: Int[np.ndarray, "_n"],
    fake: Float[np.ndarray, "_m _d"],
    fake_labels: Int[np.ndarray, "_m"],
) -> dict[int, float]:
    """`fid` within each class that both sets have; other classes are no keys.

    Units: feature units squared.

    Raises:
        ValueError: if a class has fewer than 2d rows in one of the sets (names all of them), no
            class is in both, labels do not fit, or as `fid`.

    Source: per class as in Xu et al., ActFormer, ICCV 2023.
    Differs: refuses the 100 rows of 256 columns that were used there: such a covariance is
        singular, and the value speaks of the number of rows.
    """
    real, fake = feature_sets(real, fake)
    real_labels = class_labels(real_labels, "real_labels", rows=len(real))
    fake_labels = class_labels(fake_labels, "fake_labels", rows=len(fake))
    shared = np.intersect1d(real_labels, fake_labels)
    if not len(shared):
        raise ValueError("fid_per_class: no class is in both sets")
    needed = 2 * real.shape[1]
    few = {
        f"{name} class {c} ({count})"
        for name, labels in (("real", real_labels), ("fake", fake_labels))
        for c in shared
        if (count := int((labels == c).sum())) < needed
    }
    if few:
        raise ValueError(
            f"fid_per_class: {real.shape[1]} columns need {needed} rows in each class; too few: "
            + ", ".join(sorted(few))
        )
    return {int(c): fid(real[real_labels == c], fake[fake_labels == c]) for c in shared}


def fid_extrapolated(
    real: Float[np.ndarray, "_n _d"],
    fake: Float[np.ndarray, "_m _d"],
    rng: np.random.Generator,
    *,
    sizes: int = EXTRAPOLATION_SIZES,
) -> float:
    """What `fid` would be for infinitely many rows of both sets.

    The bias of fid is nearly linear in 1/n. So fid is measured between n rows of each set, drawn
    without replacement, for n from half of the smaller set to all of it, and a straight line in
    1/n is read off at 0. It may lie slightly below 0 for a good model.

    Args:
        real: real features. Shapes: [n,d].
        fake: generated features. Shapes: [m,d].
        rng: draws the rows.
        sizes: number of sizes n.

    Units: feature units squared.

    Raises:
        ValueError: if the smaller set has fewer than 4d rows: the bias is not yet linear there;
            or as `fid`.

    Source: Chong and Forsyth, Effectively Unbiased FID and Inception Score, CVPR 2020, section 3.
    Differs: both sets are drawn at n, so that the bias of the real statistics goes too; plain
        draws instead of a Sobol sequence, since clips are given.
    """
    real, fake = feature_sets(real, fake)
    whole = min(len(real), len(fake))
    if whole < 4 * real.shape[1]:
        raise ValueError(
            f"fid_extrapolated: {whole} rows for {real.shape[1]} columns; at least "
            f"{4 * real.shape[1]} are needed"
        )
    counts = np.linspace(LEAST_SHARE * whole, whole, sizes).astype(int)
    values = [
        fid(
            real[rng.choice(len(real), size=n, replace=False)],
            fake[rng.choice(len(fake), size=n, replace=False)],
        )
        for n in counts
    ]
    return float(np.polyfit(1 / counts, values, 1)[1])


def _block_covariance(
    features: np.ndarray, number: type[np.floating]
) -> tuple[Float[np.ndarray, "d"], Float[np.ndarray, "d d"]]:
    """Mean and covariance from blocks of rows about a provisional mean, totals in float64."""
    columns = features.shape[1]
    about = features[:BLOCK_ROWS].mean(0, dtype=np.float64).astype(number)
    total, products = np.zeros(columns), np.zeros((columns, columns))
    room, ones = np.empty((BLOCK_ROWS, columns), number), np.ones(BLOCK_ROWS, number)
    for block in _rows(features):
        rows = features[block].astype(number, copy=False)
        centred = np.subtract(rows, about, out=room[: len(rows)])
        total += ones[: len(rows)] @ centred
        products += centred.T @ centred
    shift = total / len(features)
    covariance = (products - len(features) * np.outer(shift, shift)) / (len(features) - 1)
    return about.astype(np.float64) + shift, covariance


def _rows(features: np.ndarray) -> Iterator[slice]:
    for start in range(0, len(features), BLOCK_ROWS):
        yield slice(start, start + BLOCK_ROWS)


def _root(covariance: Float[np.ndarray, "d d"]) -> Float[np.ndarray, "d d"]:
    """A with A'A = covariance: by Cholesky where it has full rank, else by eigenvalues."""
    try:
        return np.linalg.cholesky(covariance).T
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(covariance)
        return (vectors * np.sqrt(np.maximum(values, 0.0))).T


FID = Metric(
    name="fid",
    unit="feature^2",
    better="low",
    needs="features",
    source=_HEUSEL,
    function=fid,
    meaning="How far generated clips as a whole lie from real ones, as a classifier sees them.",
)

FID_EXTRAPOLATED = Metric(
    name="fid_extrapolated",
    unit="feature^2",
    better="low",
    needs="features",
    source=_CHONG,
    function=fid_extrapolated,
    meaning="What fid would be for infinitely many clips, read off a line in 1/n.",
)

FID_PER_CLASS = Metric(
    name="fid_per_class",
    unit="feature^2",
    better="low",
    needs="features",
    source=_ACTFORMER,
    function=fid_per_class,
    meaning="How far generated clips lie from real ones within each class.",
)
