"""Whether clips move as bodies do: bones keep their length, feet do not slide.

Every metric reads joints [N,T,J,C] and a mask [N,T,J] (True where seen; padding is False). What
the mask hides takes no part: a difference over time counts only if all its frames are seen. Each
comes twice: per clip, with NaN where a clip shows too little, so that intervals over clips can be
made; and as one value, the mean over the clips that have one. A value means something only beside
that of real clips, at the same fps.
"""

import numpy as np

from motiongen.metrics.masked import (
    Joints,
    Mask,
    PerClip,
    body,
    bone_lengths,
    masked_mean,
    masked_median,
    mean_over_clips,
    positive,
    ratio,
)
from motiongen.metrics.metric import Metric
from motiongen.metrics.movement import jerk_per_clip, jitter_per_clip, mean_speed_per_clip
from motiongen.skeleton import Skeleton

_OWN = "motiongen"
UP_AXIS = 1
FEET = ("left_foot", "right_foot")
CONTACT_HEIGHT_M = 0.05
SLIDING_SPEED = 0.5
# The lowest frame of a noisy foot is an outlier, not the floor.
FLOOR_QUANTILE = 0.05


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


def foot_skate_per_clip(joints: Joints, mask: Mask, skeleton: Skeleton, fps: float) -> PerClip:
    """Share of the steps from frame to frame on the ground in which the foot slides.

    A foot is on the ground while it is less than 5 cm above the clip's floor (the 5 % quantile of
    the heights of both feet), and slides if it moves sideways faster than 0.5 m/s; both frames of
    a step must be on the ground.

    Shapes: joints [N,T,J,C] in metres with y up, mask [N,T,J] -> [N]; NaN for a clip without
        contact, and everywhere in 2-D or if the skeleton has no feet.
    Units: none (share).

    Raises:
        ValueError: as `bone_length_variation_per_clip`; or if fps is not above 0.
    """
    joints, mask = body(joints, mask, skeleton)
    if joints.shape[-1] != 3 or not skeleton.has_roles(*FEET):
        return np.full(len(joints), np.nan)
    roles = [skeleton.roles[role] for role in FEET]
    feet, seen = joints[:, :, roles], mask[:, :, roles]
    height = feet[..., UP_AXIS]
    floor = np.array([_quantile(h[s], FLOOR_QUANTILE) for h, s in zip(height, seen, strict=True)])
    ground = seen & (height < floor[:, None, None] + CONTACT_HEIGHT_M)
    steps = ground[:, 1:] & ground[:, :-1]
    sideways = np.delete(np.diff(feet, axis=1), UP_AXIS, axis=-1)
    slides = np.linalg.norm(sideways, axis=-1) * positive(fps, "fps") > SLIDING_SPEED
    return masked_mean(slides.astype(np.float64), steps, axis=(1, 2))


def foot_skate(joints: Joints, mask: Mask, skeleton: Skeleton, fps: float) -> float | None:
    """Mean over clips of `foot_skate_per_clip`; None where it is not defined.

    Not defined are 2-D clips, a skeleton without feet, and clips that never touch the ground.
    """
    values = foot_skate_per_clip(joints, mask, skeleton, fps)
    return None if np.isnan(values).all() else mean_over_clips(values, "foot_skate")


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
        "foot_skate": foot_skate_per_clip(*still, fps),
    }


def _mirrored_bones(skeleton: Skeleton) -> tuple[list[int], list[int]]:
    """Numbers of the bones of one side, and of their counterparts."""
    number = {(int(j), int(p)): e for e, (j, p) in enumerate(skeleton.bones)}
    mirror = skeleton.mirror
    pairs = [(e, number.get((mirror[j], mirror[p]), e)) for (j, p), e in number.items()]
    pairs = [(one, other) for one, other in pairs if one < other]
    return [one for one, _ in pairs], [other for _, other in pairs]


def _quantile(values: np.ndarray, level: float) -> float:
    return float(np.quantile(values, level)) if len(values) else np.nan


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

FOOT_SKATE = Metric(
    name="foot_skate",
    unit="",
    better="match",
    needs="motions",
    source=_OWN,
    function=foot_skate,
    meaning="Share of the time on the ground in which a foot slides.",
)
