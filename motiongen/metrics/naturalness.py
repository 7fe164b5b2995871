"""Whether clips move as bodies do: bones keep their length, and both sides agree.

Every metric reads joints [N,T,J,C] and a mask [N,T,J] (True where seen; padding is False). What
the mask hides takes no part: a difference over time counts only if all its frames are seen. Each
comes twice: per clip, with NaN where a clip shows too little, so that intervals over clips can be
made; and as one value, the mean over the clips that have one. A value means something only beside
that of real clips, at the same fps.
"""

import numpy as np

from motiongen.metrics.collision import self_intersection_per_clip
from motiongen.metrics.ground import foot_skate_per_clip, ground_penetration_per_clip
from motiongen.metrics.masked import (
    Joints,
    Mask,
    PerClip,
    bone_lengths,
    masked_mean,
    masked_median,
    mean_over_clips,
    ratio,
)
from motiongen.metrics.metric import Metric
from motiongen.metrics.movement import (
    jerk_per_clip,
    jitter_per_clip,
    mean_speed_per_clip,
    root_jerk_per_clip,
)
from motiongen.skeleton import Skeleton

_OWN = "motiongen"


def bone_length_variation_per_clip(joints: Joints, mask: Mask, skeleton: Skeleton) -> PerClip:
    """Standard deviation of each bone's length over time / its median, mean over bones.

    Counts bones seen in at least two frames. In 2-D lengths change by foreshortening as well, so
    there it can only be compared with real clips.

    Shapes: joints [N,T,J,C], mask [N,T,J] -> [N], NaN for a clip without such a bone.
    Units: none (ratio).

    Raises:
        ValueError: if shapes disagree with each other or the skeleton, or a visible joint is not
            finite.
    """
    lengths, seen = bone_lengths(joints, mask, skeleton)
    mean = masked_mean(lengths, seen, axis=1)
    variance = masked_mean((lengths - mean[:, None]) ** 2, seen, axis=1)
    median = masked_median(lengths, seen)
    counts = (seen.sum(1) >= 2) & (median > 0)
    return masked_mean(ratio(np.sqrt(variance), median, counts), counts, axis=1)


def bone_length_variation(joints: Joints, mask: Mask, skeleton: Skeleton) -> float:
    """Mean over clips of `bone_length_variation_per_clip`; 0 for rigid bones.

    Raises:
        ValueError: as there; or if no bone of any clip is seen in two frames.
    """
    values = bone_length_variation_per_clip(joints, mask, skeleton)
    return mean_over_clips(values, "bone_length_cv")


def bone_symmetry_per_clip(joints: Joints, mask: Mask, skeleton: Skeleton) -> PerClip:
    """|left - right| / mean of both, over median bone lengths, mean over mirrored pairs of bones.

    Shapes: joints [N,T,J,C], mask [N,T,J] -> [N], NaN for a clip that shows no such pair.
    Units: none (ratio).

    Raises:
        ValueError: as `bone_length_variation_per_clip`.
    """
    left, right = _mirrored_bones(skeleton)
    lengths = masked_median(*bone_lengths(joints, mask, skeleton))
    one, other = lengths[:, left], lengths[:, right]
    counts = one + other > 0  # False for NaN too
    return masked_mean(ratio(np.abs(one - other), (one + other) / 2, counts), counts, axis=1)


def bone_symmetry(joints: Joints, mask: Mask, skeleton: Skeleton) -> float:
    """Mean over clips of `bone_symmetry_per_clip`; 0 for a symmetric body.

    Raises:
        ValueError: as there; or if no clip shows both bones of a pair.
    """
    return mean_over_clips(bone_symmetry_per_clip(joints, mask, skeleton), "bone_symmetry")


def naturalness_per_clip(
    joints: Joints, mask: Mask, skeleton: Skeleton, fps: float
) -> dict[str, PerClip]:
    """All metrics of one clip by itself, by name: what intervals over clips are made from.

    Raises:
        ValueError: as the functions for each; a metric that the skeleton does not allow is NaN.
    """
    still, moving = (joints, mask, skeleton), (joints, mask, fps)
    return {
        "bone_length_cv": bone_length_variation_per_clip(*still),
        "bone_symmetry": bone_symmetry_per_clip(*still),
        "jitter": jitter_per_clip(*still),
        "jerk": jerk_per_clip(*moving),
        "mean_speed": mean_speed_per_clip(*moving),
        "root_jerk": root_jerk_per_clip(*still, fps),
        "foot_skate": foot_skate_per_clip(*still, fps),
        "ground_penetration": ground_penetration_per_clip(*still),
        "self_intersection": self_intersection_per_clip(*still),
    }


def _mirrored_bones(skeleton: Skeleton) -> tuple[list[int], list[int]]:
    """Numbers of the bones of one side, and of their counterparts."""
    number = {(int(j), int(p)): e for e, (j, p) in enumerate(skeleton.bones)}
    mirror = skeleton.mirror
    pairs = [(e, number.get((mirror[j], mirror[p]), e)) for (j, p), e in number.items()]
    pairs = [(one, other) for one, other in pairs if one < other]
    return [one for one, _ in pairs], [other for _, other in pairs]


BONE_VARIATION = Metric(
    name="bone_length_cv",
    unit="",
    better="match",
    needs="motions",
    source=_OWN,
    function=bone_length_variation,
    meaning="How much bones change their length within a clip; 0 for a rigid body in 3-D.",
)

BONE_SYMMETRY = Metric(
    name="bone_symmetry",
    unit="",
    better="match",
    needs="motions",
    source=_OWN,
    function=bone_symmetry,
    meaning="How much the left and right bones of a body differ in length.",
)
