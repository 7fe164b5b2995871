"""Errors of a predicted motion against its truth, joint by joint and without alignment.

The unit is that of the joints: metres for a 3-D `Motion`. Any leading axes are allowed.
"""

import numpy as np
from jaxtyping import Bool, Float

from motiongen.metrics.metric import Metric


def mpjpe(
    pred: Float[np.ndarray, "*clips J C"],
    truth: Float[np.ndarray, "*clips J C"],
    mask: Bool[np.ndarray, "*clips J"] | None = None,
) -> float:
    """Mean distance between predicted and true joints, over all joints that count.

    Nothing is aligned and no root is removed.

    Shapes: pred, truth [...,J,C]; mask [...,J], True where a joint counts (default: everywhere).
    Units: that of the joints.

    Raises:
        ValueError: if shapes disagree, nothing counts, or a joint that counts is not finite.

    Source: Ionescu et al., Human3.6M, TPAMI 2014, eq. 8.
    """
    difference, mask = _difference(pred, truth, mask)
    return _mean_norm(difference, mask, "mpjpe")


def mpjve(
    pred: Float[np.ndarray, "*clips T J C"],
    truth: Float[np.ndarray, "*clips T J C"],
    mask: Bool[np.ndarray, "*clips T J"] | None = None,
) -> float:
    """Mean distance between predicted and true steps from frame to frame.

    A step counts only if the mask is True in both frames.

    Shapes: pred, truth [...,T,J,C]; mask [...,T,J].
    Units: that of the joints, per frame.

    Raises:
        ValueError: if shapes disagree, no step counts, or a joint that counts is not finite.

    Source: Pavllo et al., 3D Human Pose Estimation in Video, CVPR 2019, section 5.
    """
    return _motion_error(pred, truth, mask, order=1, name="mpjve")


def acceleration_error(
    pred: Float[np.ndarray, "*clips T J C"],
    truth: Float[np.ndarray, "*clips T J C"],
    mask: Bool[np.ndarray, "*clips T J"] | None = None,
) -> float:
    """Mean distance between predicted and true second differences: how much a prediction shakes.

    A difference counts only if the mask is True in all its three frames.

    Shapes: pred, truth [...,T,J,C]; mask [...,T,J].
    Units: that of the joints, per frame^2.

    Raises:
        ValueError: if shapes disagree, no difference counts, or a joint that counts is not finite.

    Source: Kanazawa et al., Learning 3D Human Dynamics from Video, CVPR 2019, section 4.
    """
    return _motion_error(pred, truth, mask, order=2, name="acceleration_error")


def _motion_error(
    pred: np.ndarray, truth: np.ndarray, mask: np.ndarray | None, *, order: int, name: str
) -> float:
    difference, mask = _difference(pred, truth, mask)
    if difference.ndim < 3 or difference.shape[-3] <= order:
        raise ValueError(f"{name}: shape {difference.shape} has fewer than {order + 1} frames")
    for _ in range(order):
        mask = mask[..., 1:, :] & mask[..., :-1, :]
    return _mean_norm(np.diff(difference, n=order, axis=-3), mask, name)


def checked_pair(
    pred: np.ndarray, truth: np.ndarray, mask: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Prediction and truth in float64, 0 where they do not count, and where they count.

    Shapes: pred, truth [...,J,C], mask [...,J] or None for everywhere.

    Raises:
        ValueError: if shapes disagree, or a joint that counts is not finite.
    """
    pred, truth = np.asarray(pred, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    mask = np.ones(pred.shape[:-1], dtype=bool) if mask is None else np.asarray(mask)
    if pred.shape != truth.shape or mask.shape != pred.shape[:-1] or mask.dtype != np.bool_:
        raise ValueError(
            f"pred {pred.shape} and truth {truth.shape} must have one shape [...,J,C], and the "
            f"mask {mask.shape} of {mask.dtype} must be bool without the last axis"
        )
    for name, joints in (("pred", pred), ("truth", truth)):
        bad = np.argwhere(mask & ~np.isfinite(joints).all(-1))
        if len(bad):
            raise ValueError(f"{name}: position at {tuple(bad[0].tolist())} is not finite")
    return np.where(mask[..., None], pred, 0.0), np.where(mask[..., None], truth, 0.0), mask


def _difference(
    pred: np.ndarray, truth: np.ndarray, mask: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Prediction minus truth with 0 where it does not count, and where it counts."""
    pred, truth, mask = checked_pair(pred, truth, mask)
    return pred - truth, mask


def _mean_norm(difference: np.ndarray, mask: np.ndarray, name: str) -> float:
    if not mask.any():
        raise ValueError(f"{name}: the mask leaves nothing to compare")
    return float(np.linalg.norm(difference, axis=-1)[mask].mean())


MPJPE = Metric(
    name="mpjpe",
    unit="m",
    better="low",
    needs="pairs",
    source="Ionescu et al., Human3.6M, TPAMI 2014, eq. 8",
    function=mpjpe,
    meaning="Mean distance between predicted and true joints.",
)

MPJVE = Metric(
    name="mpjve",
    unit="m/frame",
    better="low",
    needs="pairs",
    source="Pavllo et al., 3D Human Pose Estimation in Video, CVPR 2019, section 5",
    function=mpjve,
    meaning="Mean error of a joint's step from one frame to the next.",
)

ACCELERATION_ERROR = Metric(
    name="acceleration_error",
    unit="m/frame^2",
    better="low",
    needs="pairs",
    source="Kanazawa et al., Learning 3D Human Dynamics from Video, CVPR 2019, section 4",
    function=acceleration_error,
    meaning="Mean error of a joint's acceleration: how much a prediction shakes.",
)
