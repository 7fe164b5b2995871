"""Whether a body passes through itself: bones as capsules, far ones nearer than they are thick.

Joints [N,T,J,3] and masks [N,T,J] as in `motiongen.metrics.naturalness`. In 2-D bones cross by
projection, so there is no value: None, or NaN per clip, and never 0.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from motiongen.metrics.masked import (
    Joints,
    Mask,
    PerClip,
    body,
    bone_lengths,
    masked_median,
    mean_over_clips,
    ratio,
)
from motiongen.metrics.metric import Metric
from motiongen.skeleton import Skeleton

# About 1.2 cm for an adult, whose longest chain (hand to foot) is about 2.5 m. Depth cameras see a
# hanging forearm 7 cm from the thigh: limbs as thick as they are would touch in half of all real
# frames; these do so in one of forty.
RADIUS = 0.005
# Shorter bones (fingers, face) are details of the limb they belong to.
SHORTEST = 0.05
#: pairs of bones, of all clips and frames, that are looked at together: what a cache holds
PAIRS_AT_ONCE = 200_000

Points = Float[np.ndarray, "K 3"]


def body_span(joints: Joints, mask: Mask, skeleton: Skeleton) -> PerClip:
    """Longest way along the bones from one joint to another, by median lengths: hand to foot.

    Shapes: joints [N,T,J,C], mask [N,T,J] -> [N]; bones never seen count 0.
    Units: that of the joints.
    """
    lengths = np.nan_to_num(masked_median(*bone_lengths(joints, mask, skeleton)))
    to_root = np.zeros((len(lengths), skeleton.num_joints))
    to_root[:, skeleton.bones[:, 0]] = lengths
    paths = skeleton.ancestors.astype(np.float64)
    depth = to_root @ paths.T
    # the way up from both joints, less twice what they share
    shared = np.einsum("nk,ik,jk->nij", to_root, paths, paths, optimize=True)
    return (depth[:, :, None] + depth[:, None] - 2 * shared).max((1, 2))


def far_bones(skeleton: Skeleton) -> Int[np.ndarray, "P 2"]:
    """Pairs of bones that neither share a joint nor hang on the two ends of one bone."""
    bones, hops = skeleton.bones, skeleton.hops
    pairs = [
        (one, other)
        for one in range(len(bones))
        for other in range(one + 1, len(bones))
        if hops[np.ix_(bones[one], bones[other])].min() >= 2
    ]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def segment_distances(start: Points, end: Points, other: Points, other_end: Points) -> np.ndarray:
    """Distance of two segments of positive length in each row. Shapes: four times [K,3] -> [K].

    Source: Ericson, Real-Time Collision Detection, 2005, section 5.1.9.
    """
    along, across, gap = end - start, other_end - other, start - other
    a, e, b = (along**2).sum(-1), (across**2).sum(-1), (along * across).sum(-1)
    c, f = (along * gap).sum(-1), (across * gap).sum(-1)
    area = a * e - b * b
    # parallel segments: any point of the first may look for its nearest
    s = np.clip(np.divide(b * f - c * e, area, out=np.zeros_like(area), where=area > 0), 0, 1)
    t = (b * s + f) / e
    s = np.where(t < 0, np.clip(-c / a, 0, 1), np.where(t > 1, np.clip((b - c) / a, 0, 1), s))
    t = np.clip(t, 0, 1)
    return np.linalg.norm(gap + s[:, None] * along - t[:, None] * across, axis=-1)


def self_intersection_per_clip(joints: Joints, mask: Mask, skeleton: Skeleton) -> PerClip:
    """Share of the frames in which two far bones come nearer than the sum of their radii.

    Every bone is a capsule with a radius of 0.5 % of the clip's `body_span` (1.2 cm for an adult):
    thinner than limbs are, so crossed arms do not count, bones that pass through each other do.
    Bones that share a joint or are joined by one bone always touch and are left out, as are bones
    shorter than 5 % of the span. A frame counts if it shows at least one pair.

    Shapes: joints [N,T,J,3], mask [N,T,J] -> [N]; NaN for a clip that shows no pair, and
        everywhere in 2-D.
    Units: none (share).

    Raises:
        ValueError: if shapes disagree with each other or the skeleton, or a visible joint is not
            finite.
    """
    joints, mask = body(joints, mask, skeleton)
    lengths, seen = bone_lengths(joints, mask, skeleton)
    if joints.shape[-1] != 3:
        return np.full(len(joints), np.nan)
    span = body_span(joints, mask, skeleton)
    typical = np.nan_to_num(masked_median(lengths, seen))
    seen = seen & (lengths > 0) & (typical > SHORTEST * span[:, None])[:, None]
    limit = np.broadcast_to(2 * RADIUS * span[:, None], lengths.shape[:2])
    pairs = far_bones(skeleton)
    shown, touched = np.zeros((2, *lengths.shape[:2]), dtype=bool)
    step = max(1, PAIRS_AT_ONCE // max(1, lengths.shape[1] * len(pairs)))
    for first in range(0, len(joints), step):
        rows = slice(first, first + step)
        both = np.logical_and(seen[rows][..., pairs[:, 0]], seen[rows][..., pairs[:, 1]])
        shown[rows] = both.any(-1)
        part = (joints[rows], lengths[rows], limit[rows])
        touched[rows] = _touching(*part, both, skeleton.bones, pairs)
    return ratio(touched.sum(1), shown.sum(1), shown.any(1))


def _touching(
    joints: np.ndarray,
    lengths: np.ndarray,
    limit: np.ndarray,
    both: np.ndarray,
    bones: np.ndarray,
    pairs: np.ndarray,
) -> Bool[np.ndarray, "N T"]:
    """Frames in which any pair of bones that show is nearer than the limit.

    Shapes: joints [N,T,J,3], lengths [N,T,B], limit [N,T], both [N,T,P], bones [B,2], pairs [P,2].
    """
    # only where the middles of two bones are near enough can their ends touch
    middle = joints[:, :, bones].mean(3)
    apart = sum(
        np.square(m[..., pairs[:, 0]] - m[..., pairs[:, 1]]) for m in np.moveaxis(middle, 3, 0)
    )
    reach = limit[..., None] + (lengths[..., pairs[:, 0]] + lengths[..., pairs[:, 1]]) / 2
    clip, frame, pair = np.nonzero(both & (apart < reach**2))
    ends = [joints[clip, frame, bones[pairs[pair, k], end]] for k in (0, 1) for end in (0, 1)]
    hit = segment_distances(*ends) < limit[clip, frame]
    touched = np.zeros(limit.shape, dtype=bool)
    touched[clip[hit], frame[hit]] = True
    return touched


def self_intersection(joints: Joints, mask: Mask, skeleton: Skeleton) -> float | None:
    """Mean over clips of `self_intersection_per_clip`; None where it is not defined.

    Not defined are 2-D clips, and clips that never show two far bones.
    """
    values = self_intersection_per_clip(joints, mask, skeleton)
    return None if np.isnan(values).all() else mean_over_clips(values, "self_intersection")


SELF_INTERSECTION = Metric(
    name="self_intersection",
    unit="",
    better="match",
    needs="motions",
    source="motiongen; distance of segments: Ericson, Real-Time Collision Detection, 2005",
    function=self_intersection,
    meaning="Share of the time in which limbs pass through each other or the trunk.",
)
