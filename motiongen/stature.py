"""How tall the person in a clip is: the unit in which errors of skeletons are stated."""

import math

from motiongen import layouts
from motiongen.motion import Motion
from motiongen.skeleton import Skeleton


def body_height(motion: Motion) -> float:
    """Height of the body that a clip shows, from the clip alone.

    In 3-D the bones from an ankle up to the head, each at its median length, which does not
    depend on the pose (of an adult: 0.94 of the standing height); in 2-D, or without these
    joints, the vertical extent of the upright frames. Measured on the target where there is one.

    Shapes: joints [T,J,C] -> scalar.
    Units: those of the joints; 0 if nothing was seen.
    """
    skeleton = layouts.get(motion.layout)
    if motion.target is not None:
        motion = motion.replace(joints=motion.target, target=None)
    if motion.joints.shape[-1] == 3:
        sides = [_chain_length(motion, skeleton, side) for side in ("left", "right")]
        known = [length for length in sides if length is not None]
        if known:
            return sum(known) / len(known)
    return _extent(motion)


def _chain_length(motion: Motion, skeleton: Skeleton, side: str) -> float | None:
    """Length of ankle-knee-hip-pelvis-...-head, None if a part of it is never seen."""
    leg = [f"{side}_{part}" for part in ("ankle", "knee", "hip")]
    if not skeleton.has_roles(*leg, "head"):
        return None
    joints = [skeleton.roles[role] for role in leg]
    joints += _path(skeleton, joints[-1], skeleton.roles["head"])[1:]
    above, below = joints[1:], joints[:-1]
    seen = motion.mask[:, above] & motion.mask[:, below]
    if not seen.any(dim=0).all():
        return None
    bones = (motion.joints[:, above] - motion.joints[:, below]).norm(dim=-1)
    return float(bones.masked_fill(~seen, math.nan).nanmedian(dim=0).values.sum())


def _path(skeleton: Skeleton, start: int, end: int) -> list[int]:
    """Joints on the way between two joints, both included."""
    up = [[start], [end]]
    for line in up:
        while skeleton.parents[line[-1]] >= 0:
            line.append(skeleton.parents[line[-1]])
    meet = next(joint for joint in up[0] if joint in up[1])
    there = up[0][: up[0].index(meet) + 1]
    return there + up[1][: up[1].index(meet)][::-1]


def _extent(motion: Motion) -> float:
    level, mask = motion.joints[..., 1], motion.mask
    seen = mask.sum(dim=1) >= 2
    if not seen.any():
        return 0.0
    high = level.masked_fill(~mask, -math.inf)[seen].amax(dim=1)
    low = level.masked_fill(~mask, math.inf)[seen].amin(dim=1)
    return float((high - low).quantile(0.9))
