"""What a clip itself tells about its unit, its axes, its layout, and which side is left."""

import warnings
from dataclasses import dataclass

import numpy as np

from motiongen import layouts
from motiongen.motion import Motion
from motiongen.skeleton import Skeleton

#: distances between joints by the roles of their ends, as shares of the standing height. Source:
#: Winter, Biomechanics and Motor Control of Human Movement, 2009, figure 4.1; the trunk, where
#: definitions of joints differ most, between what cameras and markers call hip and shoulder.
PROPORTIONS: dict[tuple[str, str], float] = {
    ("left_hip", "left_knee"): 0.245,
    ("right_hip", "right_knee"): 0.245,
    ("left_knee", "left_ankle"): 0.246,
    ("right_knee", "right_ankle"): 0.246,
    ("left_shoulder", "left_elbow"): 0.186,
    ("right_shoulder", "right_elbow"): 0.186,
    ("left_elbow", "left_wrist"): 0.146,
    ("right_elbow", "right_wrist"): 0.146,
    ("left_wrist", "left_hand"): 0.06,
    ("right_wrist", "right_hand"): 0.06,
    ("left_ankle", "left_foot"): 0.09,
    ("right_ankle", "right_foot"): 0.09,
    ("left_shoulder", "left_hip"): 0.29,
    ("right_shoulder", "right_hip"): 0.29,
    ("head", "left_shoulder"): 0.17,
    ("head", "right_shoulder"): 0.17,
    ("left_shoulder", "right_shoulder"): 0.2,
    ("left_hip", "right_hip"): 0.11,
}
#: distances that have to be known before they say anything about the body
FEWEST = 6
#: a distance that is off by more (e squared) tells no more than this
MOST_OFF = 2.0
#: how far a knee is off the line from hip to ankle, as a share of the trunk, where it is bent
BENT = 0.3
#: share of a clip's frames that must show bent knees
OFTEN_BENT = 0.1


@dataclass(frozen=True)
class Evidence:
    """Measures of one clip; NaN where it does not tell.

    Args:
        height: standing height that the distances between joints belong to, in the clip's unit.
        misfit: how little the joints are those of a body: mean deviation of the distances from
            its proportions, half the difference between left and right, and the change over
            time; logarithms of ratios. 3-D only.
        up: mean direction from ankles over hips to shoulders; of length 1. Shapes: [C].
        forward: how far toes, or without them bent knees, lie in front of the body if left is
            left; as a share of the trunk. A mirror image has the opposite sign. 3-D only.
    """

    height: float
    misfit: float
    up: np.ndarray
    forward: float
    longest: float = np.nan


def measure(motion: Motion) -> Evidence:
    """Looks at a clip; values under confidence 0 are not looked at."""
    skeleton = layouts.get(motion.layout)
    joints = motion.joints.numpy().astype(np.float64)
    joints[~motion.mask.numpy()] = np.nan
    with warnings.catch_warnings():
        # means and medians of nothing are NaN, which is what they should be
        warnings.simplefilter("ignore", RuntimeWarning)
        body = _Body(joints, skeleton)
        if joints.shape[-1] != 3:
            return Evidence(np.nan, np.nan, body.up(), np.nan)
        height, misfit = body.proportions()
        return Evidence(height, misfit, body.up(), body.forward(), body.longest(skeleton))


class _Body:
    """A clip's joints by their roles; joints that a layout lacks are NaN."""

    def __init__(self, joints: np.ndarray, skeleton: Skeleton) -> None:
        self.joints, self.roles = joints, skeleton.roles

    def at(self, role: str) -> np.ndarray:
        """Shapes: -> [T,C]."""
        if role in self.roles:
            return self.joints[:, self.roles[role]]
        return np.full_like(self.joints[:, 0], np.nan)

    def both(self, part: str) -> tuple[np.ndarray, np.ndarray]:
        return self.at(f"left_{part}"), self.at(f"right_{part}")

    def middle(self, part: str) -> np.ndarray:
        left, right = self.both(part)
        return (left + right) / 2

    def up(self) -> np.ndarray:
        """A trunk and legs that lie, or bend, for a part of the time do not change it much."""
        shoulders, hips, ankles = map(self.middle, ("shoulder", "hip", "ankle"))
        trunk = np.nanmean(_direction(shoulders - hips), axis=0)
        legs = np.nanmean(_direction(hips - ankles), axis=0)
        return _direction(np.where(np.isnan(legs), trunk, trunk + legs))

    def proportions(self) -> tuple[float, float]:
        """Height and misfit."""
        ends = [self.at(a) - self.at(b) for a, b in PROPORTIONS]
        distances = np.linalg.norm(ends, axis=-1)
        usual = np.nanmedian(distances, axis=1)
        # two roles played by one joint are no distance
        usual[usual == 0] = np.nan
        if np.isfinite(usual).sum() < FEWEST:
            return np.nan, np.nan
        heights = np.log(usual / np.array([*PROPORTIONS.values()]))
        change = np.nanmedian(np.abs(distances - usual[:, None]), axis=1) / usual
        off = heights - np.nanmedian(heights)
        # pairs of left and right stand beside each other, distances across the body are last
        uneven = np.nanmean(np.abs(np.diff(off[:-2].reshape(-1, 2), axis=1)))
        misfit = np.nanmean(np.minimum(np.abs(off), MOST_OFF)) + np.nanmean(change)
        return float(np.exp(np.nanmedian(heights))), float(misfit + np.nan_to_num(uneven) / 2)

    def longest(self, skeleton: Skeleton) -> float:
        """Bones from one hand to the other are none."""
        if skeleton.has_roles("left_shoulder", "right_shoulder"):
            return np.nan
        sides = [joint.partition("_")[0] for joint in skeleton.joints]
        across = {("left", "right"), ("right", "left")}
        bones = [(j, p) for j, p in skeleton.bones if (sides[j], sides[p]) not in across]
        child, parent = np.array(bones).T
        lengths = np.linalg.norm(self.joints[:, child] - self.joints[:, parent], axis=-1)
        return float(np.nanmax(np.nanmedian(lengths, axis=0)))

    def forward(self) -> float:
        """From the toes; from the knees only if the layout has no toes, as they bend at times."""
        trunk = self.middle("shoulder") - self.middle("hip")
        size = np.nanmedian(np.linalg.norm(trunk, axis=-1))
        (hip, other_hip), (shoulder, other_shoulder) = self.both("hip"), self.both("shoulder")
        to_left = _direction(hip - other_hip + shoulder - other_shoulder)
        toes, knees = [], []
        for side in ("left", "right"):
            hip, knee, ankle, toe = (
                self.at(f"{side}_{part}") for part in ("hip", "knee", "ankle", "foot")
            )
            # where left and up are what they are called, this is forward
            ahead = np.cross(to_left, _direction(hip - ankle))
            toes.append(np.sum((toe - ankle) * ahead, axis=-1) / size)
            bend = np.sum((knee - (hip + ankle) / 2) * ahead, axis=-1) / size
            knees.append(np.where(_off_line(knee, hip, ankle) > BENT * size, bend, np.nan))
        if self.roles.get("left_foot") != self.roles.get("left_ankle"):
            return float(np.nanmean(toes))
        bends = np.array(knees)
        seldom = np.isfinite(bends).mean() < OFTEN_BENT
        return np.nan if seldom else float(np.nanmean(bends))


def _direction(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, length, out=np.full_like(vectors, np.nan), where=length > 0)


def _off_line(point: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Distance of points from lines. Shapes: each [T,3] -> [T]."""
    line = _direction(end - start)
    along = np.sum((point - start) * line, axis=-1, keepdims=True) * line
    return np.linalg.norm(point - start - along, axis=-1)
