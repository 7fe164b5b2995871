"""What pages and pictures need to know about a clip: sides, facing, floor, size, focus."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from motiongen import layouts
from motiongen.motion import Motion
from motiongen.skeleton import Skeleton

Side = Literal["left", "right", "middle"]
#: frames per second at which clips of unknown rate are shown
ASSUMED_FPS = 30.0
#: seconds over which the point of view is smoothed, so that a noisy root does not shake the camera
_STEADY_SECONDS = 0.2
#: a clip that is larger than this many usual ones has diverged
_MOST_OVER_MEDIAN = 1.6


@dataclass(frozen=True)
class Survey:
    """Where a clip takes place. All lengths are in the clip's unit.

    Args:
        focus: the steadied centre of the body; its height is constant, so that jumps stay visible.
            Shapes: [T,C].
        floor: height of the ground.
        middle: half the body's height above the floor.
        reach: distance from the focus that holds nearly every joint that was seen.
        yaw: direction that the body faces, in radians from +z about y; None if unknown or 2-D.
    """

    focus: np.ndarray
    floor: float
    middle: float
    reach: float
    yaw: float | None


def skeleton_of(motion: Motion, skeletons: Mapping[str, Skeleton] | None = None) -> Skeleton:
    """The skeleton that a clip's layout names; `skeletons` adds to the known layouts.

    Raises:
        ValueError: if the layout is unknown, or the clip has no frames or other joints.
    """
    own = (skeletons or {}).get(motion.layout)
    skeleton = layouts.get(motion.layout) if own is None else own
    name = motion.source or motion.id or "(unnamed)"
    if motion.num_frames < 1:
        raise ValueError(f"clip {name}: has no frames; at least 1 is needed to show it")
    if motion.joints.shape[1] != skeleton.num_joints:
        raise ValueError(
            f"clip {name}: has {motion.joints.shape[1]} joints, but layout {motion.layout!r} "
            f"has {skeleton.num_joints}"
        )
    if motion.joints.shape[2] not in (2, 3):
        raise ValueError(
            f"clip {name}: has {motion.joints.shape[2]} coordinates a joint, allowed 2 or 3"
        )
    return skeleton


def sides(skeleton: Skeleton) -> tuple[Side, ...]:
    """The side of each joint.

    A joint and its mirror image differ in name first where one says l(eft) and the other r(ight);
    this holds for ``left_hip``, ``LHip`` and ``hip.l`` alike.
    """
    found: list[Side] = []
    for joint, mirrored in enumerate(skeleton.mirror):
        own, other = skeleton.joints[joint].lower(), skeleton.joints[mirrored].lower()
        first = next(((a, b) for a, b in zip(own, other, strict=False) if a != b), ("", ""))
        known: dict[tuple[str, str], Side] = {("l", "r"): "left", ("r", "l"): "right"}
        found.append(known.get(first, "middle"))
    return tuple(found)


def head_of(skeleton: Skeleton) -> int:
    """The joint that stands for the whole head; -1 where the head has joints of its own."""
    head = skeleton.roles.get("head", -1)
    return -1 if head in skeleton.parents else head


def bones_between(skeleton: Skeleton, seen: np.ndarray) -> list[tuple[int, int]]:
    """Bones to draw in one frame, as (joint, nearest ancestor that was seen).

    Where joints between are missing, the ancestor is not the parent and the bone is a bridge.
    Shapes: seen [J].
    """
    bones = []
    for joint in np.flatnonzero(seen).tolist():
        above = skeleton.parents[joint]
        while above >= 0 and not seen[above]:
            above = skeleton.parents[above]
        if above >= 0:
            bones.append((joint, above))
    return bones


def arrays(motion: Motion) -> tuple[np.ndarray, np.ndarray]:
    """Positions in float64 and whether each was seen. Shapes: -> [T,J,C], [T,J]."""
    joints = motion.joints.detach().cpu().numpy().astype(np.float64)
    return joints, motion.mask.detach().cpu().numpy()


def survey(motion: Motion, skeleton: Skeleton) -> Survey:
    """Finds floor, size, facing and a steady point of view of a clip.

    Quantiles instead of extremes keep single outliers of noisy clips from deciding the picture.
    """
    joints, seen = arrays(motion)
    if not seen.any():
        return Survey(np.zeros((motion.num_frames, joints.shape[2])), 0.0, 1.0, 1.0, None)
    height = np.where(seen, joints[..., 1], np.nan)[seen.any(1)]
    floor = float(np.quantile(np.nanmin(height, axis=1), 0.05))
    top = float(np.quantile(np.nanmax(height, axis=1), 0.95))
    middle = max((top - floor) / 2, 1e-6)
    focus = _focus(joints, seen, skeleton, motion.fps or ASSUMED_FPS)
    focus[:, 1] = floor + middle
    distance = np.abs(joints - focus[:, None])
    sideways = np.linalg.norm(np.delete(distance, 1, axis=-1), axis=-1)
    reach = float(np.quantile(np.maximum(sideways, distance[..., 1])[seen], 0.98))
    return Survey(focus, floor, middle, max(reach, 1e-6), _yaw(joints, seen, skeleton))


def _focus(joints: np.ndarray, seen: np.ndarray, skeleton: Skeleton, fps: float) -> np.ndarray:
    """Centre of the body in each frame, filled where unseen and smoothed. Shapes: -> [T,C]."""
    anchor = list(skeleton.anchor)
    use = seen[:, anchor].all(1)
    if use.any():
        centre = joints[:, anchor].mean(1)
    else:
        use = seen.any(1)
        centre = (joints * seen[..., None]).sum(1) / np.maximum(seen.sum(1), 1)[:, None]
    frames = np.arange(len(joints))
    filled = [np.interp(frames, frames[use], column[use]) for column in centre.T]
    return np.stack([_smooth(column, _STEADY_SECONDS * fps) for column in filled], axis=1)


def _smooth(values: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian smoothing with the ends held. Shapes: [T] -> [T]."""
    radius = max(1, round(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / max(sigma, 1e-3)) ** 2)
    return np.convolve(np.pad(values, radius, mode="edge"), kernel / kernel.sum(), mode="valid")


def _yaw(joints: np.ndarray, seen: np.ndarray, skeleton: Skeleton) -> float | None:
    """Mean direction that hips (else shoulders) face, from +z about y; None if unknown or 2-D."""
    if joints.shape[2] != 3:
        return None
    for part in ("hip", "shoulder"):
        if not skeleton.has_roles(f"left_{part}", f"right_{part}"):
            continue
        left, right = skeleton.roles[f"left_{part}"], skeleton.roles[f"right_{part}"]
        both = seen[:, left] & seen[:, right]
        across = (joints[both, left] - joints[both, right]).sum(0)
        if np.hypot(across[0], across[2]) > 0:
            # forward = left x up
            return float(np.arctan2(-across[2], across[0]))
    return None


def shared_scale(surveys: list[Survey]) -> tuple[float, float]:
    """Reach and middle that suit all clips; one that diverged may not shrink the others.

    All stand on one floor, so both are those of the largest body: smaller ones leave room above.
    """

    def largest(sizes: list[float]) -> float:
        return float(min(max(sizes), _MOST_OVER_MEDIAN * np.median(sizes)))

    return largest([each.reach for each in surveys]), largest([each.middle for each in surveys])
