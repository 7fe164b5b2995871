"""Damaged content of single clips: teleports, frames that repeat, bones that cannot be."""

import warnings
from dataclasses import dataclass

import numpy as np
import torch

from motiongen import layouts
from motiongen.motion import Motion

#: a joint teleports if it is so far away for a moment, as a share of the trunk, ...
AWAY = 0.5
#: ... for at most so many frames, and a bone to it is then longer or shorter by this share. In
#: 2-D, where bones change with the view, it has to be `AWAY_2D` away instead.
MOMENT = 3
STRETCHED = 0.5
AWAY_2D = 1.0
#: a bone is impossible where it is so many times its own median over the clip
TOO_LONG = 2.5
#: frames that equal the one before are told of from this number on
REPEATS = 2


@dataclass(frozen=True)
class Damage:
    """One kind of damage in a clip.

    Args:
        kind: "teleport", "repeat" or "bone".
        text: the first frame and joint, and how many there are.
        repaired: whether `repaired` takes it out.
    """

    kind: str
    text: str
    repaired: bool = False


def damages_of(motion: Motion) -> list[Damage]:
    """What is damaged in a clip, each kind once."""
    joints, mask = _seen(motion)
    found = [_teleports(motion, joints), _repeats(joints, mask), _bones(motion, joints)]
    return [damage for damage in found if damage is not None]


def repaired(motion: Motion) -> Motion:
    """The clip with the joints that teleport at confidence 0."""
    away = teleports(motion, _seen(motion)[0])
    if not away.any():
        return motion
    return motion.replace(confidence=motion.confidence.masked_fill(torch.from_numpy(away), 0.0))


def teleports(motion: Motion, joints: np.ndarray) -> np.ndarray:
    """Where a joint is far away for a moment, and comes back.

    A fast hand is not: it takes its bones along.

    Shapes: joints [T,J,C], NaN where not seen -> [T,J].
    """
    trunk = _trunk(motion, joints)
    away = np.zeros(joints.shape[:2], dtype=bool)
    if not trunk > 0 or len(joints) < 3:
        return away
    limit = trunk * (AWAY if joints.shape[-1] == 3 else AWAY_2D)
    with np.errstate(invalid="ignore"):
        for frames in range(1, MOMENT + 1):
            for first in range(frames):
                away |= _gone(joints, limit, frames, first)
        if joints.shape[-1] == 3:
            # a person who teleports as a whole keeps all bones
            whole = away.mean(axis=1, keepdims=True) > 0.5
            away &= _stretched(motion, joints) | whole
    return away


def _gone(joints: np.ndarray, limit: float, frames: int, first: int) -> np.ndarray:
    """Frames that are number `first` of `frames` far from both the one before and the one after.

    Those two are near to each other.
    """
    gone = np.zeros(joints.shape[:2], dtype=bool)
    before, after = joints[: -frames - 1], joints[frames + 1 :]
    at = joints[1 + first : len(joints) - frames + first]
    # what the body did meanwhile is little beside it
    enough = np.maximum(limit, 2 * _length(after - before))
    far = (_length(at - before) > enough) & (_length(at - after) > enough)
    gone[1 + first : len(joints) - frames + first] = far
    return gone


def _stretched(motion: Motion, joints: np.ndarray) -> np.ndarray:
    """Joints with a bone of another length than usual. Shapes: -> [T,J]."""
    child, parent = layouts.get(motion.layout).bones.T
    length = _length(joints[:, child] - joints[:, parent])
    usual = _median(length)
    odd = np.abs(length - usual) > STRETCHED * usual
    found = np.zeros(joints.shape[:2], dtype=bool)
    for bone, ends in enumerate(zip(child, parent, strict=True)):
        found[:, ends] |= odd[:, bone, None]
    return found


def _trunk(motion: Motion, joints: np.ndarray) -> float:
    """Median distance from the body's centre to the shoulders; NaN if they are not seen."""
    skeleton = layouts.get(motion.layout)
    if not skeleton.has_roles("left_shoulder", "right_shoulder"):
        return float("nan")
    shoulders = [skeleton.roles["left_shoulder"], skeleton.roles["right_shoulder"]]
    trunk = joints[:, shoulders].mean(1) - joints[:, list(skeleton.anchor)].mean(1)
    return float(_median(_length(trunk)))


def _teleports(motion: Motion, joints: np.ndarray) -> Damage | None:
    away = teleports(motion, joints)
    if not away.any():
        return None
    frame, joint = np.argwhere(away)[0].tolist()
    text = f"frame {frame}, joint {layouts.get(motion.layout).joints[joint]!r}: teleports"
    return Damage("teleport", f"{text}{_more(away)}; confidence 0 there", repaired=True)


def _repeats(joints: np.ndarray, mask: np.ndarray) -> Damage | None:
    same = (mask[1:] == mask[:-1]) & (~mask[1:] | (joints[1:] == joints[:-1]).all(-1))
    repeat = same.all(1) & mask[1:].any(1)
    # somebody who never moves is no damage of this kind
    if repeat.sum() < REPEATS or repeat.all():
        return None
    first = int(np.argmax(repeat)) + 1
    return Damage("repeat", f"frame {first}: repeats the one before{_more(repeat)}")


def _bones(motion: Motion, joints: np.ndarray) -> Damage | None:
    if joints.shape[-1] != 3:
        return None
    skeleton = layouts.get(motion.layout)
    child, parent = skeleton.bones.T
    length = _length(joints[:, child] - joints[:, parent])
    usual = _median(length)
    if (usual == 0).any():
        joint = skeleton.joints[child[int(np.argmax(usual == 0))]]
        return Damage("bone", f"joint {joint!r}: lies on its neighbour in most frames")
    with np.errstate(invalid="ignore"):
        odd = length > TOO_LONG * usual
    if not odd.any():
        return None
    frame, bone = np.argwhere(odd)[0].tolist()
    times = length[frame, bone] / usual[bone]
    text = f"frame {frame}, joint {skeleton.joints[child[bone]]!r}: its bone is {times:.1f} times"
    return Damage("bone", f"{text} its usual length{_more(odd)}")


def _more(places: np.ndarray) -> str:
    count = int(places.sum()) - 1
    return f", and {count} more" if count else ""


def _seen(motion: Motion) -> tuple[np.ndarray, np.ndarray]:
    """Positions, NaN where not seen, and where they are seen."""
    joints, mask = motion.joints.numpy().astype(np.float64), motion.mask.numpy()
    joints[~mask] = np.nan
    return joints, mask


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.linalg.norm(vectors, axis=-1)


def _median(values: np.ndarray) -> np.ndarray:
    """Over time, of what is known."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmedian(values, axis=0))
