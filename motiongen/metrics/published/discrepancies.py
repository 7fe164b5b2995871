"""Maximum mean discrepancies as three projects compute them, each with another bandwidth."""

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import cdist

from motiongen.metrics.checks import feature_sets
from motiongen.metrics.kernels import mmd2_rbf

BANDWIDTH = 1.0


def actor_mmd(real: Float[np.ndarray, "_n _d"], fake: Float[np.ndarray, "_m _d"]) -> float:
    """Squared, biased, with the kernel exp(-|x-y|^2 / d^2) for d columns.

    Differs: ours is unbiased and takes the bandwidth from the real set. Here it grows with the
        number of columns, whatever the scale of the features: 900 for 30 columns.

    Raises:
        ValueError: if a set has fewer than 2 rows or is not finite.

    Source: Petrovich et al., ACTOR, ICCV 2021; code, src/models/tools/mmd.py.
    """
    return mmd2_rbf(real, fake, float(np.shape(real)[1]) ** 2, unbiased=False)


def mugl_mmd(
    real: Float[np.ndarray, "_n _d"],
    fake: Float[np.ndarray, "_m _d"],
    bandwidth: float = BANDWIDTH,
) -> float:
    """Squared and biased, on the first min(n,m) rows of both sets, kernel exp(-|x-y|^2 / B).

    Differs: ours uses all rows, so it does not depend on their order; and is unbiased.

    Raises:
        ValueError: as `actor_mmd`.

    Source: Maheshwari et al., MUGL, WACV 2022; code, metrics/mmd.py. The script around it stops
        with a NameError.
    """
    real, fake = first_rows(real, fake)
    return mmd2_rbf(real, fake, bandwidth, unbiased=False)


def kinetic_gan_mmd(
    real: Float[np.ndarray, "_n _d"],
    fake: Float[np.ndarray, "_m _d"],
    bandwidth: float = BANDWIDTH,
) -> float:
    """Root of an estimate without the pairs i = j, on the first min(n,m) rows of both sets.

    Differs: ours is squared: an estimate below 0 is normal for a good model, and its root is NaN
        (as here; the published script then prints 0). Ours keeps i = j between the sets, where
        rows i of both have nothing to do with each other. The published script also sees only the
        first sample of each class.

    Raises:
        ValueError: as `actor_mmd`.

    Source: Degardin et al., Generative Adversarial Graph Convolutional Networks, WACV 2022; code,
        evaluation/mmd-actions.py.
    """
    real, fake = first_rows(real, fake)
    pairs = ((real, real), (fake, fake), (real, fake))
    own, other, between = (np.exp(-cdist(a, b, "sqeuclidean") / bandwidth) for a, b in pairs)
    table, n = own + other - 2 * between, len(real)
    square = (table.sum() - np.trace(table)) / (n * (n - 1))
    return float(np.sqrt(square)) if square >= 0 else float("nan")


def first_rows(
    real: Float[np.ndarray, "_n _d"], fake: Float[np.ndarray, "_m _d"]
) -> tuple[Float[np.ndarray, "p d"], Float[np.ndarray, "p d"]]:
    """The first min(n,m) rows of both sets: what decides then is their order."""
    real, fake = feature_sets(real, fake)
    count = min(len(real), len(fake))
    return real[:count], fake[:count]
