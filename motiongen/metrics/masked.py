"""Arithmetic on clips in which the mask decides what counts.

Shapes: N clips, T frames, J joints, E bones; S is T less the order of a difference.
Lengths are in the unit of the joints.
"""

import numpy as np
from jaxtyping import Bool, Float, Shaped

from motiongen.metrics.checks import clips
from motiongen.skeleton import Skeleton

Joints = Float[np.ndarray, "N T J C"]
Mask = Bool[np.ndarray, "N T J"]
PerClip = Float[np.ndarray, "N"]


def mean_over_clips(values: PerClip, name: str) -> float:
    """Mean of the clips that have a value.

    Raises:
        ValueError: if no clip has one.
    """
    defined = values[~np.isnan(values)]
    if not len(defined):
        raise ValueError(f"{name}: none of {len(values)} clips shows enough frames and joints")
    return float(defined.mean())


def body(joints: Joints, mask: Mask, skeleton: Skeleton) -> tuple[Joints, Mask]:
    """Checks clips as `checks.clips` does, and that they fit the skeleton.

    Raises:
        ValueError: if one of them does not hold.
    """
    joints, mask = clips(joints, mask)
    if joints.shape[2] != skeleton.num_joints:
        raise ValueError(
            f"joints {joints.shape} do not fit skeleton {skeleton.name!r} with "
            f"{skeleton.num_joints} joints"
        )
    return joints, mask


def bone_lengths(
    joints: Joints, mask: Mask, skeleton: Skeleton
) -> tuple[Float[np.ndarray, "N T E"], Bool[np.ndarray, "N T E"]]:
    """Lengths of all bones, and where both ends are seen."""
    joints, mask = body(joints, mask, skeleton)
    child, parent = skeleton.bones.T
    lengths = np.linalg.norm(joints[:, :, child] - joints[:, :, parent], axis=-1)
    return lengths, mask[:, :, child] & mask[:, :, parent]


def differences(
    joints: Shaped[np.ndarray, "..."], mask: Shaped[np.ndarray, "..."], order: int
) -> tuple[Float[np.ndarray, "N S J"], Bool[np.ndarray, "N S J"]]:
    """Lengths of the differences of some order over time, and where all their frames are seen."""
    joints, seen = clips(joints, mask)
    for _ in range(order):
        joints, seen = joints[:, 1:] - joints[:, :-1], seen[:, 1:] & seen[:, :-1]
    return np.linalg.norm(joints, axis=-1), seen


def mean_difference(joints: Joints, mask: Mask, order: int) -> PerClip:
    """Mean over frames and joints of `differences`; NaN for a clip without any."""
    return masked_mean(*differences(joints, mask, order), axis=(1, 2))


def masked_mean(
    values: Float[np.ndarray, "*shape"],
    seen: Bool[np.ndarray, "*shape"],
    axis: int | tuple[int, ...],
) -> Float[np.ndarray, "..."]:
    """Mean of what is seen; NaN where nothing is."""
    total, count = np.where(seen, values, 0.0).sum(axis), seen.sum(axis)
    return ratio(total, count, count > 0)


def masked_median(
    values: Float[np.ndarray, "N T E"], seen: Bool[np.ndarray, "N T E"]
) -> Float[np.ndarray, "N E"]:
    """Median over time (axis 1) of what is seen; NaN where nothing is."""
    if not values.shape[1]:
        return np.full((values.shape[0], values.shape[2]), np.nan)
    ordered = np.sort(np.where(seen, values, np.inf), axis=1)
    count = seen.sum(1, keepdims=True)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    middle = np.take_along_axis(ordered, low, 1) + np.take_along_axis(ordered, high, 1)
    return np.where(count > 0, middle / 2, np.nan)[:, 0]


def ratio(
    top: Shaped[np.ndarray, "*shape"],
    bottom: Shaped[np.ndarray, "*shape"],
    where: Bool[np.ndarray, "*shape"],
) -> Float[np.ndarray, "*shape"]:
    """Quotient, and NaN where it is not defined."""
    return np.divide(top, bottom, out=np.full(where.shape, np.nan), where=where)


def positive(value: float, name: str) -> float:
    """The value, which must be finite and above 0.

    Raises:
        ValueError: if it is not.
    """
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{name}: found {value}, must be above 0")
    return value
