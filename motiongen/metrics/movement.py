"""How joints move over time: speed, jerk, shaking.

Joints [N,T,J,C] and masks [N,T,J] as in `motiongen.metrics.naturalness`.
"""

import numpy as np
from jaxtyping import Bool, Float

from motiongen.metrics.marginals import marginal_distance
from motiongen.metrics.masked import (
    Joints,
    Mask,
    PerClip,
    body,
    bone_lengths,
    differences,
    masked_median,
    mean_difference,
    mean_over_clips,
    positive,
    ratio,
)
from motiongen.metrics.metric import Metric
from motiongen.skeleton import Skeleton

_OWN = "motiongen"
STATIC_SHARE_OF_REFERENCE = 0.1


def jitter_per_clip(joints: Joints, mask: Mask, skeleton: Skeleton) -> PerClip:
    """Mean |x(t+1) - 2x(t) + x(t-1)| over frames and joints / sum of median bone lengths.

    Bones that a clip never shows are missing from its sum.

    Shapes: joints [N,T,J,C], mask [N,T,J] -> [N], NaN for a clip without three frames in a row.
    Units: body sizes per frame^2 (free of the unit of joints, but not of fps).

    Raises:
        ValueError: if shapes disagree with each other or the skeleton, or a visible joint is not
            finite.
    """
    lengths = masked_median(*bone_lengths(joints, mask, skeleton))
    size = np.where(np.isnan(lengths), 0.0, lengths).sum(1)
    change = mean_difference(joints, mask, order=2)
    return ratio(change, size, size > 0)


def jitter(joints: Joints, mask: Mask, skeleton: Skeleton) -> float:
    """Mean over clips of `jitter_per_clip`.

    Raises:
        ValueError: as there; or if no joint is seen in three frames in a row.
    """
    return mean_over_clips(jitter_per_clip(joints, mask, skeleton), "jitter")


def jerk_per_clip(joints: Joints, mask: Mask, fps: float) -> PerClip:
    """Mean |third difference| over frames and joints, times fps^3.

    Shapes: joints [N,T,J,C], mask [N,T,J] -> [N], NaN for a clip without four frames in a row.
    Units: m/s^3 for joints in metres.

    Raises:
        ValueError: if shapes disagree, a visible joint is not finite, or fps is not above 0.

    Source: Flash and Hogan, The Coordination of Arm Movements, J. Neuroscience 1985 (jerk as the
        measure of smoothness).
    """
    return mean_difference(joints, mask, order=3) * positive(fps, "fps") ** 3


def jerk(joints: Joints, mask: Mask, fps: float) -> float:
    """Mean over clips of `jerk_per_clip`.

    Raises:
        ValueError: as there; or if no joint is seen in four frames in a row.
    """
    return mean_over_clips(jerk_per_clip(joints, mask, fps), "jerk")


def mean_speed_per_clip(joints: Joints, mask: Mask, fps: float) -> PerClip:
    """Mean speed over frames and joints.

    Shapes: joints [N,T,J,C], mask [N,T,J] -> [N], NaN for a clip without two frames in a row.
    Units: m/s for joints in metres.

    Raises:
        ValueError: as `jerk_per_clip`.
    """
    return mean_difference(joints, mask, order=1) * positive(fps, "fps")


def mean_speed(joints: Joints, mask: Mask, fps: float) -> float:
    """Mean over clips of `mean_speed_per_clip`.

    Raises:
        ValueError: as there; or if no joint is seen in two frames in a row.
    """
    return mean_over_clips(mean_speed_per_clip(joints, mask, fps), "mean_speed")


def static_share(joints: Joints, mask: Mask, fps: float, reference_speed: float) -> float:
    """Share of clips whose mean joint speed is below a tenth of that of real clips.

    Args:
        joints: positions. Shapes: [N,T,J,C].
        mask: True where seen. Shapes: [N,T,J].
        fps: frames per second.
        reference_speed: median of `mean_speed_per_clip` over real clips.

    Raises:
        ValueError: as `mean_speed`; or if the reference is not above 0.
    """
    speeds = mean_speed_per_clip(joints, mask, fps)
    limit = STATIC_SHARE_OF_REFERENCE * positive(reference_speed, "reference_speed")
    static = np.where(np.isnan(speeds), np.nan, speeds < limit)
    return mean_over_clips(static, "static_share")


def speed_distance(
    real_joints: Float[np.ndarray, "_N _T _J _C"],
    real_mask: Bool[np.ndarray, "_N _T _J"],
    fake_joints: Float[np.ndarray, "_M _U _J _C"],
    fake_mask: Bool[np.ndarray, "_M _U _J"],
    *,
    fps: float,
) -> float:
    """1-Wasserstein distance between real and generated speeds of a joint, mean over joints.

    Joints that are never seen in one of the sets are left out.

    Units: m/s for joints in metres.

    Raises:
        ValueError: if shapes disagree, or no joint is seen in two frames in a row in both sets.
    """
    real = differences(real_joints, real_mask, 1)
    fake = differences(fake_joints, fake_mask, 1)
    return marginal_distance(real, fake, "speed_distance") * positive(fps, "fps")


def root_jerk_per_clip(joints: Joints, mask: Mask, skeleton: Skeleton, fps: float) -> PerClip:
    """Mean |third difference| of the body's centre, times fps^3: how smoothly a body travels.

    The centre is the pelvis, else the middle of the hips, else the root.

    Shapes: joints [N,T,J,C], mask [N,T,J] -> [N], NaN for a clip without four frames in a row.
    Units: m/s^3 for joints in metres.

    Raises:
        ValueError: as `jitter_per_clip`; or if fps is not above 0.

    Source: Flash and Hogan, The Coordination of Arm Movements, J. Neuroscience 1985 (jerk).
    """
    joints, mask = body(joints, mask, skeleton)
    anchor = list(skeleton.anchor)
    centre = joints[:, :, anchor].mean(2, keepdims=True)
    seen = np.all(mask[:, :, anchor], 2, keepdims=True)
    return jerk_per_clip(centre, seen, fps)


def root_jerk(joints: Joints, mask: Mask, skeleton: Skeleton, fps: float) -> float:
    """Mean over clips of `root_jerk_per_clip`.

    Raises:
        ValueError: as there; or if the centre is never seen in four frames in a row.
    """
    return mean_over_clips(root_jerk_per_clip(joints, mask, skeleton, fps), "root_jerk")


JITTER = Metric(
    name="jitter",
    unit="body/frame^2",
    better="match",
    needs="motions",
    source=_OWN,
    function=jitter,
    meaning="How much joints shake from frame to frame, relative to the size of the body.",
)

JERK = Metric(
    name="jerk",
    unit="m/s^3",
    better="match",
    needs="motions",
    source="Flash and Hogan, The Coordination of Arm Movements, J. Neuroscience 1985",
    function=jerk,
    meaning="How abruptly acceleration changes; high for shaking, low for smoothed motion.",
)

MEAN_SPEED = Metric(
    name="mean_speed",
    unit="m/s",
    better="match",
    needs="motions",
    source=_OWN,
    function=mean_speed,
    meaning="How fast joints move on average; too low where a model freezes.",
)

SPEED_DISTANCE = Metric(
    name="speed_distance",
    unit="m/s",
    better="low",
    needs="motions",
    source=_OWN,
    function=speed_distance,
    meaning="How far the speeds of generated joints are from those of real ones.",
)

STATIC_SHARE = Metric(
    name="static_share",
    unit="",
    better="match",
    needs="motions",
    source=_OWN,
    function=static_share,
    meaning="Share of clips that hardly move.",
)

ROOT_JERK = Metric(
    name="root_jerk",
    unit="m/s^3",
    better="match",
    needs="motions",
    source="Flash and Hogan, The Coordination of Arm Movements, J. Neuroscience 1985",
    function=root_jerk,
    meaning="How abruptly the acceleration of the body's centre changes.",
)
