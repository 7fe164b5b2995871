"""Distances between the distributions of one quantity in real and in generated clips.

1-Wasserstein: by how much the values of one set must be moved on average to become the other's.
Joints [N,T,J,C] and masks [N,T,J] as in `motiongen.metrics.naturalness`.
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import wasserstein_distance

from motiongen.metrics.masked import bone_lengths, differences, positive
from motiongen.metrics.metric import Metric
from motiongen.skeleton import Skeleton

_OWN = "motiongen"

Values = tuple[Float[np.ndarray, "_N _T _K"], Bool[np.ndarray, "_N _T _K"]]
AnyJoints = Float[np.ndarray, "_N _T _J _C"]
AnyMask = Bool[np.ndarray, "_N _T _J"]


def marginal_distance(real: Values, fake: Values, name: str) -> float:
    """1-Wasserstein distance of each column (joint or bone), mean over columns.

    Columns that are never seen in one of the sets are left out.

    Args:
        real: values and where they are seen. Shapes: [N,T,K], [N,T,K].
        fake: the same of generated clips; may have other N and T.
        name: of the metric, for errors.

    Units: that of the values.

    Raises:
        ValueError: if the numbers of columns differ, or no column is seen in both sets.

    Source: Kantorovich and Rubinstein 1958; on a line the area between distribution functions.
    """
    (one, one_seen), (other, other_seen) = real, fake
    if one.shape[2] != other.shape[2]:
        raise ValueError(f"real has {one.shape[2]} joints, but fake has {other.shape[2]}")
    found = [
        wasserstein_distance(one[..., k][one_seen[..., k]], other[..., k][other_seen[..., k]])
        for k in range(one.shape[2])
        if one_seen[..., k].any() and other_seen[..., k].any()
    ]
    if not found:
        raise ValueError(f"{name}: no joint is seen in enough frames in a row in both sets")
    return float(np.mean(found))


def acceleration_distance(
    real_joints: AnyJoints,
    real_mask: AnyMask,
    fake_joints: AnyJoints,
    fake_mask: AnyMask,
    *,
    fps: float,
) -> float:
    """1-Wasserstein distance between real and generated accelerations, mean over joints.

    Lengths of second differences whose three frames are seen.

    Units: m/s^2 for joints in metres.

    Raises:
        ValueError: if shapes disagree, fps is not above 0, or no joint is seen in three frames in
            a row in both sets.
    """
    real = differences(real_joints, real_mask, 2)
    fake = differences(fake_joints, fake_mask, 2)
    return marginal_distance(real, fake, "acceleration_distance") * positive(fps, "fps") ** 2


def bone_length_distance(
    real_joints: AnyJoints,
    real_mask: AnyMask,
    fake_joints: AnyJoints,
    fake_mask: AnyMask,
    *,
    skeleton: Skeleton,
) -> float:
    """1-Wasserstein distance between real and generated lengths of a bone, mean over bones.

    Frame by frame, so it sees bones that stretch as well as bodies of another size. In 2-D it
    compares lengths in the image, which also depend on the view.

    Units: m for joints in metres.

    Raises:
        ValueError: if shapes disagree with each other or the skeleton, or no bone is seen in both
            sets.
    """
    real = bone_lengths(real_joints, real_mask, skeleton)
    fake = bone_lengths(fake_joints, fake_mask, skeleton)
    return marginal_distance(real, fake, "bone_length_distance")


ACCELERATION_DISTANCE = Metric(
    name="acceleration_distance",
    unit="m/s^2",
    better="low",
    needs="motions",
    source=_OWN,
    function=acceleration_distance,
    meaning="How far the accelerations of generated joints are from those of real ones.",
)

BONE_LENGTH_DISTANCE = Metric(
    name="bone_length_distance",
    unit="m",
    better="low",
    needs="motions",
    source=_OWN,
    function=bone_length_distance,
    meaning="How far the lengths of generated bones are from those of real ones.",
)
