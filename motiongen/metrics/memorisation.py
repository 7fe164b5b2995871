"""Whether generated clips are copies of the train set, or of each other.

Functions take sets of clips [N,T,J,C] or of features [N,d]; clips must be filled in (no masks), of
one length (resampled), and with the root of frame 0 at the origin. Fidelity does not see a copier:
it scores better than a real set of unseen subjects.
"""

import numpy as np
from jaxtyping import Float, Int

from motiongen.metrics.checks import feature_set
from motiongen.metrics.distances import nearest_rows
from motiongen.metrics.metric import Metric

_OWN = "motiongen"


COPY_DISTANCE_M = 0.03
COPY_QUANTILE = 0.01

Clips = Float[np.ndarray, "_N T J C"]
Rows = Float[np.ndarray, "_N ..."]


def nearest_training_clip(
    fake: Clips, train: Clips
) -> tuple[Float[np.ndarray, "M"], Int[np.ndarray, "M"]]:
    """Distance of each generated clip to the nearest train clip, and that clip's number.

    The distance is the root mean square over joints and frames of the distance between joints.

    Shapes: fake [M,T,J,C], train [N,T,J,C] -> [M], [M].
    Units: that of the joints.

    Raises:
        ValueError: if a set is empty or not finite, or clips differ in shape; names the set.
    """
    if fake.ndim != 4 or fake.shape[1:] != train.shape[1:]:
        raise ValueError(
            f"fake {fake.shape} and train {train.shape} must be [clips,frames,joints,channels] "
            "with the same frames, joints and channels"
        )
    distance, index = nearest_rows(_rows(fake, "fake"), _rows(train, "train"))
    return distance / np.sqrt(fake.shape[1] * fake.shape[2]), index


def nearest_training_distance(fake: Clips, train: Clips) -> float:
    """Median over generated clips of the distance to the nearest train clip.

    Units: that of the joints.

    Raises:
        ValueError: as `nearest_training_clip`.
    """
    return float(np.median(nearest_training_clip(fake, train)[0]))


def copy_share(fake: Clips, train: Clips, threshold: float = COPY_DISTANCE_M) -> float:
    """Share of generated clips nearer to a train clip than `threshold`.

    Args:
        fake: generated clips. Shapes: [M,T,J,C].
        train: clips that the model was fitted on. Shapes: [N,T,J,C].
        threshold: in the unit of the joints: 3 cm in 3-D; 1 % of the body height in 2-D.

    Raises:
        ValueError: as `nearest_training_clip`; or if the threshold is not above 0.
    """
    if not threshold > 0:
        raise ValueError(f"threshold: found {threshold}, must be above 0")
    return float((nearest_training_clip(fake, train)[0] < threshold).mean())


def feature_copy_share(
    fake: Float[np.ndarray, "_m _d"],
    train: Float[np.ndarray, "_n _d"],
    quantile: float = COPY_QUANTILE,
) -> float:
    """Share of generated rows that lie nearer to a train row than train rows lie to each other.

    The limit is the 1 % quantile of the train rows' distances to their nearest other row; so 0.01
    is the value of an honest model whose samples lie as train rows do.

    Raises:
        ValueError: if a set has too few rows, is not finite, or columns differ.
    """
    fake, train = _rows(fake, "fake"), _rows(train, "train", at_least=2)
    limit = np.quantile(nearest_rows(train, train, same=True)[0], quantile)
    # <= : where train rows are doubled the limit is 0, and a copy must still count
    return float((_nearest(fake, train) <= limit).mean())


def nn_ratio(fake: Rows, train: Rows, validation: Rows) -> float:
    """Median over generated rows of (distance to train) / (distance to a validation subject).

    Under a split by subject anything learned lies nearer to train, so below 1 is normal:
    compare with the same figure for real clips of another unseen subject, and suspect less than
    half of it.

    Shapes: fake [M,...], train [N,...], validation [V,...]: clips or features.
    Units: none (ratio).

    Raises:
        ValueError: if a set is empty or not finite, or rows differ in size.
    """
    fake = _rows(fake, "fake")
    to_train = _nearest(fake, _rows(train, "train"))
    to_validation = _nearest(fake, _rows(validation, "validation"))
    on_validation = np.where(to_train > 0, np.inf, 1.0)
    ratios = np.divide(to_train, to_validation, out=on_validation, where=to_validation > 0)
    return float(np.median(ratios))


def inner_nn_ratio(real: Rows, fake: Rows) -> float:
    """Median distance between nearest generated rows over the same of real rows.

    Near 0 the samples repeat each other (collapse); compare sets of equal size only.

    Shapes: real [N,...], fake [M,...]: clips or features.
    Units: none (ratio).

    Raises:
        ValueError: if a set has fewer than 2 rows or is not finite, or if more than half of the
            real rows are doubled.
    """
    real, fake = _rows(real, "real", at_least=2), _rows(fake, "fake", at_least=2)
    reference = float(np.median(nearest_rows(real, real, same=True)[0]))
    if reference == 0:
        raise ValueError("inner_nn_ratio: most real rows are doubled, so there is no reference")
    return float(np.median(nearest_rows(fake, fake, same=True)[0])) / reference


def _rows(values: np.ndarray, name: str, *, at_least: int = 1) -> Float[np.ndarray, "n d"]:
    values = np.asarray(values)
    flat = values.reshape(len(values), -1) if values.size else values.reshape(0, 1)
    return feature_set(flat, name, at_least=at_least)


def _nearest(
    rows: Float[np.ndarray, "n d"], others: Float[np.ndarray, "m e"]
) -> Float[np.ndarray, "n"]:
    if rows.shape[1] != others.shape[1]:
        raise ValueError(f"rows have {rows.shape[1]} and {others.shape[1]} numbers")
    return nearest_rows(rows, others)[0]


NEAREST_TRAINING = Metric(
    name="nearest_training",
    unit="m",
    better="match",
    needs="motions",
    source=_OWN,
    function=nearest_training_distance,
    meaning="Distance of a typical generated clip to the training clip that is most like it.",
)

COPY_SHARE = Metric(
    name="copy_share",
    unit="",
    better="low",
    needs="motions",
    source=_OWN,
    function=copy_share,
    meaning="Share of generated clips that are copies of a training clip, within 3 cm.",
)

FEATURE_COPY_SHARE = Metric(
    name="feature_copy_share",
    unit="",
    better="match",
    needs="features",
    source=_OWN,
    function=feature_copy_share,
    meaning="Share of generated clips as near to a training clip as its 1 % nearest pairs.",
)

NN_RATIO = Metric(
    name="nn_ratio",
    unit="",
    better="match",
    needs="features",
    source=_OWN,
    function=nn_ratio,
    meaning="Distance to training clips relative to clips of an unseen person; near 0: copies.",
)

INNER_NN_RATIO = Metric(
    name="inner_nn_ratio",
    unit="",
    better="match",
    needs="features",
    source=_OWN,
    function=inner_nn_ratio,
    meaning="Distance between nearest samples relative to real clips; near 0: repetition.",
)
