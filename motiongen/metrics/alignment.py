"""Pose errors after alignment, and the shares of joints that lie near enough.

Poses [...,J,C] as in `motiongen.metrics.pose`, in metres unless said otherwise. Every frame is
aligned by itself. A joint whose mask is False takes no part in the average, nor, unless
`align_on` says so, in the alignment: where it was not seen, its position is not known.
"""

from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Float

from motiongen.metrics.metric import Metric
from motiongen.metrics.pose import acceleration_error, checked_pair, mpjpe, mpjve

Alignment = Literal["none", "scale", "similarity"]
Poses = Float[np.ndarray, "*clips J C"]
Seen = Bool[np.ndarray, "*clips J"]

PCK_THRESHOLD_M = 0.150
# 0, 5, ..., 150 mm: 31 thresholds, of which the first gives 0 %.
AUC_THRESHOLDS_M = np.linspace(0.0, 0.150, 31)
_MIN_JOINTS = 3
_PAVLLO = "Pavllo et al., 3D Human Pose Estimation in Video, CVPR 2019, section 5"
_RHODIN = "Rhodin et al., Unsupervised Geometry-Aware Representation, ECCV 2018, section 5"
_MEHTA = "Mehta et al., Monocular 3D Human Pose Estimation In The Wild, 3DV 2017, section 6"


def align(
    pred: Poses, truth: Poses, mask: Seen | None = None, *, by: Alignment = "similarity"
) -> Poses:
    """The prediction, brought as near to the truth as `by` allows, frame by frame.

    "scale" multiplies by <p,g>/<p,p> about the origin as given, so it depends on where the root
    is. "similarity" turns, scales and moves; it never mirrors (the determinant of the rotation is
    1), so a prediction with left and right swapped stays wrong.

    Shapes: pred, truth [...,J,C], mask [...,J] -> [...,J,C]; NaN in frames whose joints do not fix
        an alignment: fewer than 3 for a similarity, none for a scale, or all in one place.

    Raises:
        ValueError: if shapes disagree, `by` is unknown, or a joint that counts is not finite.

    Source: Rhodin et al., ECCV 2018, section 5 (scale); Umeyama, Least-Squares Estimation of
        Transformation Parameters Between Two Point Patterns, TPAMI 1991, eq. 40-42 (similarity).
    """
    if by not in get_args(Alignment):
        raise ValueError(f"by: found {by!r}, allowed {get_args(Alignment)}")
    seen, truth, mask = checked_pair(pred, truth, mask)
    pred = np.asarray(pred, dtype=np.float64)
    if by == "none":
        return pred
    return (_scaled if by == "scale" else _similar)(pred, seen, truth, mask)


def joint_errors(
    pred: Poses,
    truth: Poses,
    mask: Seen | None = None,
    *,
    by: Alignment = "none",
    align_on: Seen | None = None,
) -> tuple[Float[np.ndarray, "*clips J"], Seen]:
    """Distance of each joint after alignment, and which of them count.

    A joint counts if its mask is True and its frame could be aligned.

    Args:
        pred: predicted poses. Shapes: [...,J,C].
        truth: true poses. Shapes: [...,J,C].
        mask: joints that count. Shapes: [...,J]. Default: all.
        by: alignment, as in `align`.
        align_on: joints that the alignment uses; by default those that count. Published code uses
            all, and asks the mask only for the average.

    Units: that of the joints.

    Raises:
        ValueError: as `align`.
    """
    _, true, mask = checked_pair(pred, truth, mask)
    moved = align(pred, truth, mask if align_on is None else align_on, by=by)
    error = np.linalg.norm(moved - true, axis=-1)
    return error, mask & np.isfinite(error)


def n_mpjpe(
    pred: Poses, truth: Poses, mask: Seen | None = None, *, align_on: Seen | None = None
) -> float:
    """Mean joint error after each frame was scaled about the origin as given.

    Subtract the root first if the scale of the body is meant, not that of its distance.

    Units: that of the joints; times 1000 for millimetres.

    Raises:
        ValueError: as `align`; or if nothing counts.

    Source: Rhodin et al., Unsupervised Geometry-Aware Representation, ECCV 2018, section 5.
    """
    return _mean(*joint_errors(pred, truth, mask, by="scale", align_on=align_on), "n_mpjpe")


def pa_mpjpe(
    pred: Poses, truth: Poses, mask: Seen | None = None, *, align_on: Seen | None = None
) -> float:
    """Mean joint error after the best rotation, scale and shift of each frame; never a mirror.

    Frames with fewer than three joints take no part.

    Units: that of the joints; times 1000 for millimetres.

    Raises:
        ValueError: as `align`; or if nothing counts.

    Source: Pavllo et al., 3D Human Pose Estimation in Video, CVPR 2019, section 5 (protocol 2).
    """
    return _mean(*joint_errors(pred, truth, mask, by="similarity", align_on=align_on), "pa_mpjpe")


def pck(
    pred: Poses,
    truth: Poses,
    mask: Seen | None = None,
    *,
    threshold: float = PCK_THRESHOLD_M,
    by: Alignment = "none",
    align_on: Seen | None = None,
) -> float:
    """Percent of joints with an error strictly below the threshold.

    Args:
        pred: predicted poses. Shapes: [...,J,C].
        truth: true poses. Shapes: [...,J,C].
        mask: joints that count. Shapes: [...,J].
        threshold: in the unit of the joints; 150 mm for joints in metres.
        by: alignment, as in `align`.
        align_on: joints that the alignment uses, as in `joint_errors`.

    Units: percent.

    Raises:
        ValueError: as `align`; if nothing counts, or the threshold is not above 0.

    Source: Mehta et al., Monocular 3D Human Pose Estimation In The Wild, 3DV 2017, section 6.
    """
    if not threshold > 0:
        raise ValueError(f"threshold: found {threshold}, must be above 0")
    error, counts = joint_errors(pred, truth, mask, by=by, align_on=align_on)
    return 100 * _mean((error < threshold).astype(np.float64), counts, "pck")


def auc(
    pred: Poses,
    truth: Poses,
    mask: Seen | None = None,
    *,
    thresholds: Float[np.ndarray, "_K"] = AUC_THRESHOLDS_M,
    by: Alignment = "none",
    align_on: Seen | None = None,
) -> float:
    """Plain mean of `pck` over thresholds: 0, 5, ..., 150 mm, so no prediction reaches 100.

    Args:
        pred: predicted poses. Shapes: [...,J,C].
        truth: true poses. Shapes: [...,J,C].
        mask: joints that count. Shapes: [...,J].
        thresholds: in the unit of the joints.
        by: alignment, as in `align`.
        align_on: joints that the alignment uses, as in `joint_errors`.

    Units: percent.

    Raises:
        ValueError: as `align`; or if nothing counts.

    Source: Mehta et al., Monocular 3D Human Pose Estimation In The Wild, 3DV 2017, section 6.
    """
    error, counts = joint_errors(pred, truth, mask, by=by, align_on=align_on)
    below = [_mean((error < t).astype(np.float64), counts, "auc") for t in thresholds]
    return 100 * float(np.mean(below))


def pose_errors(pred: Poses, truth: Poses, mask: Seen | None = None) -> dict[str, float]:
    """All pose errors of joints in metres, in millimetres (per frame) and percent, by name.

    Shapes: pred, truth [...,T,J,C] in metres, mask [...,T,J].

    Raises:
        ValueError: as the functions for each.
    """
    lengths = (mpjpe, n_mpjpe, pa_mpjpe, mpjve, acceleration_error)
    found = {f"{f.__name__}_mm": 1000 * f(pred, truth, mask) for f in lengths}
    return found | {f"{f.__name__}_percent": f(pred, truth, mask) for f in (pck, auc)}


def _mean(error: np.ndarray, counts: np.ndarray, name: str) -> float:
    if not counts.any():
        raise ValueError(f"{name}: nothing counts: the mask or the alignment leaves no joint")
    return float(error[counts].mean())


def _scaled(pred: np.ndarray, seen: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Fits on what is seen (0 elsewhere in both, so it adds nothing), applies to all."""
    along = (seen * truth).sum((-2, -1), keepdims=True)
    square = (seen * seen).sum((-2, -1), keepdims=True)
    return pred * np.divide(along, square, out=np.full_like(along, np.nan), where=square > 0)


def _similar(
    pred: np.ndarray, seen: np.ndarray, truth: np.ndarray, mask: np.ndarray
) -> np.ndarray:
    counts = mask[..., None]
    number = counts.sum(-2, keepdims=True)
    centre = seen.sum(-2, keepdims=True) / np.maximum(number, 1)
    goal = truth.sum(-2, keepdims=True) / np.maximum(number, 1)
    body, other = (seen - centre) * counts, (truth - goal) * counts
    left, size, right = np.linalg.svd(np.swapaxes(other, -1, -2) @ body)
    # where the best orthogonal matrix mirrors, the weakest axis is turned back
    sign = np.ones_like(size)
    sign[..., -1] = np.where(np.linalg.det(left @ right) < 0, -1.0, 1.0)
    rotation = (left * sign[..., None, :]) @ right
    spread = (body**2).sum((-2, -1))
    fixed = (spread > 0) & (number[..., 0, 0] >= _MIN_JOINTS)
    scale = np.divide((size * sign).sum(-1), spread, out=np.full_like(spread, np.nan), where=fixed)
    moved = (pred - centre) @ np.swapaxes(rotation, -1, -2)
    return scale[..., None, None] * moved + goal


N_MPJPE = Metric(
    name="n_mpjpe",
    unit="m",
    better="low",
    needs="pairs",
    source=_RHODIN,
    function=n_mpjpe,
    meaning="Mean distance between predicted and true joints after each pose is scaled.",
)

PA_MPJPE = Metric(
    name="pa_mpjpe",
    unit="m",
    better="low",
    needs="pairs",
    source=_PAVLLO,
    function=pa_mpjpe,
    meaning="Mean distance between joints after each pose is turned, scaled and moved.",
)

PCK = Metric(
    name="pck",
    unit="%",
    better="high",
    needs="pairs",
    source=_MEHTA,
    function=pck,
    meaning="Percent of predicted joints within 150 mm of the truth.",
)

AUC = Metric(
    name="auc",
    unit="%",
    better="high",
    needs="pairs",
    source=_MEHTA,
    function=auc,
    meaning="Mean percent of predicted joints within 0 to 150 mm of the truth.",
)
