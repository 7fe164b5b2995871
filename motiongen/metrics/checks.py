"""What every metric asks of its arrays: enough rows, finite values, shapes that fit.

Each function returns the checked array in float64, so that no metric computes in less.
"""

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped


def feature_set(
    features: Shaped[np.ndarray, "..."], name: str, *, at_least: int = 2
) -> Float[np.ndarray, "n d"]:
    """Features as float64.

    Shapes: features [n,d] -> [n,d].

    Raises:
        ValueError: if `features` is no table, has fewer than `at_least` rows, or holds NaN or
            infinity; names the set and the row.
    """
    array = np.asarray(features, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(f"{name}: features must be [rows,columns], found shape {array.shape}")
    if len(array) < at_least:
        raise ValueError(f"{name}: found {len(array)} rows, at least {at_least} are needed")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        row, column = bad[0]
        raise ValueError(
            f"{name}: row {row}, column {column} is {array[row, column]}; "
            f"{len(np.unique(bad[:, 0]))} of {len(array)} rows are not finite"
        )
    return array


def feature_sets(
    real: Shaped[np.ndarray, "..."], fake: Shaped[np.ndarray, "..."], *, at_least: int = 2
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "m d"]]:
    """Real and generated features as float64, with the same columns.

    Raises:
        ValueError: as `feature_set`; or if the numbers of columns differ.
    """
    real = feature_set(real, "real", at_least=at_least)
    fake = feature_set(fake, "fake", at_least=at_least)
    if real.shape[1] != fake.shape[1]:
        raise ValueError(f"real has {real.shape[1]} columns, but fake has {fake.shape[1]}")
    return real, fake


def class_labels(
    labels: Shaped[np.ndarray, "..."], name: str, *, rows: int | None = None
) -> Int[np.ndarray, "n"]:
    """Class numbers as int64.

    Raises:
        ValueError: if they are no whole numbers from 0, none at all, or not `rows` of them.
    """
    array = np.asarray(labels)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer) or not len(array):
        raise ValueError(
            f"{name}: class numbers must be a row of integers, found {array.dtype} of shape "
            f"{array.shape}"
        )
    if rows is not None and len(array) != rows:
        raise ValueError(f"{name}: found {len(array)} class numbers for {rows} rows")
    if array.min() < 0:
        row = int(np.argmax(array < 0))
        raise ValueError(f"{name}: row {row} has class {array[row]}; every row needs one from 0")
    return array.astype(np.int64)


def clips(
    joints: Shaped[np.ndarray, "..."], mask: Shaped[np.ndarray, "..."], name: str = "joints"
) -> tuple[Float[np.ndarray, "N T J C"], Bool[np.ndarray, "N T J"]]:
    """Clips as float64 with 0 at every joint that was not seen.

    Zeros keep NaN under the mask from spreading: what the mask hides never counts.

    Raises:
        ValueError: if there is no clip, the shapes disagree, or a visible joint is not finite;
            names clip, frame and joint.
    """
    mask = np.asarray(mask)
    joints = np.asarray(joints, dtype=np.float64)
    if mask.dtype != np.bool_:
        raise ValueError(f"{name}: the mask must be bool, found {mask.dtype}")
    if joints.ndim != 4 or mask.shape != joints.shape[:3] or not len(joints):
        raise ValueError(
            f"{name} {joints.shape} must be [clips,frames,joints,channels] and its mask "
            f"{mask.shape} the first three axes"
        )
    bad = np.argwhere(mask & ~np.isfinite(joints).all(-1))
    if len(bad):
        clip, frame, joint = bad[0].tolist()
        raise ValueError(
            f"{name}: clip {clip}, frame {frame}, joint {joint} is visible, but its position is "
            f"{joints[clip, frame, joint].tolist()}"
        )
    return np.where(mask[..., None], joints, 0.0), mask
