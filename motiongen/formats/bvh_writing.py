"""BVH, written: joint rotations recovered from positions, bones of one length a clip.

Positions do not say how a bone turns about itself, nor do a body's hips and spine turn as one
rigid piece. So a joint with several children takes the rotation that fits all of them best, and
under it each child hangs on a joint of its own, of length zero, named like "left_hip_base", that
turns the rest of the way. Every other rotation is the smallest one.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from motiongen.formats.base import Holds, Writer
from motiongen.formats.folders import Folder
from motiongen.layouts import get
from motiongen.motion import Motion
from motiongen.skeleton import Skeleton

#: the usual unit of BVH files
CENTIMETRES = 100.0
#: frames per second for clips that do not say
ASSUMED_FPS = 30.0
ORDER = "Zrotation Xrotation Yrotation"
BASE = "_base"

# Directions of bones in the rest pose, a T, by what the child is called; arms and hips lead to
# their own side. The first that is part of the name counts; what has none leads up.
_REST = {
    "hip": (1.0, -0.4, 0.0),
    **dict.fromkeys(("asis", "psis"), (1.0, 0.0, 0.0)),
    **dict.fromkeys(("knee", "ankle", "thigh", "shank"), (0.0, -1.0, 0.0)),
    "heel": (0.0, -0.5, -1.0),
    **dict.fromkeys(("foot", "toe"), (0.0, -0.2, 1.0)),
    **dict.fromkeys(("shoulder", "acromion"), (1.0, 0.3, 0.0)),
    **dict.fromkeys(("collar", "elbow", "wrist", "arm", "hand", "finger"), (1.0, 0.0, 0.0)),
    **dict.fromkeys(("knuckle", "pinky", "index", "middle", "ring"), (1.0, 0.0, 0.0)),
    "thumb": (1.0, 0.0, 0.6),
    **dict.fromkeys(("eye", "ear", "mouth", "head"), (0.4, 1.0, 0.2)),
}


class BvhWriter(Writer):
    """Writes clips as BVH files, one a clip: `class/clip.bvh`, in centimetres.

    Where the bones of a clip keep their length, forward kinematics gives its joints back; where
    they do not, each takes its median length, and joints move by what that needs. A joint that
    was not seen for a while is on the way between where it was before and after; one that was
    never seen is left out with all that hangs on it. Clips without a rate get 30 frames a second.
    """

    name = "bvh"
    holds = Holds(
        ".bvh",
        folder=True,
        channels=(3,),
        units=("m",),
        confidence="no",
        subjects=False,
        ids=False,
        alike=("labelled or not",),
    )

    def put(self, motions: Iterator[Motion], part: Path) -> None:
        """Writes the clips one by one.

        Raises:
            ValueError: if a joint was never seen on which one hangs that was.
        """
        with Folder(part, self.holds.suffix) as folder:
            for motion in motions:
                file = folder.place(motion, self.label_name(motion))
                file.write_text(_Rig(motion).text())


class _Rig:
    """The joints of one clip as a hierarchy with rotations."""

    def __init__(self, motion: Motion) -> None:
        self.skeleton = get(motion.layout)
        self.fps = motion.fps or ASSUMED_FPS
        seen = motion.mask.cpu().numpy()
        self._check(motion, np.asarray(seen.any(0)))
        self.children = [
            [j for j, p in enumerate(self.skeleton.parents) if p == joint and seen[:, j].any()]
            for joint in range(self.skeleton.num_joints)
        ]
        self.positions = _filled(motion.joints.cpu().numpy().astype(np.float64), seen)
        self.bones, self.lengths = _bones(self.positions, self.skeleton)
        self.rest = _rest(self.skeleton)
        self.lines: list[str] = []
        self.channels: list[np.ndarray] = []

    def _check(self, motion: Motion, ever: np.ndarray) -> None:
        for joint, parent in self.skeleton.bones.tolist():
            if ever[joint] and not ever[parent]:
                name, above = self.skeleton.joints[joint], self.skeleton.joints[parent]
                raise ValueError(
                    f"bvh: clip {motion.id!r}: joint {above!r} is never seen, but {name!r}, which "
                    f"hangs on it; choose a layout (--layout) without {name!r}, or another format"
                )
        if not ever.any():
            raise ValueError(f"bvh: clip {motion.id!r}: no joint is ever seen")

    def text(self) -> str:
        """The file."""
        world = np.broadcast_to(np.eye(3), (len(self.positions), 3, 3))
        self._add(self.skeleton.root, world, 0)
        root = self.positions[:, self.skeleton.root] * CENTIMETRES
        values = np.concatenate([root, *self.channels], axis=1)
        rows = [" ".join(f"{value:.6f}" for value in row) for row in values]
        head = ["HIERARCHY", *self.lines, "MOTION", f"Frames: {len(rows)}"]
        return "\n".join([*head, f"Frame Time: {1 / self.fps:.8f}", *rows]) + "\n"

    def _add(self, joint: int, above: np.ndarray, depth: int) -> None:
        """Adds a joint and all below it. Shapes: above [T,3,3], what its parent turned to."""
        children = self.children[joint]
        own = self._turned(children, above)
        self._open(self.skeleton.joints[joint], joint, above, own, depth)
        for child in children:
            if len(children) > 1:
                turned = _swing(own @ self.rest[child], self.bones[:, child]) @ own
                name = self.skeleton.joints[child] + BASE
                self._open(name, None, own, turned, depth + 1)
                self._add(child, turned, depth + 2)
                self._close(depth + 1)
            else:
                self._add(child, own, depth + 1)
        if not children:
            tab = "\t" * (depth + 1)
            self.lines += [f"{tab}End Site", f"{tab}{{", f"{tab}\tOFFSET 0 0 0", f"{tab}}}"]
        self._close(depth)

    def _turned(self, children: Sequence[int], above: np.ndarray) -> np.ndarray:
        """What a joint turns to. Shapes: above [T,3,3] -> [T,3,3]."""
        if len(children) > 1:
            return _fitted(self.rest[children], self.bones[:, children], above)
        if children:
            return _swing(above @ self.rest[children[0]], self.bones[:, children[0]]) @ above
        return above

    def _open(
        self, name: str, joint: int | None, above: np.ndarray, own: np.ndarray, depth: int
    ) -> None:
        """Begins a joint; without `joint` it is one of length zero."""
        tab, root = "\t" * depth, depth == 0
        offset = np.zeros(3)
        if joint is not None and not root:
            offset = self.rest[joint] * self.lengths[joint] * CENTIMETRES
        place = "Xposition Yposition Zposition " if root else ""
        self.lines += [
            f"{tab}{'ROOT' if root else 'JOINT'} {name}",
            f"{tab}{{",
            f"{tab}\tOFFSET " + " ".join(f"{value:.6f}" for value in offset),
            f"{tab}\tCHANNELS {6 if root else 3} {place}{ORDER}",
        ]
        self.channels.append(_angles(above.transpose(0, 2, 1) @ own))

    def _close(self, depth: int) -> None:
        self.lines.append("\t" * depth + "}")


def _filled(positions: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Positions on a straight way over what was not seen. Shapes: [T,J,3], [T,J] -> [T,J,3]."""
    frames = np.arange(len(positions))
    filled = positions.copy()
    for joint in np.flatnonzero(seen.any(0) & ~seen.all(0)):
        there = seen[:, joint]
        for axis in range(3):
            known = positions[there, joint, axis]
            filled[:, joint, axis] = np.interp(frames, frames[there], known)
    return filled


def _bones(positions: np.ndarray, skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    """Directions of bones and their median lengths. Shapes: [T,J,3] -> [T,J,3], [J].

    A bone without a direction in a frame keeps zeros.
    """
    parents = [j if p < 0 else p for j, p in enumerate(skeleton.parents)]
    bones = positions - positions[:, parents]
    length = np.linalg.norm(bones, axis=-1, keepdims=True)
    unit = np.divide(bones, length, out=np.zeros_like(bones), where=length > 1e-9)
    return unit, np.median(length[..., 0], axis=0)


def _rest(skeleton: Skeleton) -> np.ndarray:
    """Unit directions of bones in the rest pose. Shapes: -> [J,3]."""
    rest = np.zeros((skeleton.num_joints, 3))
    for joint, name in enumerate(skeleton.joints):
        direction = next((way for part, way in _REST.items() if part in name), (0.0, 1.0, 0.0))
        side = {"left": 1.0, "right": -1.0}.get(name.partition("_")[0], 0.0)
        rest[joint] = np.array(direction) * [side, 1, 1]
    return rest / np.linalg.norm(rest, axis=1, keepdims=True)


def _swing(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The smallest rotation from one direction to another. Shapes: [T,3], [T,3] -> [T,3,3].

    Where the other one is zero, nothing turns.
    """
    end = np.where(end.any(-1, keepdims=True), end, start)
    cosine = (start * end).sum(-1)[:, None, None]
    x, y, z = np.cross(start, end).T
    none = np.zeros_like(x)
    axis = np.array([[none, -z, y], [z, none, -x], [-y, x, none]]).transpose(2, 0, 1)
    opposite = cosine < -1 + 1e-12
    turned = np.eye(3) + axis + axis @ axis / np.where(opposite, 1, 1 + cosine)
    # half a turn about any axis at a right angle
    thin = np.eye(3)[np.abs(start).argmin(-1)]
    right = np.cross(start, thin)
    right = right / np.linalg.norm(right, axis=-1, keepdims=True)
    half = 2 * right[:, :, None] * right[:, None, :] - np.eye(3)
    return np.where(opposite, half, turned)


def _fitted(rest: np.ndarray, bones: np.ndarray, above: np.ndarray) -> np.ndarray:
    """The rotation that brings directions nearest to others. [K,3], [T,K,3], [T,3,3] -> [T,3,3].

    What the directions leave open stays as it is `above`.

    Source: Kabsch, "A solution for the best rotation to relate two sets of vectors", Acta
        Crystallographica A32, 1976.
    """
    # a little of where the parent is decides where two directions alone would not
    between = np.einsum("tki,kj->tij", bones, rest) + 1e-3 * above
    left, _, right = np.linalg.svd(between)
    sign = np.sign(np.linalg.det(left @ right))
    left[..., -1] *= sign[:, None]
    return left @ right


def _angles(turned: np.ndarray) -> np.ndarray:
    """Degrees about z, x and y, without jumps. Shapes: [T,3,3] -> [T,3]."""
    z = np.arctan2(-turned[:, 0, 1], turned[:, 1, 1])
    # with z undone the others are sound also where x is a right angle
    cosine, sine = np.cos(z), np.sin(z)
    first = cosine[:, None] * turned[:, 0] + sine[:, None] * turned[:, 1]
    second = -sine[:, None] * turned[:, 0] + cosine[:, None] * turned[:, 1]
    x = np.arctan2(turned[:, 2, 1], second[:, 1])
    y = np.arctan2(first[:, 2], first[:, 0])
    return np.degrees(np.unwrap(np.stack([z, x, y], axis=1), axis=0))
