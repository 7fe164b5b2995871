"""Feet and the floor: whether they slide on it, and whether they sink into it.

Joints [N,T,J,C] in metres with y up and masks [N,T,J] as in `motiongen.metrics.naturalness`. In
2-D, or for a skeleton without feet, there is no value: None, or NaN per clip, and never 0.
"""

import numpy as np
from jaxtyping import Bool, Float

from motiongen.metrics.masked import (
    Joints,
    Mask,
    PerClip,
    body,
    masked_mean,
    masked_median,
    mean_over_clips,
    positive,
)
from motiongen.metrics.metric import Metric
from motiongen.skeleton import Skeleton

_OWN = "motiongen"
UP_AXIS = 1
FEET = ("left_foot", "right_foot")
CONTACT_HEIGHT_M = 0.05
SLIDING_SPEED = 0.5
# The lowest frame of a noisy foot is an outlier, not the floor.
FLOOR_QUANTILE = 0.05


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
    found = _feet(joints, mask, skeleton)
    if found is None:
        return np.full(len(joints), np.nan)
    feet, seen = found
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


def ground_penetration_per_clip(joints: Joints, mask: Mask, skeleton: Skeleton) -> PerClip:
    """Mean depth of the feet below the level on which they stand; 0 while they are above it.

    The level is the median height of the lower foot over the frames that show both: it stays where
    it is while a foot sinks, other than the floor of `foot_skate`. A foot that shakes about the
    level by s has 0.4 s, so compare with real clips.

    Shapes: joints [N,T,J,C] in metres with y up, mask [N,T,J] -> [N]; NaN for a clip that never
        shows both feet, and everywhere in 2-D or if the skeleton has no feet.
    Units: m.

    Raises:
        ValueError: if shapes disagree with each other or the skeleton, or a visible joint is not
            finite.
    """
    found = _feet(joints, mask, skeleton)
    if found is None:
        return np.full(len(joints), np.nan)
    feet, seen = found
    height = feet[..., UP_AXIS]
    level = masked_median(height.min(2, keepdims=True), np.all(seen, 2, keepdims=True))
    known = ~np.isnan(level)[:, None]
    depth = np.where(known, np.nan_to_num(level)[:, None] - height, 0.0)
    return masked_mean(np.maximum(depth, 0.0), seen & known, axis=(1, 2))


def ground_penetration(joints: Joints, mask: Mask, skeleton: Skeleton) -> float | None:
    """Mean over clips of `ground_penetration_per_clip`; None where it is not defined.

    Not defined are 2-D clips, a skeleton without feet, and clips that never show both.
    """
    values = ground_penetration_per_clip(joints, mask, skeleton)
    return None if np.isnan(values).all() else mean_over_clips(values, "ground_penetration")


def _feet(
    joints: Joints, mask: Mask, skeleton: Skeleton
) -> tuple[Float[np.ndarray, "N T 2 3"], Bool[np.ndarray, "N T 2"]] | None:
    """Both feet and where they are seen; None in 2-D or without feet."""
    joints, mask = body(joints, mask, skeleton)
    if joints.shape[-1] != 3 or not skeleton.has_roles(*FEET):
        return None
    roles = [skeleton.roles[role] for role in FEET]
    return joints[:, :, roles], mask[:, :, roles]


def _quantile(values: np.ndarray, level: float) -> float:
    return float(np.quantile(values, level)) if len(values) else np.nan


FOOT_SKATE = Metric(
    name="foot_skate",
    unit="",
    better="match",
    needs="motions",
    source=_OWN,
    function=foot_skate,
    meaning="Share of the time on the ground in which a foot slides.",
)

GROUND_PENETRATION = Metric(
    name="ground_penetration",
    unit="m",
    better="match",
    needs="motions",
    source=_OWN,
    function=ground_penetration,
    meaning="How deep the feet sink below the level on which they stand.",
)
