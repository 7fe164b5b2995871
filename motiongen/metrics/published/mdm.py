"""Scores of unconditional samples as MDM and MoDi compute them.

Tevet et al., Human Motion Diffusion Model, ICLR 2023; code, eval/unconstrained. Its setting: 1000
clips of 15 joints, the root of every frame at the origin, subsets of 1000 rows, k = 3.
"""

import numpy as np
from jaxtyping import Float

from motiongen.metrics.distances import distances, nearest_others
from motiongen.metrics.fidelity import kid
from motiongen.metrics.published.discrepancies import first_rows

NEIGHBOURS = 3
SUBSETS, SUBSET_ROWS = 100, 1000


def mdm_kid(
    real: Float[np.ndarray, "_n _d"],
    fake: Float[np.ndarray, "_m _d"],
    rng: np.random.Generator | None = None,
    *,
    subsets: int = SUBSETS,
    rows: int = SUBSET_ROWS,
) -> float:
    """`kid` on equally many rows of both sets, averaged over drawn subsets of `rows`.

    Sets of at most `rows` rows are used whole, cut to min(n,m), without a draw.

    Differs: ours uses all rows of both sets at once. Called with n != m the published formula
        (torchmetrics has it too) divides by the wrong count and says nothing; here the sets are
        cut. The published switch for drawing with replacement is inverted; drawn without here.

    Raises:
        ValueError: if subsets must be drawn without rng; or as `kid`.

    Source: code, eval/unconstrained/metrics/kid.py.
    """
    one, other = first_rows(real, fake)
    if len(one) <= rows:
        return kid(one, other)
    if rng is None:
        raise ValueError(f"mdm_kid: {len(one)} rows; above {rows} subsets are drawn: pass rng")

    def draw(features: Float[np.ndarray, "_p _d"]) -> Float[np.ndarray, "_r _d"]:
        return features[rng.choice(len(features), size=rows, replace=False)]

    return float(np.mean([kid(draw(real), draw(fake)) for _ in range(subsets)]))


def mdm_precision(
    real: Float[np.ndarray, "_n _d"], fake: Float[np.ndarray, "_m _d"], k: int = NEIGHBOURS
) -> float:
    """Share of the first min(n,m) generated rows inside or on a real radius.

    Differs: ours uses all rows, so their order does not matter, and a tie is outside: a copy of a
        row lies on radii, so `<=` counts neighbours once more for copies.

    Raises:
        ValueError: if min(n,m) is not above k, or a set is not finite.

    Source: code, eval/unconstrained/metrics/precision_recall.py.
    """
    real, fake = first_rows(real, fake)
    return _share_inside(real, fake, k)


def mdm_recall(
    real: Float[np.ndarray, "_n _d"], fake: Float[np.ndarray, "_m _d"], k: int = NEIGHBOURS
) -> float:
    """Share of the first min(n,m) real rows inside or on a generated radius.

    Differs: as `mdm_precision`.
    """
    real, fake = first_rows(real, fake)
    return _share_inside(fake, real, k)


def _share_inside(centres: np.ndarray, rows: np.ndarray, k: int) -> float:
    if len(centres) <= k:
        raise ValueError(f"k: found {k} for {len(centres)} rows; more rows are needed")
    radius = nearest_others(centres, k)[:, -1]
    return float((distances(rows, centres) <= radius).any(1).mean())
