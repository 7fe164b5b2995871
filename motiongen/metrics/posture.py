"""Angles between bones, and whether they stay in the range that real bodies use.

Joints [N,T,J,C] and masks [N,T,J] as in `motiongen.metrics.naturalness`. An angle is that between
two bones at the joint they share, 0 to pi. In 2-D it is the angle in the image, which depends on
the view as well: there it means something only beside real clips of the same views.
"""

from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float, Int

from motiongen.metrics.masked import Joints, Mask, PerClip, body, masked_mean, mean_over_clips
from motiongen.metrics.metric import Metric
from motiongen.skeleton import Skeleton

LIMITS = (0.005, 0.995)

Ranges = Float[np.ndarray, "A 2"]


def angle_joints(skeleton: Skeleton) -> Int[np.ndarray, "A 3"]:
    """All angles of a skeleton as (end, joint, other end), in the order of the joints."""
    triples = []
    for joint in range(skeleton.num_joints):
        ends = [int(p if j == joint else j) for j, p in skeleton.bones if joint in (j, p)]
        triples += [(one, joint, other) for one, other in combinations(sorted(ends), 2)]
    return np.array(triples, dtype=np.int64).reshape(-1, 3)


def joint_angles(
    joints: Joints, mask: Mask, skeleton: Skeleton
) -> tuple[Float[np.ndarray, "N T A"], Bool[np.ndarray, "N T A"]]:
    """Angles between bones, and where all three joints are seen and the bones have a length.

    Units: rad.

    Raises:
        ValueError: if shapes disagree with each other or the skeleton, or a visible joint is not
            finite.
    """
    joints, mask = body(joints, mask, skeleton)
    one, joint, other = angle_joints(skeleton).T
    first, second = (
        joints[:, :, one] - joints[:, :, joint],
        joints[:, :, other] - joints[:, :, joint],
    )
    size = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    seen = mask[:, :, one] & mask[:, :, joint] & mask[:, :, other] & (size > 0)
    cosine = np.divide((first * second).sum(-1), size, out=np.ones_like(size), where=seen)
    return np.arccos(np.clip(cosine, -1.0, 1.0)), seen


def angle_ranges(joints: Joints, mask: Mask, skeleton: Skeleton) -> Ranges:
    """The 0.5 % and 99.5 % quantile of each angle over the train set.

    Shapes: joints [N,T,J,C], mask [N,T,J] -> [A,2] in rad; NaN for angles that are never seen.

    Raises:
        ValueError: as `joint_angles`; or if no angle is ever seen.
    """
    angles, seen = joint_angles(joints, mask, skeleton)
    if not seen.any():
        raise ValueError("angle_ranges: no clip shows three joints in a row")
    return np.stack(
        [
            np.quantile(angles[..., a][seen[..., a]], LIMITS)
            if seen[..., a].any()
            else np.full(2, np.nan)
            for a in range(angles.shape[2])
        ]
    )


def joint_limits_per_clip(
    joints: Joints, mask: Mask, skeleton: Skeleton, ranges: Ranges
) -> PerClip:
    """Share of the visible angles that lie outside the range of the same angle in the train set.

    About 0.01 for clips like those of the train set, by construction.

    Args:
        joints: positions. Shapes: [N,T,J,C].
        mask: True where seen. Shapes: [N,T,J].
        skeleton: tells which bones meet.
        ranges: `angle_ranges` of the train set. Shapes: [A,2].

    Shapes: -> [N], NaN for a clip without a visible angle of known range.
    Units: none (share).

    Raises:
        ValueError: as `joint_angles`; or if the ranges are not of this skeleton.
    """
    angles, seen = joint_angles(joints, mask, skeleton)
    if ranges.shape != (angles.shape[2], 2):
        raise ValueError(
            f"ranges {ranges.shape} do not fit the {angles.shape[2]} angles of {skeleton.name!r}"
        )
    outside = (angles < ranges[:, 0]) | (angles > ranges[:, 1])
    known = seen & np.isfinite(ranges).all(1)
    return masked_mean(outside.astype(np.float64), known, axis=(1, 2))


def joint_limits(joints: Joints, mask: Mask, skeleton: Skeleton, ranges: Ranges) -> float:
    """Mean over clips of `joint_limits_per_clip`.

    Raises:
        ValueError: as there; or if no clip shows an angle of known range.
    """
    values = joint_limits_per_clip(joints, mask, skeleton, ranges)
    return mean_over_clips(values, "joint_limits")


JOINT_LIMITS = Metric(
    name="joint_limits",
    unit="",
    better="match",
    needs="motions",
    source="motiongen",
    function=joint_limits,
    meaning="Share of joint angles that real clips hardly ever show.",
)
